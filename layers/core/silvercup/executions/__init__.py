"""Executions: their transitions, records, status and the API's operations on them. Knows nothing of ``runtime``."""
