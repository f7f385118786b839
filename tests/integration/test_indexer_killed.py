"""Docs arrive complete while the process that indexes them is killed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.kills import CHANGED, DELETED, KilledIndexing

DOCS, KILLS = 500, 3


@pytest.mark.parametrize("seed", [1, 2])
def test_every_doc_is_in_the_index_once_and_as_it_is_now(tmp_path: Path, seed: int):
    indexing = KilledIndexing(tmp_path, seed)
    indexing.run(DOCS, KILLS)
    assert indexing.kills == KILLS
    assert indexing.problems() == []
    hundreds = DOCS // 100
    assert indexing.docs == DOCS - (hundreds - 1) * DELETED
    versions = [item["version"] for item in indexing.tables.items.values() if item.get("kind") == "doc"]
    assert versions.count(2) == (hundreds - 1) * CHANGED
