"""The embedded index of chunks: one SQLite file per index, in it FTS5 for words, beside it the vectors in memory.

The file is the truth. Every search begins by taking what has changed in it since the last one into memory (``rows``), so several
processes may use it at once. The exact cosines (``nearest``) and BM25 (``matching``) are computed over the rows of the scope.
"""

from silvercup.adapters.sqlite_index.indexes import SqliteIndexes

__all__ = ["SqliteIndexes"]
