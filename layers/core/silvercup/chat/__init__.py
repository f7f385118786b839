"""Chat: what is said to a model in a session, and what it answers."""
