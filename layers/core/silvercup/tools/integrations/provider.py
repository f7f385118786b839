"""Providers as they are described in ``providers/*.yaml``.

    says: What it is.
    urls: {api: https://example.com}         # where; ``urls.api`` in the fields below
    setup: {properties: {...}, required: [...]}
    methods:                                 # the first is meant where a tool names none
      search:
        says: What it does, for a model.
        arguments: {properties: {...}, required: [...]}   # JSON Schema; ``default`` fills in what is absent
        requests:                            # sent in order
          - name: found                      # its answer is ``found`` in what follows: {json | text | xml | base64}
            url: "{urls.api}/search"
            reads: json                      # or text, xml, base64; any: {type, json (or null), text}
            params: {q: "$ arguments.query"}
            form: {file: {filename: a, base64: ...}}   # multipart; or json, or data (a form without files)
            each: "$ ..."                    # once for each ``item``; the answers are a list
            until: "$ answer.json.done"      # asked again until this holds
            fails: "$ answer.json.error"     # what it says, if anything, is why the tool failed
            accepts: [404]                   # statuses that are no failure
        result: {result: "$ found.json"}

The fields of requests and results are those of tasks: ``$ `` begins an expression, ``{...}`` is filled in. What expressions can't do a
function can: ``makes: module.function`` is called with setup, arguments and urls before the requests, and gives what they see as ``made``.
``runs: module.function`` does what is no request at all: it sends mail.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from silvercup.errors import ToolFailed
from silvercup.tools.calls import ToolCall, object_of, spec_of
from silvercup.tools.outgoing import IDEMPOTENT
from silvercup.values import JsonObject

_FILES = Path(__file__).parent / "providers"
_TYPES = {"string": str, "object": dict, "boolean": bool, "integer": int}
LATER = frozenset("mailgun remote_browser ffmpeg algolia google_sheets".split())
"""Providers of v1 that don't run in this version."""


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """A request as it is described; ``fields`` are ``url``, ``method``, ``headers``, ``params``, ``json``, ``data``, ``form`` and ``each``."""

    name: str
    reads: str
    repeatable: bool
    fields: JsonObject
    until: str | None = None
    fails: str | None = None
    accepts: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Method:
    """What a provider does.

    Attributes:
        name: Its name.
        says: What it does, for a model.
        arguments: The JSON Schema of its arguments.
        requests: What is sent, in order.
        result: What the answers become.
        makes: The function that is called first, or None.
        runs: The function that is called with what sends mail, or None.
    """

    name: str
    says: str
    arguments: JsonObject
    requests: tuple[RequestSpec, ...]
    result: Any
    makes: str | None = None
    runs: str | None = None


@dataclass(frozen=True, slots=True)
class Provider:
    """A service.

    Attributes:
        name: As tools name it.
        urls: Where it is.
        setup: The JSON Schema of what a tool has to be set up with.
        methods: By name; the first is the usual one.
    """

    name: str
    urls: dict[str, str]
    setup: JsonObject
    methods: dict[str, Method]


def available() -> list[str]:
    """The names of the providers that run."""
    return [*_names()]


@cache
def _names() -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in _FILES.glob("*.yaml")))


def method_of(spec: JsonObject) -> tuple[Provider, Method]:
    """The provider and the method that a definition names.

    Raises:
        ToolFailed: There is none of the name; lists those there are.
    """
    name, wanted = str(spec.get("provider")), spec.get("method")
    there = _names()
    if name not in there:
        why = "is not available in this version" if name in LATER else "is none that there is"
        raise ToolFailed(f"The provider {name[:80]!r} {why}; there are {', '.join(there)}")
    provider = _load(name)
    method = provider.methods.get(next(iter(provider.methods)) if wanted is None else str(wanted))
    if method is None:
        raise ToolFailed(f"{name} has no method {str(wanted)[:80]!r}; it has {', '.join(provider.methods)}")
    return provider, method


def given(call: ToolCall) -> tuple[JsonObject, JsonObject]:
    """The setup and the arguments of a call's definition."""
    spec = spec_of(call.tool)
    return object_of(spec, "setup", "integration"), object_of(spec, "arguments", "integration")


def check_setup(provider: Provider, setup: JsonObject) -> None:
    """Check what a tool is set up with.

    Raises:
        ToolFailed: Something is missing (named), or has another type than it should; no value is shown.
    """
    missing = [key for key in provider.setup.get("required", ()) if setup.get(key) in (None, "")]
    if missing:
        raise ToolFailed(f"The setup of the integration {provider.name} lacks {', '.join(missing)}")
    for key, schema in provider.setup.get("properties", {}).items():
        kinds = cast("list[str]", schema["type"] if isinstance(schema["type"], list) else [schema["type"]])
        value = setup.get(key)
        if value is not None and not any(_is(value, kind) for kind in kinds):
            wanted = " or ".join(f"an {kind}" if kind[0] in "aeiou" else f"a {kind}" for kind in kinds)
            raise ToolFailed(f"{key} in the setup of the integration {provider.name} must be {wanted}")


def _is(value: Any, kind: str) -> bool:
    return isinstance(value, _TYPES[kind]) and (kind == "boolean" or not isinstance(value, bool))


def defaults_of(method: Method) -> JsonObject:
    """What is meant by arguments that are absent."""
    properties: JsonObject = method.arguments.get("properties", {})
    return {key: schema["default"] for key, schema in properties.items() if "default" in schema}


@cache
def _load(name: str) -> Provider:
    import yaml

    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (_FILES / f"{name}.yaml").read_text(encoding="utf-8")
    described: JsonObject = yaml.load(text, loader)  # noqa: S506  a safe one, whichever it is
    methods = {key: _method(key, one) for key, one in described["methods"].items()}
    return Provider(name, described.get("urls", {}), _schema(described.get("setup")), methods)


def _method(name: str, described: JsonObject) -> Method:
    requests = tuple(_request(one) for one in described.get("requests", ()))
    arguments = _schema(described.get("arguments"))
    makes, runs = described.get("makes"), described.get("runs")
    return Method(name, described["says"], arguments, requests, described["result"], makes, runs)


def _request(described: JsonObject) -> RequestSpec:
    known = {"name", "reads", "repeatable", "until", "fails", "accepts"}
    fields = {"method": "GET", **{key: value for key, value in described.items() if key not in known}}
    repeatable = described.get("repeatable", fields["method"] in IDEMPOTENT)
    return RequestSpec(
        described["name"],
        described.get("reads", "json"),
        repeatable,
        fields,
        described.get("until"),
        described.get("fails"),
        frozenset(described.get("accepts", ())),
    )


def _schema(described: JsonObject | None) -> JsonObject:
    return {"type": "object", **(described or {})}
