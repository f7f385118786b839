"""Lambda entry point of the function ``lifecycle``."""
