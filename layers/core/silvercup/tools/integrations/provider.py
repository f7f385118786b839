"""Providers as they are described in ``providers/*.yaml``.

    says: What it is.
    urls: {api: https://example.com}         # where; ``urls.api`` in the fields below
    setup: {properties: {...}, required: [...]}   # ``integrations/setup.py`` says what it may have
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

``providers/later/*.yaml`` describe in the same way, without requests and result, v1's providers that don't run in this version: tools can be
defined with them.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

from silvercup.errors import Problem, ToolFailed
from silvercup.tools.calls import ToolCall, object_of, spec_of
from silvercup.tools.outgoing import IDEMPOTENT
from silvercup.values import JsonObject, kind_of

_FILES = Path(__file__).parent / "providers"
_LATER = _FILES / "later"


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


def available() -> tuple[str, ...]:
    """The names of the providers that run."""
    return _names(_FILES)


def later() -> tuple[str, ...]:
    """The names of v1's providers that can be defined and don't run in this version."""
    return _names(_LATER)


def method_of(spec: JsonObject) -> tuple[Provider, Method]:
    """The provider and the method that a call uses; errors as ``described``, and the provider may not run."""
    if spec.get("provider") in later():
        raise ToolFailed(
            f"The provider {spec['provider']!r} is not available in this version; there are {', '.join(available())}"
        )
    return described(spec)


def described(spec: JsonObject) -> tuple[Provider, Method]:
    """The provider and the method that a definition names.

    Raises:
        ToolFailed: There is none of the name; lists those there are.
    """
    given, wanted = spec.get("provider"), spec.get("method")
    name, known = str(given)[:80], available()
    if given not in known and given not in later():
        listed = f"there are {', '.join(known)}"
        if isinstance(given, str):
            problem = Problem("provider", f"{name!r} is no provider; {listed}", hint=_meant(given, [*known, *later()]))
        else:
            why = "is missing" if given is None else f"must be a string; it is {kind_of(cast('object', given))}"
            problem = Problem("provider", f"{why}; {listed}")
        raise ToolFailed(f"The provider {name!r} is none that there is; {listed}", [problem])
    provider = _load(name)
    method = provider.methods.get(next(iter(provider.methods)) if wanted is None else str(wanted))
    if method is None:
        why = f"no method {str(wanted)[:80]!r}; it has {', '.join(provider.methods)}"
        hint = _meant(str(wanted), provider.methods)
        raise ToolFailed(f"{name} has {why}", [Problem("method", f"{name} has {why}", hint=hint)])
    return provider, method


def given(call: ToolCall) -> tuple[JsonObject, JsonObject]:
    """The setup and the arguments of a call's definition."""
    spec = spec_of(call.tool)
    return object_of(spec, "setup", "integration"), fixed_of(spec)


def fixed_of(spec: JsonObject) -> JsonObject:
    """The arguments that a definition fixes; one that is null is none.

    Raises:
        ToolFailed: They are no object.
    """
    arguments = object_of(spec, "arguments", "integration")
    return {key: value for key, value in arguments.items() if value is not None}


def defaults_of(method: Method) -> JsonObject:
    """What is meant by arguments that are absent."""
    properties: JsonObject = method.arguments.get("properties", {})
    return {key: schema["default"] for key, schema in properties.items() if "default" in schema}


@cache
def _load(name: str) -> Provider:
    import yaml

    folder = _LATER if name in later() else _FILES
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    text = (folder / f"{name}.yaml").read_text(encoding="utf-8")
    provider: JsonObject = yaml.load(text, loader)  # noqa: S506  a safe one, whichever it is
    methods = {key: _method(key, one) for key, one in provider["methods"].items()}
    return Provider(name, provider.get("urls", {}), _schema(provider.get("setup")), methods)


@cache
def _names(folder: Path) -> tuple[str, ...]:
    return tuple(sorted(path.stem for path in folder.glob("*.yaml")))


def _meant(word: str, known: Collection[str]) -> str | None:
    from statemachines.problems import nearest

    near = nearest(word, known)
    return near and f"Did you mean {near!r}?"


def _method(name: str, method: JsonObject) -> Method:
    requests = tuple(_request(one) for one in method.get("requests", ()))
    arguments = _schema(method.get("arguments"))
    return Method(
        name, method["says"], arguments, requests, method.get("result"), method.get("makes"), method.get("runs")
    )


def _request(request: JsonObject) -> RequestSpec:
    known = {"name", "reads", "repeatable", "until", "fails", "accepts"}
    fields = {"method": "GET", **{key: value for key, value in request.items() if key not in known}}
    repeatable = request.get("repeatable", fields["method"] in IDEMPOTENT)
    return RequestSpec(
        request["name"],
        request.get("reads", "json"),
        repeatable,
        fields,
        request.get("until"),
        request.get("fails"),
        frozenset(request.get("accepts", ())),
    )


def _schema(schema: JsonObject | None) -> JsonObject:
    return {"type": "object", **(schema or {})}
