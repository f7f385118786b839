"""Lambda entry point of the function ``steps``."""
