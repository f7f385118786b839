"""Lambda entry point of the function ``stream``."""
