"""v1's settings as parameters of OpenAI's chat API, and what its models and other servers with its API take. No SDK is needed for it."""

from __future__ import annotations

from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any, cast

from silvercup.adapters.openai_messages import convert
from silvercup.errors import ModelRejected
from silvercup.llm.model import ModelRequest
from silvercup.tools.client_tools import without_client_tool
from silvercup.values import JsonObject, dumps

_NUMBERS = ("temperature", "top_p", "frequency_penalty", "presence_penalty", "seed", "top_logprobs")
_AS_THEY_ARE = ("logit_bias", "logprobs", "parallel_tool_calls", "reasoning_effort", "user")
_OF_OTHERS = ("repetition_penalty", "length_penalty", "min_p", "top_k")
"""Settings of v1 that OpenAI refuses and servers such as vLLM take."""
_NOT_WHEN_REASONING = {
    "temperature",
    "top_p",
    "frequency_penalty",
    "presence_penalty",
    "logit_bias",
    "logprobs",
    "top_logprobs",
}
_LENGTHS = ("max_completion_tokens", "max_tokens")


@dataclass(frozen=True, slots=True)
class Traits:
    """How a family of OpenAI's models differs from the others.

    Attributes:
        reasoning: Thinks before it answers; it takes no sampling settings while it does.
        quiet: Answers at once with ``reasoning_effort: none``. v1's tasks give ``max_tokens`` that thinking would use up, and function
            tools go with nothing else in this API.
    """

    reasoning: bool = False
    quiet: bool = False


TRAITS: tuple[tuple[str, Traits], ...] = (
    # A pattern of names; the first match counts. From the provider's pages of its models, November 2026.
    ("gpt-5*-chat*", Traits()),
    ("gpt-5", Traits(reasoning=True)),
    ("gpt-5-*", Traits(reasoning=True)),
    ("gpt-*-pro*", Traits(reasoning=True)),
    ("gpt-*-codex*", Traits(reasoning=True)),
    ("gpt-6.2-*", Traits(reasoning=True)),
    ("gpt-*-astra*", Traits(reasoning=True)),
    ("gpt-5.*", Traits(reasoning=True, quiet=True)),
    ("gpt-[6-9]*", Traits(reasoning=True, quiet=True)),
    ("o[1-9]*", Traits(reasoning=True)),
    ("codex-*", Traits(reasoning=True)),
)


def traits_of(model: str) -> Traits:
    """The traits of one of OpenAI's models; a fine-tuned one has its base's."""
    name = model.removeprefix("ft:")
    return next((traits for pattern, traits in TRAITS if fnmatchcase(name, pattern)), Traits())


@dataclass(frozen=True, slots=True)
class Parameters:
    """A call of the chat API.

    Attributes:
        body: Arguments of the SDK's ``chat.completions.create`` by name.
        optional: Which of them the answer can do without; a server that does not know one is asked without it.
    """

    body: JsonObject
    optional: frozenset[str]


def parameters(
    request: ModelRequest, *, own_server: bool, streamed: bool = False, without: AbstractSet[str] = frozenset()
) -> Parameters:
    """The call for a request. Settings that the model does not take are left out, as v1 did.

    Args:
        request: In v1's form.
        own_server: Whether it goes to another server than OpenAI's.
        streamed: Whether the answer comes in parts.
        without: Parameters that the model is known not to take.

    Raises:
        ModelRejected: A message can't be converted, or a setting is of a wrong type.
    """
    settings = request.settings
    given: JsonObject = {name: value for name in _NUMBERS if (value := _number(settings, name)) is not None}
    given |= {name: settings[name] for name in _AS_THEY_ARE if settings.get(name) is not None}
    traits = Traits() if own_server else traits_of(request.model)
    if traits.quiet and "reasoning_effort" not in given:
        given["reasoning_effort"] = "none"
    if traits.reasoning and given.get("reasoning_effort") != "none":
        given = {name: value for name, value in given.items() if name not in _NOT_WHEN_REASONING}
    if "top_logprobs" in given and not given.get("logprobs"):
        del given["top_logprobs"]
    if stop := _stop(settings.get("stop")):
        given["stop"] = stop
    messages = convert(request.messages)
    if form := _format(settings.get("response_format")):
        given["response_format"] = form
        if "response_format" in without:
            messages.insert(0, {"role": "system", "content": _instruction(form)})
    if streamed:
        given["stream_options"] = {"include_usage": True}
    given |= _length(settings, own_server, without)
    if not request.tools:
        given.pop("parallel_tool_calls", None)
    given = {name: value for name, value in given.items() if name not in without}
    body: JsonObject = {"model": request.model, "messages": messages, **given, **_tools(request)}
    extra = {name: settings[name] for name in _OF_OTHERS if own_server and settings.get(name) is not None}
    extra = {name: value for name, value in extra.items() if name not in without}
    if extra:
        body["extra_body"] = extra
    return Parameters(body, frozenset(given) | frozenset(extra))


def _number(settings: JsonObject, name: str) -> float | None:
    value = settings.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        return value
    raise ModelRejected(f"The model setting {name} is {value!r}; it must be a number")


def _length(settings: JsonObject, own_server: bool, without: AbstractSet[str]) -> JsonObject:
    """The most tokens of an answer, by the name that the server knows it by: OpenAI has a new one, others often only the old one."""
    asked = next((value for name in _LENGTHS if (value := _number(settings, name)) is not None), None)
    if asked is None:
        return {}
    names = _LENGTHS[::-1] if own_server else _LENGTHS
    taken = [name for name in names if name not in without]
    return {taken[0]: int(asked)} if taken else {}


def _stop(stop: Any) -> list[str]:
    given = [stop] if isinstance(stop, str) else cast("list[Any]", stop or [])
    return [text for text in given if isinstance(text, str) and text][:4]


def _format(asked: Any) -> JsonObject | None:
    match asked:
        case {"type": "json_object"}:
            return {"type": "json_object"}
        case {"type": "json_schema", "json_schema": {"schema": dict()}}:
            spec = cast("JsonObject", asked["json_schema"])
            return {"type": "json_schema", "json_schema": {"name": "answer", **spec}}
        case {"type": "json_schema", "json_schema": dict()}:
            return {"type": "json_schema", "json_schema": {"name": "answer", "schema": asked["json_schema"]}}
        case _:
            return None


def _instruction(form: JsonObject) -> str:
    """What says the same as a format, to a server that has no such parameter."""
    only = "Answer with one JSON object and nothing else: no explanation, no code fence."
    if form["type"] == "json_object":
        return only
    return f"{only} It must be valid under this JSON schema:\n{dumps(form['json_schema'].get('schema'))}"


def _tools(request: ModelRequest) -> JsonObject:
    if not request.tools:
        return {}
    made: JsonObject = {"tools": [without_client_tool(tool) for tool in request.tools]}
    match request.tool_choice:
        case None:
            pass
        case "any":
            made["tool_choice"] = "required"
        case {"function": {"name": str(name)}}:
            made["tool_choice"] = {"type": "function", "function": {"name": name}}
        case _:
            made["tool_choice"] = request.tool_choice
    return made
