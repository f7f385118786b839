"""What Anthropic's models take, and v1's settings as parameters of the Messages API. No SDK is needed for it."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, cast

from silvercup.adapters.anthropic_messages import Conversation, convert
from silvercup.adapters.anthropic_tools import BETA, Tools, convert_tools, renamed
from silvercup.errors import ModelRejected
from silvercup.llm.model import ModelRequest
from silvercup.values import JsonObject, dumps

DEFAULT_MAX_TOKENS = 16_000
SAMPLING_VERSION = "2023-06-01"
"""The newest version of the API that has temperature, top_p and top_k; later ones answer 400 to them."""


@dataclass(frozen=True, slots=True)
class Traits:
    """How a family of models differs from the others.

    Attributes:
        max_output: The most tokens it writes, its thinking included.
        sampling: Takes temperature or top_p (one of them), with the API's version ``SAMPLING_VERSION``.
        forced_tools: Takes a ``tool_choice`` that forces a call.
        quiet: The ``thinking`` type that has it answer at once, for a model that thinks unless told otherwise.
            v1's models did not think, and its tasks give ``max_tokens`` that thinking would use up.
        effort: Takes ``output_config.effort``.
        formats: Takes ``output_config.format``.
    """

    max_output: int = 128_000
    sampling: bool = False
    forced_tools: bool = True
    quiet: str | None = None
    effort: bool = True
    formats: bool = True


TRAITS: tuple[tuple[str, Traits], ...] = (
    # A pattern of names; the first match counts. From the provider's pages of its models, November 2026.
    ("claude-sonnet-5-5*", Traits(forced_tools=False, quiet="between_tools")),
    ("claude-haiku-5-5*", Traits(quiet="disabled")),
    ("claude-sonnet-5", Traits(quiet="disabled")),
    ("claude-opus-5", Traits()),
    ("claude-opus-4-[78]*", Traits()),
    ("claude-opus-4-6*", Traits(sampling=True)),
    ("claude-sonnet-4-6*", Traits(sampling=True, max_output=64_000)),
    ("claude-opus-4-5*", Traits(sampling=True, max_output=64_000)),
    ("claude-haiku-4-5*", Traits(sampling=True, max_output=64_000, effort=False)),
    ("claude-sonnet-4-5*", Traits(sampling=True, max_output=64_000, effort=False)),
    # These are left on Bedrock only.
    ("claude-opus-4-1*", Traits(sampling=True, max_output=32_000, effort=False)),
    ("claude-opus-4-[02]*", Traits(sampling=True, max_output=32_000, effort=False, formats=False)),
    ("claude-sonnet-4-[02]*", Traits(sampling=True, max_output=64_000, effort=False, formats=False)),
    ("claude-3-7-*", Traits(sampling=True, max_output=64_000, effort=False, formats=False)),
    ("claude-3-5-*", Traits(sampling=True, max_output=8_192, effort=False, formats=False)),
    ("claude-3-*", Traits(sampling=True, max_output=4_096, effort=False, formats=False)),
    ("claude-*", Traits(forced_tools=False)),
)


def traits_of(model: str) -> Traits:
    """The traits of a model; of an unknown one the most careful ones."""
    return next((traits for pattern, traits in TRAITS if fnmatchcase(model, pattern)), Traits(forced_tools=False))


@dataclass(frozen=True, slots=True)
class Parameters:
    """A call of the Messages API.

    Attributes:
        body: Arguments of the SDK's ``messages.create`` by name; what it has no argument for is under ``extra_body``.
        wants_json: The answer shall be JSON but nothing in the API enforces it.
        names: Tools that the API calls otherwise than the request does: the API's names to ours.
    """

    body: JsonObject
    wants_json: bool = False
    names: dict[str, str] = field(default_factory=dict[str, str])

    @property
    def betas(self) -> JsonObject:
        """The header for what of betas is used, or none."""
        headers: JsonObject = self.body.get("extra_headers", {})
        return {name: value for name, value in headers.items() if name == BETA}


def parameters(request: ModelRequest, transform_schema: Any = None) -> Parameters:
    """The call for a request. Settings that the model does not take are left out, as v1 did.

    Args:
        request: In v1's form.
        transform_schema: Brings a JSON schema into the form that the API enforces, raising where it can't; without it, and for objects
            with keys of any name, which the API can't enforce, a schema becomes an instruction.

    Raises:
        ModelRejected: A message can't be converted.
    """
    traits = traits_of(request.model)
    talk = convert(request.messages)
    tools = convert_tools(request.tools, request.model)
    settings = request.settings
    instructions: list[str] = []
    body: JsonObject = {"model": request.model, "max_tokens": _max_tokens(settings, traits)}
    body["messages"] = renamed(talk.messages, tools.names) if tools.names else talk.messages
    if stops := _stops(settings.get("stop")):
        body["stop_sequences"] = stops
    if isinstance(user := settings.get("user"), str) and user:
        body["metadata"] = {"user_id": user}
    body |= _sampling(settings, traits)
    body |= _tools(request, tools, talk, traits, instructions)
    if tools.betas:
        body["extra_headers"] = {**body.get("extra_headers", {}), BETA: ",".join(tools.betas)}
    config = _effort(settings, traits)
    if traits.quiet and not config:
        body["thinking"] = {"type": traits.quiet}
    transform = transform_schema if traits.formats else None
    form, wants_json = _format(settings.get("response_format"), transform, instructions)
    if config | form:
        body["output_config"] = config | form
    system = "\n\n".join(part for part in (talk.system, *instructions) if part)
    if system:
        body["system"] = system
    return Parameters(body, wants_json, {theirs: ours for ours, theirs in tools.names.items()})


def _max_tokens(settings: JsonObject, traits: Traits) -> int:
    asked = _number(settings, "max_tokens") or _number(settings, "max_completion_tokens") or DEFAULT_MAX_TOKENS
    return min(int(asked), traits.max_output)


def _number(settings: JsonObject, name: str) -> float | None:
    value = settings.get(name)
    if value is None or (isinstance(value, int | float) and value >= 0):
        return value
    raise ModelRejected(f"The model setting {name} is {value!r}; it must be a number, 0 or more")


def _stops(stop: Any) -> list[str]:
    given = [stop] if isinstance(stop, str) else cast("list[Any]", stop or [])
    return [text for text in given if isinstance(text, str) and text.strip()]


def _sampling(settings: JsonObject, traits: Traits) -> JsonObject:
    if not traits.sampling:
        return {}
    given: JsonObject = {}
    if (temperature := _number(settings, "temperature")) is not None:
        given["temperature"] = min(temperature, 1)  # v1 went to 5, this API to 1
    elif (top_p := _number(settings, "top_p")) is not None:
        given["top_p"] = top_p
    return {"extra_body": given, "extra_headers": {"anthropic-version": SAMPLING_VERSION}} if given else {}


def _effort(settings: JsonObject, traits: Traits) -> JsonObject:
    effort = settings.get("reasoning_effort")
    return {"effort": effort} if traits.effort and effort in {"low", "medium", "high"} else {}


def _tools(
    request: ModelRequest, tools: Tools, talk: Conversation, traits: Traits, instructions: list[str]
) -> JsonObject:
    if not request.tools:
        if not talk.called_tools:
            return {}
        # The API refuses calls in the history of tools that the request does not define.
        stubs = [{"name": name, "input_schema": {"type": "object"}} for name in talk.called_tools]
        return {"tools": stubs, "tool_choice": {"type": "none"}}
    made: JsonObject = {"tools": tools.shown}
    choice: JsonObject | None = None
    match request.tool_choice:
        case "none":
            choice = {"type": "none"}
        case "required" | "any":
            choice = {"type": "any"}
        case {"function": {"name": str(name)}}:
            choice = {"type": "tool", "name": tools.names.get(name, name)}
        case _:
            pass
    if choice and choice["type"] in {"any", "tool"} and not traits.forced_tools:
        named = choice.get("name")
        instructions.append(
            f"Answer by calling the tool `{named}`." if named else "Answer by calling one of the tools."
        )
        choice = None
    if request.settings.get("parallel_tool_calls") is False and (choice is None or choice["type"] != "none"):
        choice = {**(choice or {"type": "auto"}), "disable_parallel_tool_use": True}
    return made | ({"tool_choice": choice} if choice else {})


def _format(asked: Any, transform_schema: Any, instructions: list[str]) -> tuple[JsonObject, bool]:
    only = "Answer with one JSON object and nothing else: no explanation, no code fence."
    match asked:
        case {"type": "json_object"}:
            instructions.append(only)
            return {}, True
        case {"type": "json_schema", "json_schema": dict()}:
            spec = cast("JsonObject", asked["json_schema"])
            schema: Any = spec.get("schema", spec)
            if transform_schema is not None and not _is_open(schema):
                try:
                    return {"format": {"type": "json_schema", "schema": transform_schema(schema)}}, False
                except (ValueError, TypeError, AttributeError, LookupError, AssertionError):
                    pass  # what the SDK's function raises for keywords that it does not know
            instructions.append(f"{only} It must be valid under this JSON schema:\n{dumps(schema)}")
            return {}, True
        case _:
            return {}, False


def _is_open(schema: Any) -> bool:
    """Whether it allows objects with keys of any name."""
    match schema:
        case {"type": "object"} if not schema.get("properties") or schema.get("additionalProperties"):
            return True
        case dict():
            return any(_is_open(inner) for inner in cast("JsonObject", schema).values())
        case list():
            return any(_is_open(inner) for inner in cast("list[Any]", schema))
        case _:
            return False
