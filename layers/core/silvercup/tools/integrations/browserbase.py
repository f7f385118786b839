"""What requests to Browserbase have in common, and the body of a new session."""

from __future__ import annotations

from silvercup.values import JsonObject

_FORMER = "https://www.browserbase.com"
"""Where v1's definitions say that Browserbase is; its API has moved."""


def common(setup: JsonObject, arguments: JsonObject, urls: dict[str, str]) -> JsonObject:
    """Where Browserbase is and with which key: ``{url, headers}``."""
    del arguments
    given = str(setup.get("api_url") or _FORMER).rstrip("/")
    url = urls["api"] if given == _FORMER else given.removesuffix("/v1")
    return {"url": url, "headers": {"X-BB-API-Key": setup["api_key"]}}


def new_session(setup: JsonObject, arguments: JsonObject, urls: dict[str, str]) -> JsonObject:
    """``common`` and ``body``, which says only what was said: the project's own settings are the rest."""
    given = {key: value for key, value in arguments.items() if value not in (None, "")}
    return {**common(setup, arguments, urls), "body": {"projectId": setup["project_id"], **given}}
