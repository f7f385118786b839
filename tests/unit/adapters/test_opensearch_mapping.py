"""What an index is made with, for each kind of OpenSearch.

``UPDATE_GOLDEN=1 pytest tests/unit/adapters/test_opensearch_mapping.py`` writes the expected files anew; read their diff before you commit it.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from silvercup.adapters.opensearch.mapping import index_body, spec_of
from silvercup.adapters.opensearch.settings import Engine, OpenSearchSettings, Service
from silvercup.docs.index import IndexSpec

GOLDEN = Path(__file__).parent / "golden_mappings"
SPEC = IndexSpec(model="amazon.titan-embed-text-v2:0", dimensions=1024)
KINDS: dict[str, tuple[Service, Engine | None]] = {
    "domain-lucene": ("es", None),
    "domain-faiss": ("es", "faiss"),
    "serverless": ("aoss", None),
    "serverless-classic-faiss": ("aoss", "faiss"),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_index_is_made_with(kind: str):
    service, engine = KINDS[kind]
    settings = OpenSearchSettings("https://search.example", service, engine, region="eu-west-1")
    made = index_body(SPEC, settings.chosen_engine)
    path = GOLDEN / f"{kind}.json"
    if os.environ.get("UPDATE_GOLDEN") == "1":
        assert not os.environ.get("CI"), "UPDATE_GOLDEN is not for CI"
        path.write_text(json.dumps(made, indent=2) + "\n")
    assert made == json.loads(path.read_text())


def test_what_an_index_was_made_with_can_be_read_again():
    assert spec_of(index_body(SPEC, "lucene")["mappings"]) == SPEC


@pytest.mark.parametrize(
    "mappings",
    [
        {},
        {"_meta": {}},
        {"_meta": {"silvercup": 1}},
        {"_meta": {"silvercup": {"model": "m"}}},
        {"_meta": {"silvercup": {"model": "m", "dimensions": "3"}}},
    ],
)
def test_an_index_that_was_made_elsewhere_has_no_spec(mappings: dict[str, object]):
    assert spec_of(mappings) is None
