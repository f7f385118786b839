"""Lambda entry point of the function ``prompts``."""
