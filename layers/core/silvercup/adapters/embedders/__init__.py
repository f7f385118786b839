"""What turns texts into vectors: an adapter of ``docs.embedding.Embedder`` per provider. Imports nothing, for each brings an SDK."""
