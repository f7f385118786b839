"""Docs on the local stack: what a killed process left over, what can't be indexed, the index made anew by the command."""

from __future__ import annotations

import os
import re
import signal
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest

from local.stack import Stack
from silvercup.docs.documents import doc_key
from silvercup.settings import DEFAULT_TENANT
from silvercup.storage import Change
from tests.integration.test_local_cli import dev, silvercup
from tests.support.runs import wait_until

HEADERS = {"Authorization": "Bearer x"}
INDEXER = "silvercup-local-indexer"


class Docs:
    """The docs of one user."""

    def __init__(self, url: str, at: str = "") -> None:
        self.url = url
        self.at = at or f"/users/{self._post('/users', {'name': 'Ada'})['id']}"

    def call(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return httpx.request(method, f"{self.url}{path}", json=body, headers=HEADERS, timeout=60)

    def _post(self, path: str, body: Any) -> Any:
        answer = self.call("POST", path, body)
        assert answer.is_success, answer.text
        return answer.json()

    def create(self, title: str, content: Any) -> str:
        return self._post(f"{self.at}/docs", {"title": title, "content": content})["id"]

    def get(self, doc_id: str) -> dict[str, Any]:
        return self.call("GET", f"/docs/{doc_id}").json()

    def until(self, doc_id: str, status: str = "ready") -> None:
        wait_until(lambda: self.get(doc_id)["embedding_status"] == status, f"{status} of {doc_id}", 60)

    def found(self, text: str) -> list[str]:
        return [found["id"] for found in self._post(f"{self.at}/search", {"text": text})["docs"]]


@contextmanager
def stack(state: Path, **env: str) -> Generator[Stack]:
    with Stack(state=state, env=env, sweep_seconds=3600) as started:
        yield started


def test_docs_outlive_a_restart_and_what_was_left_over_is_indexed(tmp_path: Path) -> None:
    with stack(tmp_path) as running:
        docs = Docs(running.url)
        kept, gone = docs.create("A", "The heron stands still."), docs.create("B", "The heron flies.")
        docs.until(kept)
        docs.until(gone)

        def dead(*_: object) -> None:
            raise RuntimeError("the function is dead")

        running.aws.invoker.replace(INDEXER, dead)
        late = docs.create("C", ["Another heron calls.", "x" * 20_000])
        assert docs.call("DELETE", f"/docs/{gone}").status_code == 202
        assert docs.found("heron") == [kept]
    with stack(tmp_path) as running:
        again = Docs(running.url, docs.at)
        again.until(late)
        assert sorted(again.found("heron")) == sorted([kept, late])
        assert again.get(gone)["error"]["code"] == "not_found"
        key = doc_key(DEFAULT_TENANT, gone)
        wait_until(lambda: running.container.tables.get(key) is None, "the tombstone is gone", 20)
        assert len(again.get(late)["embeddings"]) == 2


def test_a_doc_that_can_not_be_indexed_goes_to_the_queue_and_holds_nobody_up(tmp_path: Path) -> None:
    with stack(tmp_path) as running, pytest.MonkeyPatch.context() as patch:
        patch.setattr("local.streams._RETRY_SECONDS", 0.001)
        docs = Docs(running.url)
        first = docs.create("A", "one")
        docs.until(first)
        tables = running.container.tables
        key = doc_key(DEFAULT_TENANT, first)
        tables.update(key, Change(set={"body": "no JSON", "due": 1}))
        last = docs.create("B", "two")
        docs.until(last)
        with closing(running.aws.client("sqs")) as queue:
            url = queue.get_queue_url(QueueName="silvercup-local-indexer")["QueueUrl"]
            assert first in queue.receive_message(QueueUrl=url)["Messages"][0]["Body"]


def test_the_command_makes_the_index_anew(tmp_path: Path) -> None:
    state = tmp_path / "state"
    with dev(state) as running:
        docs = Docs(running.url)
        empty = silvercup("reindex", "--state", state)
        assert (empty.returncode, "no docs yet" in empty.stdout) == (0, True)
        made = [docs.create(f"Title {i}", f"The crane number {i} stands in the reeds.") for i in range(30)]
        docs.until(made[-1])
        ended = silvercup("reindex", "--state", state)
        assert ended.returncode == 0, ended.stderr
        assert re.match(r"30 docs are in docs-2, which answers now", ended.stdout)
        assert len(docs.found("crane")) == 10
        wait_until(lambda: not [*(state / "index").glob("*docs-1*")], "the old index is gone", 20)
        running.end(signal.SIGKILL)
    with dev(state) as running:
        assert len(Docs(running.url, docs.at).found("crane")) == 10
    nowhere = silvercup("reindex", "--state", tmp_path / "other")
    assert (nowhere.returncode, "no silvercup dev runs" in nowhere.stderr) == (1, True)


def test_another_embedder_is_refused_with_what_to_do(tmp_path: Path) -> None:
    with stack(tmp_path) as running:
        docs = Docs(running.url)
        docs.until(docs.create("A", "one"))
    env = {"SILVERCUP_EMBEDDER": "openai", "OPENAI_BASE_URL": "http://127.0.0.1:9/v1", "OPENAI_API_KEY": "k"}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in env.items():
            patch.setitem(os.environ, name, value)
        with stack(tmp_path, **env) as running:
            docs = Docs(running.url, docs.at)
            answer = docs.call("POST", f"{docs.at}/search", {"vector": [1.0] * 1024})
            assert answer.status_code == 409
            assert "run 'silvercup reindex'" in answer.json()["error"]["message"]
