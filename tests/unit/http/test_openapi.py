"""The OpenAPI document: complete, valid, and the one that is committed."""

from __future__ import annotations

import importlib
import json
import pkgutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi.routing import APIRoute
from openapi_spec_validator import OpenAPIV31SpecValidator

from silvercup.http import routes as package
from silvercup.http.app import create_app

COMMITTED = Path(__file__).parents[3] / "docs" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return json.loads(json.dumps(create_app(object).openapi()))


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield method, path, operation


def test_the_committed_document_is_what_the_app_answers(document: dict[str, Any]):
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == document, "run `make openapi`"


def test_it_is_valid(document: dict[str, Any]):
    assert [error.message for error in OpenAPIV31SpecValidator(document).iter_errors()] == []


def test_it_has_every_route_with_its_answers_and_errors(document: dict[str, Any]):
    served = {(m.lower(), route.path) for route in routes() for m in route.methods or ()}
    described = {(method, path) for method, path, _ in operations(document)}
    assert served | {("get", "/openapi.json")} == described
    names = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(names) == len(set(names))
    for method, path, operation in operations(document):
        where = f"{method} {path}"
        responses = operation["responses"]
        shown = [response for status, response in responses.items() if status.startswith("2") and status != "204"]
        assert len(shown) == 1, where
        for media in shown[0]["content"].values():
            assert media["schema"], where
        assert "X-Request-Id" in shown[0]["headers"], where
        assert "default" in responses, where
        assert ("401" in responses) == ("security" in operation), where
        assert ("{" not in path) or "404" in responses, where
        if "requestBody" in operation:
            assert {"400", "413", "422"} <= set(responses), where
            for media in operation["requestBody"]["content"].values():
                assert media["schema"], where


def test_it_says_which_posts_take_an_idempotency_key(document: dict[str, Any]):
    claiming = {
        (method.lower(), route.path)
        for route in routes()
        for method in route.methods or ()
        if {"claim", "once"} & {*route.endpoint.__code__.co_names}
    }
    assert claiming
    described = {
        (method, path)
        for method, path, operation in operations(document)
        if any(parameter["name"] == "Idempotency-Key" for parameter in operation.get("parameters", ()))
    }
    assert described == claiming


def routes() -> list[APIRoute]:
    """The routes of every file in ``http/routes``."""
    names = [found.name for found in pkgutil.iter_modules(package.__path__)]
    routers = [importlib.import_module(f"{package.__name__}.{name}").router for name in names]
    return [route for router in routers for route in router.routes]
