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
            reads: json                      # or text, xml, base64
            params: {q: "$ arguments.query"}
            each: "$ ..."                    # once for each ``item``; the answers are a list
        result: {result: "$ found.json"}

The fields of requests and results are those of tasks: ``$ `` begins an expression, ``{...}`` is filled in.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from silvercup.errors import ToolFailed
from silvercup.tools.calls import ToolCall, object_of, spec_of
from silvercup.tools.outgoing import IDEMPOTENT
from silvercup.values import JsonObject

_FILES = Path(__file__).parent / "providers"
LATER = frozenset(
    "email mailgun spider browserbase remote_browser llama_parse ffmpeg cloudinary unstructured algolia google_sheets".split()
)
"""Providers of v1 that don't run in this version."""


@dataclass(frozen=True, slots=True)
class RequestSpec:
    """A request as it is described; ``fields`` are ``url``, ``method``, ``headers``, ``params``, ``json``, ``data`` and ``each``."""

    name: str
    reads: str
    repeatable: bool
    fields: JsonObject


@dataclass(frozen=True, slots=True)
class Method:
    """What a provider does.

    Attributes:
        name: Its name.
        says: What it does, for a model.
        arguments: The JSON Schema of its arguments.
        requests: What is sent, in order.
        result: What the answers become.
    """

    name: str
    says: str
    arguments: JsonObject
    requests: tuple[RequestSpec, ...]
    result: Any


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
    return sorted(path.stem for path in _FILES.glob("*.yaml"))


def method_of(spec: JsonObject) -> tuple[Provider, Method]:
    """The provider and the method that a definition names.

    Raises:
        ToolFailed: There is none of the name; lists those there are.
    """
    name, wanted = str(spec.get("provider")), spec.get("method")
    there = available()
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
    missing = [key for key in provider.setup.get("required", ()) if setup.get(key) in {None, ""}]
    if missing:
        raise ToolFailed(f"The setup of the integration {provider.name} lacks {', '.join(missing)}")
    types = {"string": str, "object": dict, "boolean": bool}
    for key, schema in provider.setup.get("properties", {}).items():
        wanted = types.get(schema["type"])
        if setup.get(key) is not None and wanted is not None and not isinstance(setup[key], wanted):
            raise ToolFailed(f"{key} in the setup of the integration {provider.name} must be a {schema['type']}")


def defaults_of(method: Method) -> JsonObject:
    """What is meant by arguments that are absent."""
    properties: JsonObject = method.arguments.get("properties", {})
    return {key: schema["default"] for key, schema in properties.items() if "default" in schema}


@cache
def _load(name: str) -> Provider:
    import yaml

    described: JsonObject = yaml.safe_load((_FILES / f"{name}.yaml").read_text(encoding="utf-8"))
    methods = {key: _method(key, one) for key, one in described["methods"].items()}
    return Provider(name, described.get("urls", {}), _schema(described.get("setup")), methods)


def _method(name: str, described: JsonObject) -> Method:
    requests = tuple(_request(one) for one in described.get("requests", ()))
    return Method(name, described["says"], _schema(described.get("arguments")), requests, described["result"])


def _request(described: JsonObject) -> RequestSpec:
    known = {"name", "reads", "repeatable"}
    fields = {"method": "GET", **{key: value for key, value in described.items() if key not in known}}
    repeatable = described.get("repeatable", fields["method"] in IDEMPOTENT)
    return RequestSpec(described["name"], described.get("reads", "json"), repeatable, fields)


def _schema(described: JsonObject | None) -> JsonObject:
    return {"type": "object", **(described or {})}
