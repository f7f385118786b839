"""What goes over the wire, and what becomes of each answer; a server on loopback stands for OpenSearch."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import pytest

from silvercup.adapters.opensearch.bulk import MAX_BYTES
from silvercup.adapters.opensearch.client import Refused, make_client
from silvercup.adapters.opensearch.indexes import OpenSearchIndexes
from silvercup.adapters.opensearch.settings import OpenSearchSettings, Service
from silvercup.docs.index import Chunk, DocIndex, DocIndexes, IndexSpec, Scope
from silvercup.docs.query import Clause, TextQuery
from silvercup.errors import Conflict, InternalError, TransientError
from tests.support.opensearch_rules import REGION, Answer, Request, Server, serving, signature_problem

SPEC = IndexSpec("model", 2)
NAME = "silvercup-docs"
ATTEMPTS = 4


def error(status: int, kind: str) -> Answer:
    return status, json.dumps({"error": {"type": kind, "reason": "a secret"}, "status": status}).encode()


def mapping(spec: IndexSpec = SPEC) -> Answer:
    meta = {"silvercup": {"model": spec.model, "dimensions": spec.dimensions}}
    return 200, json.dumps({NAME: {"mappings": {"_meta": meta}}}).encode()


def found(*hits: dict[str, Any], **more: Any) -> Answer:
    return 200, json.dumps({"hits": {"hits": list(hits)}, "_shards": {"failed": 0}} | more).encode()


def hit(position: int, name: str, score: float = 1.0) -> dict[str, Any]:
    source = {"owner": "agent#1", "doc_id": "d", "version": 1, "position": position, "title": "", "text": "x"}
    return {"_id": name, "_score": score, "_source": source | {"chunk_id": f"d:1:{position}"}}


def bulk_answer(request: Request, *, status: Callable[[int], int] = lambda _: 201, kind: str = "") -> Answer:
    """Every write is answered; ids are made for those without one."""
    items: list[dict[str, Any]] = []
    for line in map(json.loads, request.body.splitlines()):
        if line.keys() & {"index", "delete"} and len(line) == 1:
            ((action, head),) = line.items()
            code = status(len(items))
            item = {"_id": head.get("_id", f"made-{len(items)}"), "status": code}
            items.append(
                {action: item | ({"error": {"type": kind, "reason": "a secret"}} if kind and code >= 400 else {})}
            )
    return 200, json.dumps({"errors": bool(kind), "items": items}).encode()


def chunk(position: int = 0, text: str = "x", vector: tuple[float, ...] | None = None) -> Chunk:
    return Chunk("t", "agent#1", "d", 1, position, "", text, "english", (), vector)


class Slept(list[float]):
    """The pauses that were made."""


@contextmanager
def opened(
    answer: Callable[[Request], Answer], service: Service = ""
) -> Generator[tuple[DocIndex, Server, list[float]]]:
    """An index over a server that answers everything but the look at the mapping with ``answer``."""

    def all_answers(request: Request) -> Answer:
        if request.path.endswith("/_mapping"):
            return mapping()
        return (200, b"") if request.method == "HEAD" else answer(request)

    with serving(all_answers) as server:
        slept = Slept()
        settings = OpenSearchSettings(server.url, service, region=REGION, attempts=ATTEMPTS)
        indexes = OpenSearchIndexes(settings, sleep=slept.append)
        index = indexes.open("docs")
        assert index is not None
        server.requests.clear()
        yield index, server, slept
        indexes.close()


@contextmanager
def all_indexes(answer: Callable[[Request], Answer]) -> Generator[tuple[DocIndexes, Server]]:
    with serving(answer) as server:
        indexes = OpenSearchIndexes(OpenSearchSettings(server.url, attempts=2), sleep=lambda _: None)
        yield indexes, server
        indexes.close()


@pytest.mark.parametrize("service", ["es", "aoss"])
def test_requests_are_signed_for_the_service(service: Service):
    with opened(lambda request: bulk_answer(request) if "_bulk" in request.path else found(), service) as (
        index,
        server,
        _,
    ):
        index.add([chunk(text="ü", vector=(1.0, 0.0))])
        index.nearest(Scope("t", ["o"]), (1.0, 0.0), limit=1)
        index.remove(["a"])
    assert [request.method for request in server.requests] == ["HEAD", "POST", "POST", "POST"]
    assert [signature_problem(request, service) for request in server.requests] == [None] * 4
    assert all(f"/{REGION}/{service}/aws4_request" in request.headers["authorization"] for request in server.requests)


def test_a_node_of_ones_own_gets_no_signature():
    with opened(lambda _: found()) as (index, server, _):
        index.nearest(Scope("t", ["o"]), (1.0, 0.0), limit=1)
    assert "authorization" not in server.requests[0].headers


def test_a_user_and_a_password_are_sent_as_basic_authentication():
    with serving(lambda _: mapping()) as server:
        endpoint = server.url.replace("http://", "http://admin:secret@")
        indexes = OpenSearchIndexes(OpenSearchSettings(endpoint))
        assert indexes.open("docs") is not None
        indexes.close()
    assert server.requests[0].headers["authorization"] == "Basic YWRtaW46c2VjcmV0"


def test_without_credentials_nothing_can_be_signed(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    with pytest.raises(InternalError, match="no AWS credentials"):
        make_client(OpenSearchSettings("https://search.example", "es", region=REGION))


def test_an_endpoint_without_a_port_has_the_schemes():
    client = make_client(OpenSearchSettings("https://search.example"))
    assert [(connection.hostname, connection.port) for connection in client.transport.connection_pool.connections] == [
        ("search.example", 443)
    ]
    client.close()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again_with_pauses(status: int):
    answers = [error(status, "rejected_execution_exception")] * 2 + [found(hit(0, "a"))]
    with opened(lambda _: answers.pop(0)) as (index, _, slept):
        assert len(index.nearest(Scope("t", ["o"]), (1.0, 0.0), limit=1)) == 1
    assert len(slept) == 2
    assert all(0 <= pause <= most for pause, most in zip(slept, [0.5, 1], strict=True))


@pytest.mark.parametrize("status", [429, 503])
def test_what_does_not_pass_is_a_transient_error(status: int):
    with opened(lambda _: error(status, "x")) as (index, server, slept):
        with pytest.raises(TransientError, match=f"search failed with {status}"):
            index.nearest(Scope("t", ["o"]), (1.0, 0.0), limit=1)
        assert (len(server.requests), len(slept)) == (ATTEMPTS, ATTEMPTS - 1)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413])
def test_what_will_not_pass_is_an_internal_error_at_once_without_data(status: int):
    with opened(lambda _: error(status, "some_exception")) as (index, server, _):
        with pytest.raises(InternalError) as caught:
            index.nearest(Scope("t", ["o"]), (1.0, 0.0), limit=1)
        assert caught.value.message == f"opensearch:search failed with {status} some_exception"
        assert len(server.requests) == 1


def test_an_answer_that_cant_be_read_is_an_internal_error():
    with opened(lambda _: (200, b"<html>")) as (index, _, _), pytest.raises(InternalError, match="SerializationError"):
        index.nearest(Scope("t", ["o"]), (1.0, 0.0), limit=1)


def test_nobody_there_is_a_transient_error():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        settings = OpenSearchSettings(f"http://127.0.0.1:{taken.getsockname()[1]}")
        indexes = OpenSearchIndexes(settings, sleep=lambda _: None)
        with pytest.raises(TransientError, match="no answer"):
            indexes.open("docs")
        indexes.close()


@pytest.mark.parametrize("more", [{"_shards": {"failed": 1}}, {"timed_out": True}])
def test_an_answer_from_a_part_of_the_index_is_none(more: dict[str, Any]):
    with opened(lambda _: found(hit(0, "a"), **more)) as (index, _, _), pytest.raises(TransientError, match="a part"):
        index.nearest(Scope("t", ["o"]), (1.0, 0.0), limit=1)


@pytest.mark.parametrize(
    ("service", "ids"), [("", ["d:1:0", "d:1:1"]), ("es", ["d:1:0", "d:1:1"]), ("aoss", ["made-0", "made-1"])]
)
def test_a_serverless_collection_makes_ids_and_a_domain_is_told_them(service: Service, ids: list[str]):
    with opened(bulk_answer, service) as (index, server, _):
        assert index.add([chunk(0), chunk(1)]) == ids
    heads = [json.loads(line) for line in server.requests[-1].body.splitlines()[::2]]
    assert heads == [{"index": {} if service == "aoss" else {"_id": name}} for name in ("d:1:0", "d:1:1")]


def test_writes_are_sent_in_requests_of_a_bounded_size():
    with opened(bulk_answer) as (index, server, _):
        ids = index.add([chunk(position, "ü" * 400_000) for position in range(9)])
    assert ids == [f"d:1:{position}" for position in range(9)]
    sizes = [len(request.body) for request in server.requests if request.method == "POST"]
    assert len(sizes) == 3
    assert max(sizes) <= MAX_BYTES


def test_only_the_writes_that_were_put_off_are_sent_again():
    tried: list[int] = []

    def answer(request: Request) -> Answer:
        tried.append(len(request.body.splitlines()) // 2)
        return bulk_answer(request, status=lambda place: 429 if place and len(tried) == 1 else 201, kind="rejected")

    with opened(answer) as (index, _, slept):
        assert index.add([chunk(0), chunk(1), chunk(2)]) == ["d:1:0", "d:1:1", "d:1:2"]
    assert (tried, len(slept)) == ([3, 2], 1)


def test_writes_that_are_put_off_each_time_are_a_transient_error():
    with (
        opened(lambda request: bulk_answer(request, status=lambda _: 503, kind="unavailable")) as (index, _, _),
        pytest.raises(TransientError, match="2 writes"),
    ):
        index.add([chunk(0), chunk(1)])


def test_a_write_that_the_mapping_does_not_take_is_an_internal_error_without_data():
    with (
        opened(lambda request: bulk_answer(request, status=lambda _: 400, kind="strict_dynamic_mapping_exception")) as (
            index,
            _,
            _,
        ),
        pytest.raises(InternalError, match=r"^opensearch:bulk index failed with 400 strict_dynamic_mapping_exception$"),
    ):
        index.add([chunk()])


def test_nothing_is_sent_when_a_vector_does_not_fit():
    with opened(bulk_answer) as (index, server, _):
        with pytest.raises(ValueError, match="3 dimensions"):
            index.add([chunk(0, vector=(1.0, 0.0)), chunk(1, vector=(1.0, 0.0, 0.0))])
        with pytest.raises(ValueError, match="3 dimensions"):
            index.nearest(Scope("t", ["o"]), (1.0, 0.0, 0.0), limit=1)
        assert index.add([]) == []
        index.remove([])
        assert index.ids_of("t", []) == {}
        assert index.matching(Scope("t", ["o"]), TextQuery(), limit=1) == []
        assert server.requests == []


def test_an_index_that_is_gone_is_not_made_by_a_write():
    def answer(request: Request) -> Answer:
        return mapping() if request.method == "GET" else error(404, "index_not_found_exception")

    with all_indexes(answer) as (indexes, server):
        index = indexes.open("docs")
        assert index is not None
        with pytest.raises(Refused, match="index_not_found_exception"):
            index.add([chunk()])
    assert [request.method for request in server.requests] == ["GET", "HEAD"]


def test_ids_that_are_not_there_are_passed_over_but_not_an_index_that_is_gone():
    with opened(lambda request: bulk_answer(request, status=lambda _: 404)) as (index, _, _):
        index.remove(["a", "b", "a"])
    with (
        opened(lambda request: bulk_answer(request, status=lambda _: 404, kind="index_not_found_exception")) as (
            index,
            _,
            _,
        ),
        pytest.raises(InternalError, match="index_not_found"),
    ):
        index.remove(["a"])


def test_half_of_a_surrogate_pair_is_replaced():
    with opened(lambda request: bulk_answer(request) if "_bulk" in request.path else found()) as (index, server, _):
        index.add([chunk(text="\ud800")])
        index.matching(Scope("t", ["o"]), TextQuery(optional=(Clause("a\ud800"),)), limit=1)
    for request in server.requests:
        assert b"?" in request.body or request.method == "HEAD"
        request.body.decode()


def test_a_chunk_that_is_there_twice_is_found_once_and_another_takes_its_place():
    def answer(request: Request) -> Answer:
        size = json.loads(request.body)["size"]
        copies = [hit(position, f"{position}-{copy}", 1 / (1 + position)) for position in range(9) for copy in range(7)]
        return found(*copies[:size])

    with opened(answer, "aoss") as (index, server, _):
        hits = index.matching(Scope("t", ["o"]), TextQuery(optional=(Clause("x"),)), limit=3)
    assert [one.position for one in hits] == [0, 1, 2]
    assert [json.loads(request.body)["size"] for request in server.requests] == [6, 12, 24]


def test_ids_are_paged_without_missing_a_chunk_that_is_there_twice():
    names = [(f"d:1:{number // 2:04}", f"id-{number}") for number in range(2500)]

    def answer(request: Request) -> Answer:
        body = json.loads(request.body)
        start = body["query"]["bool"]["filter"][2]["range"]["chunk_id"]["gte"]
        rest = [(chunk_id, name) for chunk_id, name in names if chunk_id >= start]
        return found(
            *(
                {"_id": name, "_source": {"doc_id": "d", "chunk_id": chunk_id}}
                for chunk_id, name in rest[: body["size"]]
            )
        )

    with opened(answer, "aoss") as (index, _, _):
        assert index.ids_of("t", ["d", "d"]) == {"d": [name for _, name in names]}


def test_an_index_is_made_once():
    def answer(request: Request) -> Answer:
        return (200, b"{}") if request.method == "PUT" else error(404, "index_not_found_exception")

    with all_indexes(answer) as (indexes, server):
        indexes.create("docs", SPEC)
    assert [(request.method, request.path) for request in server.requests] == [
        ("GET", f"/{NAME}/_mapping"),
        ("PUT", f"/{NAME}"),
    ]


def test_an_index_that_somebody_else_makes_first_is_as_good():
    answers = [error(404, "index_not_found_exception"), error(400, "resource_already_exists_exception"), mapping()]
    with all_indexes(lambda _: answers.pop(0)) as (indexes, _):
        indexes.create("docs", SPEC)
    assert answers == []


def test_an_index_that_somebody_else_is_making_may_be_there_later():
    answers = [
        error(404, "index_not_found_exception"), error(400, "resource_already_exists_exception"), error(404, "index_not_found_exception"),
    ]  # fmt: skip
    with all_indexes(lambda _: answers.pop(0)) as (indexes, _), pytest.raises(TransientError, match="being made"):
        indexes.create("docs", SPEC)


def test_an_index_with_another_spec_is_a_conflict_that_says_what_to_do():
    with all_indexes(lambda _: mapping(IndexSpec("old", 3))) as (indexes, _):
        with pytest.raises(Conflict) as caught:
            indexes.create("docs", SPEC)
        for part in ("old", "3", "model", "2", "silvercup reindex"):
            assert part in caught.value.message


def test_an_index_that_was_made_elsewhere_is_left_alone():
    with (
        all_indexes(lambda _: (200, json.dumps({NAME: {"mappings": {}}}).encode())) as (indexes, _),
        pytest.raises(InternalError, match="not made by silvercup"),
    ):
        indexes.create("docs", SPEC)


def test_a_mapping_that_is_refused_is_an_internal_error():
    def answer(request: Request) -> Answer:
        return error(404, "x") if request.method == "GET" else error(400, "mapper_parsing_exception")

    with all_indexes(answer) as (indexes, _), pytest.raises(InternalError, match="mapper_parsing_exception"):
        indexes.create("docs", SPEC)


@pytest.mark.parametrize("name", ["*", "a,b", "_all", "A", "", "a/b"])
def test_a_name_that_could_mean_other_indexes_is_refused(name: str):
    with all_indexes(lambda _: (200, b"{}")) as (indexes, server):
        with pytest.raises(ValueError, match="lower-case letters"):
            indexes.drop(name)
        assert server.requests == []
