"""Routes are imported with the first request to their paths: every path finds its own, whatever came before."""

from __future__ import annotations

import re

import pytest

from silvercup.http.app import create_app
from tests.unit.http.conftest import Api
from tests.unit.http.fakes import FakeContainer

DOCUMENT = create_app(object).openapi()
ROUTES = [(method.upper(), path) for path, methods in DOCUMENT["paths"].items() for method in methods]


@pytest.mark.parametrize(("method", "path"), ROUTES, ids=[" ".join(route) for route in ROUTES])
def test_the_first_request_of_an_app_finds_its_route(method: str, path: str):
    api = Api(FakeContainer())
    before = len(api.app.routes)
    answer = api(method, re.sub(r"\{\w+\}", "1", path), headers={"authorization": "Bearer unknown"})
    needs_no_key = path in {"/healthz", "/openapi.json"} or (method, path) == ("POST", "/executions")
    assert answer.status_code in ({200, 400, 422} if needs_no_key else {403}), answer.text
    if path != "/openapi.json":
        assert 0 < len(api.app.routes) - before < 15


@pytest.mark.parametrize(
    "path", ["/", "/nowhere", "/agent", "/agentsx", "/agents/1/nothing", "/executions/1/other/2", "/tasks/1/x/y"]
)
def test_what_is_no_route_is_404_and_imports_nothing(path: str):
    api = Api(FakeContainer())
    before = len(api.app.routes)
    assert api("GET", path).status_code == 404
    assert len(api.app.routes) == before


def test_another_method_is_405_also_as_the_first_request():
    assert Api(FakeContainer())("PUT", "/agents").status_code == 405
    assert Api(FakeContainer())("DELETE", "/tasks/check").status_code == 405


def test_the_document_is_the_same_whatever_was_asked_before():
    api = Api(FakeContainer())
    for path in ("/waits", "/users", "/agents/1/tools"):
        api("GET", path)
    document = api("GET", "/openapi.json").json()
    assert document["paths"].keys() == DOCUMENT["paths"].keys()
    assert document["components"] == DOCUMENT["components"]
