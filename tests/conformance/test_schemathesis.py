"""Requests made from the OpenAPI document, right and wrong ones: none is answered with a 5xx, nor with what the document does not say."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from silvercup.http.app import create_app
from silvercup.ids import uuid7
from tests.conformance.stack import Running, deployed, local

EXAMPLES = 12
CHECKS: list[Any] = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]

SLOW: Any = list(HealthCheck)
DOCUMENT = create_app(object).openapi()


def operations() -> dict[str, Any]:
    """Every operation, by its label. They are made without the key, which the fixture sends."""
    paths = {
        path: {method: {**one, "security": []} for method, one in methods.items()}
        for path, methods in DOCUMENT["paths"].items()
    }
    found: Any = schemathesis.openapi.from_dict({**DOCUMENT, "paths": paths}).get_all_operations()
    return {one.ok().label: one.ok() for one in found}


OPERATIONS = operations()


@pytest.fixture(scope="module")
def fuzzed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A stack for this alone: it is left full of odd things."""
    if there := deployed():
        yield there
        return
    with local(tmp_path_factory.mktemp("fuzzed")) as running:
        yield running


@pytest.fixture(scope="module")
def session(fuzzed: Running) -> Iterator[requests.Session]:
    with requests.Session() as made:
        made.headers["authorization"] = f"Bearer {fuzzed.key}"
        yield made


@pytest.fixture(scope="module")
def real(fuzzed: Running) -> dict[str, str]:
    """Ids of things that are there, by the place in a path that names their kind."""
    with httpx.Client(base_url=fuzzed.url, headers={"authorization": f"Bearer {fuzzed.key}"}, timeout=30) as http:

        def made(path: str, body: dict[str, Any]) -> str:
            answer = http.post(path, json=body)
            assert answer.status_code == 201, answer.text
            return answer.json()["id"]

        agent = made("/agents", {"name": "A"})
        task = made(f"/agents/{agent}/tasks", {"name": "T", "main": [{"evaluate": {"x": "$ 1"}}]})
        execution = made(f"/tasks/{task}/executions", {"input": {}})
        assert "succeeded" in http.get(f"/executions/{execution}/status.stream").text
        transition = http.get(f"/executions/{execution}/transitions").json()["items"][0]["id"]
        found = {"agents": agent, "tasks": task, "executions": execution, "jobs": execution, "transitions": transition}
        for kind in ("users", "projects"):
            if f"/{kind}" in DOCUMENT["paths"]:
                found[kind] = made(f"/{kind}", {"name": "X", "canonical_name": f"x_{uuid7().replace('-', '')}"})
        found["files"] = made("/files", {"name": "a.txt", "mime_type": "text/plain", "content": "YQ=="})
        if "/sessions" in DOCUMENT["paths"]:
            found["sessions"] = made("/sessions", {"agent": agent, "user": found["users"]})
        return found


def cases() -> list[tuple[str, GenerationMode]]:
    """Where there is nothing to get wrong, only the right requests."""
    return [
        (label, mode)
        for label, operation in OPERATIONS.items()
        for mode in GenerationMode
        if mode.is_positive or operation.definition.raw.get("parameters") or operation.body
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("label", "mode"), cases())
def test_no_request_is_answered_with_5xx(
    fuzzed: Running, session: requests.Session, real: dict[str, str], label: str, mode: GenerationMode
):
    operation = OPERATIONS[label]
    parts = operation.path.strip("/").split("/")
    known = {
        part[1:-1]: real[before]
        for before, part in pairwise(parts)
        if part.startswith("{") and before in real and operation.method != "delete"
    }

    # An event stream's schema is that of its text; schemathesis takes it for that of one event.
    checks = [check for check in CHECKS if check is not response_schema_conformance or ".stream" not in label]

    @settings(max_examples=EXAMPLES, phases=[Phase.generate], suppress_health_check=SLOW)
    @given(case=operation.as_strategy(generation_mode=mode), there=st.integers(0, 3))
    def each(case: Any, there: int) -> None:
        if there:
            case.path_parameters = {**(case.path_parameters or {}), **known}
        response = case.call(base_url=fuzzed.url, session=session, timeout=60)
        case.validate_response(response, checks=checks)

    each()
