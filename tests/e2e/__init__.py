"""The conformance cases on a deployed stack; see ``__main__``."""
