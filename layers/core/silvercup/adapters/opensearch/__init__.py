"""``DocIndexes`` over OpenSearch: a managed domain, a serverless collection, or a node of one's own.

One mapping and one set of requests for all of them, so only what all of them take is used: no refresh, no delete-by-query, no scripts,
no aliases, no ``_id`` of our own where a serverless collection makes it. ``opensearchpy`` takes half a second to import; it is imported
when the first client is made.
"""
