"""Docs from the request to the answer with OpenSearch behind them: the local stack, a real node."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from local.stack import Stack
from silvercup.docs import generations
from silvercup.docs.reindex import Reindex
from tests.integration.test_local_docs import Docs
from tests.support.runs import wait_until


@pytest.fixture(scope="module")
def docs(opensearch_node: str) -> Iterator[tuple[Docs, Stack]]:
    env = {
        "SILVERCUP_INDEX": "opensearch",
        "SILVERCUP_INDEX_ENDPOINT": opensearch_node,
        "SILVERCUP_INDEX_PREFIX": f"stack-{uuid.uuid4()}",
    }
    with Stack(env=env, sweep_seconds=3600) as stack:
        yield Docs(stack.url), stack


def search(docs: Docs, **body: Any) -> list[str]:
    answer = docs.call("POST", f"{docs.at}/search", {"confidence": -1, **body})
    assert answer.status_code == 200, answer.text
    return [found["id"] for found in answer.json()["docs"]]


def test_docs_are_found_changed_and_gone(docs: tuple[Docs, Stack]) -> None:
    here, _ = docs
    cats = here.create("Cats", "Kittens purr on the warm sofa.")
    money = here.create("Money", "Interest rates rose by half a percent.")
    german = here.call(
        "POST", f"{here.at}/docs", {"title": "Häuser", "content": "Alte Häuser am Fluss.", "language": "de"}
    )
    for doc in (cats, money, german.json()["id"]):
        here.until(doc)
    wait_until(lambda: search(here, text="sofas") == [cats], "the refresh", 20)
    assert search(here, text="haus", lang="de") == [german.json()["id"]]
    assert search(here, text="a small cat sleeps", mode="vector", mmr_strength=0)[0] == cats
    assert search(here, text="loans and banks", mode="hybrid", mmr_strength=0)[0] == money
    assert search(here, text="kitens", trigram_similarity_threshold=0.4) == [cats]
    assert search(here, text='"warm sofa" -money') == [cats]
    here.call("PATCH", f"/docs/{cats}", {"content": "Dogs bark at the gate."})
    assert cats not in search(here, text="sofas")
    wait_until(lambda: search(here, text="barking") == [cats], "the new text", 30)
    here.call("DELETE", f"/docs/{cats}")
    assert search(here, text="barking") == []


def test_the_index_is_made_anew(docs: tuple[Docs, Stack]) -> None:
    here, stack = docs
    made = [here.create(f"Bird {number}", f"Heron number {number} stands in the reeds.") for number in range(12)]
    here.until(made[-1])
    before = generations.read(stack.container.tables).current
    done = Reindex(stack.container.tables, lambda _: None).run()
    assert done is not None
    assert done.index == generations.read(stack.container.tables).current != before
    wait_until(lambda: len(search(here, text="herons", limit=20)) == 12, "the new index", 20)
    wait_until(lambda: stack.container.doc_indexes.open(before) is None, "the old index is gone", 20)
