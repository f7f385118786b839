"""One app, two functions: the app's routes, the list of those that ``stream`` serves, and the events of the template."""

from __future__ import annotations

from typing import Any

import pytest

from local.intrinsics import read_yaml
from local.template import TEMPLATE
from silvercup.http.app import create_app
from silvercup.http.routing import STREAMED, gateway, gateway_path

RESOURCES = read_yaml(TEMPLATE.read_text(encoding="utf-8"))["Resources"]
FUNCTIONS = {"ApiFunction": "api", "StreamFunction": "stream"}


def routes() -> set[tuple[str, str]]:
    paths = create_app(lambda: None).openapi()["paths"]
    return {(method.upper(), gateway_path(path)) for path, methods in paths.items() for method in methods}


def events(function: str) -> list[dict[str, Any]]:
    return [event["Properties"] for event in RESOURCES[function]["Properties"]["Events"].values()]


def chosen(method: str, path: str) -> str | None:
    """The function that API Gateway calls: part by part the most specific resource, without going back."""
    told = gateway()
    here = ""
    for part in path.strip("/").split("/") if path != "/" else []:
        known = {known for _, known in told}
        fixed = f"{here}/{part}"
        variable = next((path for path in known if path.rpartition("/")[0] == here and path.endswith("id}")), "")
        if fixed in known:
            here = fixed
        elif variable:
            here = variable
        else:
            here = f"{here}/{{proxy+}}"
            break
    here = here or "/"
    return told.get((method, here)) or told.get(("ANY", here))


def test_what_stream_serves_is_served_by_the_app():
    assert routes() >= STREAMED


def test_the_template_says_what_the_list_says():
    said = [((event["Method"], event["Path"]), FUNCTIONS[name]) for name in FUNCTIONS for event in events(name)]
    assert len(said) == len(dict(said))
    assert dict(said) == gateway()


def test_what_stream_serves_is_streamed_for_up_to_15_minutes():
    for event in events("StreamFunction"):
        assert event["ResponseTransferMode"] == "RESPONSE_STREAM"
        assert event["TimeoutInMillis"] == 900_000
    assert not [
        event for event in events("ApiFunction") if "ResponseTransferMode" in event or "TimeoutInMillis" in event
    ]
    assert all(event["RestApiId"] == {"Ref": "RestApi"} for name in FUNCTIONS for event in events(name))


@pytest.mark.parametrize(("method", "path"), sorted(routes()))
def test_every_route_reaches_its_function(method: str, path: str):
    assert chosen(method, path) == ("stream" if (method, path) in STREAMED else "api")
    assert chosen(method, path.replace("{id}", "7").replace("{child_id}", "8")) == chosen(method, path)
    assert chosen("OPTIONS", path) == "api"


@pytest.mark.parametrize(
    "path",
    [
        "/x",
        "/x/y/z",
        "/agents/1/x",
        "/agents/1/x/y",
        "/executions/1/x",
        "/tasks/1/executions/x/y",
        "/agents/1/tasks/2/3/4",
    ],
)
def test_paths_that_do_not_exist_reach_the_app_which_says_so(path: str):
    assert chosen("GET", path) == "api"


def test_one_place_has_one_variable():
    variables: dict[str, set[str]] = {}
    for _, path in gateway():
        parts = path.strip("/").split("/")
        for count, part in enumerate(parts):
            if part.startswith("{"):
                variables.setdefault("/".join(parts[:count]), set()).add(part)
        assert len(set(parts)) == len(parts)
    assert all(len(found) == 1 for found in variables.values()), variables


def test_a_long_path_has_variables_of_its_own():
    assert gateway_path("/a/{x_id}/b/{id}/c/{z}") == "/a/{id}/b/{child_id}/c/{part_id}"
