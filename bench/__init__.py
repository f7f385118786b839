"""The figures of ``README.md`` here, one module each; ``python -m bench`` prints them and writes ``results.md``."""
