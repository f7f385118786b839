"""The edge: the REST API, in the shapes of Julep v1."""
