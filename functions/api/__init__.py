"""Lambda entry point of the function ``api``."""
