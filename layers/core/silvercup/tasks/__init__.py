"""Tasks: compiled when they are written, so that what is stored can run."""
