"""``ApiFunction``: REST through API Gateway."""
