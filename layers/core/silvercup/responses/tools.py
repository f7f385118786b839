"""The tools of a request: functions, whose calls the caller answers, and the search of the web, which runs here."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

from silvercup.errors import InvalidRequest
from silvercup.responses.request import wrong
from silvercup.tool_types import CHOICES
from silvercup.tools.json_schema import parameters_problems
from silvercup.values import JsonObject

MAX_TOOLS = 128
SEARCH = "web_search"
"""The name by which a model knows the search of the web."""
_SEARCHES = re.compile(r"web_search(_preview)?(_\d{4}_\d{2}_\d{2})?")
_NAME = re.compile(r"[A-Za-z0-9_-]{1,128}")


def tools_of(
    given: Sequence[Any], search_key: Callable[[], str | None]
) -> tuple[dict[str, JsonObject], list[JsonObject]]:
    """The tools as a chat has them, by name, and as the response shows them.

    Args:
        given: As they came.
        search_key: Gives the key of Brave's search, when one is needed.

    Raises:
        InvalidRequest: One is not well formed or not served, or two have one name; says which.
    """
    if len(given) > MAX_TOOLS:
        raise wrong("tools", f"there are {len(given)}; send at most {MAX_TOOLS}")
    tools: dict[str, JsonObject] = {}
    shown: list[JsonObject] = []
    for index, one in enumerate(given):
        where = f"tools[{index}]"
        tool = cast("JsonObject", one) if isinstance(one, dict) else {}
        kind = tool.get("type")
        if kind == "function":
            made, show = _function(tool, where)
        elif isinstance(kind, str) and _SEARCHES.fullmatch(kind):
            made, show = _search(where, search_key()), tool
        else:
            raise wrong(f"{where}.type", f"is {str(kind)[:60]!r}; it is function or web_search_preview")
        if made["name"] in tools:
            raise wrong(f"{where}.name", f"another tool has the name {made['name']!r} too")
        tools[made["name"]] = made
        shown.append(show)
    return tools, shown


def searches_of(shown: Sequence[JsonObject]) -> frozenset[str]:
    """The names of tools that search the web, of the tools as a response shows them."""
    return frozenset({SEARCH}) if any(_SEARCHES.fullmatch(tool["type"]) for tool in shown) else frozenset()


def choice_of(given: Any, tools: Mapping[str, JsonObject]) -> tuple[str | JsonObject | None, str | JsonObject]:
    """The choice of a tool as ``ModelRequest`` has it, and as the response shows it.

    Raises:
        InvalidRequest: It is none that is served, or names no tool of the request.
    """
    if given is None:
        return None, "auto"
    match given:
        case str() if given in CHOICES:
            if given == "required" and not tools:
                raise wrong("tool_choice", "is 'required', but there are no tools")
            return given, given
        case {"type": "function", "name": str(name)} | {"type": "function", "function": {"name": str(name)}}:
            if name not in tools:
                raise wrong("tool_choice", f"names {name!r}; the tools are {', '.join(tools) or 'none'}")
            return {"type": "function", "function": {"name": name}}, {"type": "function", "name": name}
        case {"type": str(kind)} if _SEARCHES.fullmatch(kind):
            if SEARCH not in tools:
                raise wrong("tool_choice", f"is {kind}, which is not among the tools")
            return {"type": "function", "function": {"name": SEARCH}}, {"type": kind}
        case _:
            raise wrong("tool_choice", f"must be {', '.join(CHOICES)}, or a function of the tools by its name")


def _function(tool: JsonObject, where: str) -> tuple[JsonObject, JsonObject]:
    name, parameters, description = tool.get("name"), tool.get("parameters"), tool.get("description")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise wrong(f"{where}.name", "a function's name has 1 to 128 letters, digits, _ or -; it stands beside type")
    if parameters is not None and (problems := parameters_problems(parameters, f"{where}.parameters", applied=False)):
        raise InvalidRequest(f"{problems[0].loc}: {problems[0].msg}", problems)
    if description is not None and not isinstance(description, str):
        raise wrong(f"{where}.description", "must be a text")
    function: JsonObject = {"parameters": parameters or {"type": "object", "properties": {}}}
    made: JsonObject = {"name": name, "type": "function", "description": description, "function": function}
    strict = tool.get("strict")
    show: JsonObject = {
        "type": "function",
        "name": name,
        "description": description,
        "parameters": parameters,
        "strict": strict,
    }
    return made, show


def _search(where: str, key: str | None) -> JsonObject:
    if not key:
        raise wrong(
            where,
            "searches the web by Brave, for which no key is set up",
            "make a secret BRAVE_API_KEY, or leave the tool out",
        )
    setup = {"brave_api_key": key}
    spec: JsonObject = {"provider": "brave", "method": "search", "setup": setup}
    return {"name": SEARCH, "type": "integration", "description": "Search the web", "integration": spec}
