"""Which function serves a route: ``stream`` what is big or slow, ``api`` the rest.

Both serve the same app. API Gateway chooses by the events of ``template.yaml``, which ``gateway`` derives from ``STREAMED``; a
test holds the two against each other and against the routes of the app.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

STREAMED = frozenset({
    ("DELETE", "/agents/{id}/docs"),
    ("DELETE", "/users/{id}/docs"),
    ("GET", "/agents"),
    ("GET", "/agents/{id}/docs"),
    ("GET", "/agents/{id}/tasks"),
    ("GET", "/agents/{id}/tools"),
    ("GET", "/docs/{id}"),
    ("GET", "/executions"),
    ("GET", "/executions/{id}"),
    ("GET", "/executions/{id}/status.stream"),
    ("GET", "/executions/{id}/transitions"),
    ("GET", "/executions/{id}/transitions.stream"),
    ("GET", "/executions/{id}/transitions/{child_id}"),
    ("GET", "/files"),
    ("GET", "/files/{id}"),
    ("GET", "/files/{id}/content"),
    ("GET", "/projects"),
    ("GET", "/sessions"),
    ("GET", "/sessions/{id}/history"),
    ("GET", "/tasks/{id}/executions"),
    ("GET", "/tasks/{id}/versions"),
    ("GET", "/usage"),
    ("GET", "/users"),
    ("GET", "/users/{id}/docs"),
    ("GET", "/waits"),
    ("POST", "/agents/{id}/docs/file"),
    ("POST", "/agents/{id}/search"),
    ("POST", "/files/{id}/complete"),
    ("POST", "/responses"),
    ("POST", "/sessions/{id}/chat"),
    ("POST", "/sessions/{id}/render"),
    ("POST", "/users/{id}/docs/file"),
    ("POST", "/users/{id}/search"),
})  # fmt: skip
"""The routes whose answers may be over 6 MB or take over 29 seconds; a search does when a serverless index has to wake up first."""

_VARIABLE = re.compile(r"\{[^{}]+\}")
_NAMES = ("{id}", "{child_id}", "{part_id}")
"""API Gateway takes one name of a variable per place, whatever the routes of the app call it."""


def gateway_path(path: str) -> str:
    """A route's path as API Gateway has it: ``/agents/{agent_id}/tasks`` is ``/agents/{id}/tasks``."""
    names = iter(_NAMES)
    return _VARIABLE.sub(lambda _: next(names), path)


def gateway(streamed: Iterable[tuple[str, str]] = STREAMED) -> dict[tuple[str, str], str]:
    """What API Gateway must be told.

    It takes the most specific resource and never goes back to a wider one: so every path that leads to a streamed route names what
    else there is at it and below it. A place has one variable: beside ``{id}`` there is no ``{proxy+}``.

    Returns:
        Of each (method, path) the function: ``api`` or ``stream``.
    """
    streamed = set(streamed)
    named = {above for _, path in streamed for above in _down_to(path)}
    told = {("ANY", "/"): "api", ("ANY", "/{proxy+}"): "api"}
    for path in named:
        told["ANY", path] = "api"
        if not any(below.startswith(f"{path}/{{") for below in named):
            told["ANY", f"{path}/{{proxy+}}"] = "api"
    return told | dict.fromkeys(streamed, "stream")


def _down_to(path: str) -> Iterator[str]:
    parts = path.strip("/").split("/")
    yield from ("/" + "/".join(parts[:count]) for count in range(1, len(parts) + 1))
