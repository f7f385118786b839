"""``StreamFunction``: the same API, streaming."""
