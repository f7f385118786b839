"""Tools: what a model or a task step can call, run by one runner with a module per type."""
