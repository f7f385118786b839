"""``system`` tools: the API's own operations, run through the same services as its routes."""
