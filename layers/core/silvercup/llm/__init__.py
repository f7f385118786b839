"""Models: the port, the names that resolve to one, and the service that calls it. No provider's SDK is imported here."""
