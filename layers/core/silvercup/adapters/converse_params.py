"""v1's messages and settings as parameters of Bedrock's Converse API. No SDK is needed for it.

Its conversations follow the rules of Anthropic's (``anthropic_messages``), so those are made first.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Any, cast

from silvercup.adapters.anthropic_messages import convert
from silvercup.errors import ModelRejected
from silvercup.llm.model import ModelRequest
from silvercup.values import JsonObject, dumps

ONLY_JSON = "Answer with one JSON object and nothing else: no explanation, no code fence."
ANSWER = "answer"
"""The tool that a schema is forced with, where the schema has no name of its own."""

_FORMATS = {"image/png": "png", "image/jpeg": "jpeg", "image/jpg": "jpeg", "image/gif": "gif", "image/webp": "webp"}

LESS: tuple[tuple[str, re.Pattern[str]], ...] = (
    # What a model may not take, and how its refusal is known. The names are those that ``parameters`` knows.
    ("streamed_tools", re.compile(r"support tool use in streaming", re.IGNORECASE)),
    ("tool_choice", re.compile(r"support .*tool_?choice", re.IGNORECASE)),
    ("tools", re.compile(r"support (the )?(tool use|tools|toolConfig)", re.IGNORECASE)),
    ("system", re.compile(r"support (the )?system", re.IGNORECASE)),
    ("stop", re.compile(r"support .*stop_?sequences", re.IGNORECASE)),
    ("top_p", re.compile(r"support .*top_?p|temperature.* and .*top_?p.* both", re.IGNORECASE)),
    ("temperature", re.compile(r"support .*temperature", re.IGNORECASE)),
)


@dataclass(frozen=True, slots=True)
class Parameters:
    """A call of the Converse API.

    Attributes:
        body: Arguments of botocore's ``converse`` by name.
        wants_json: The answer shall be JSON but nothing enforces it.
        answer_tool: The tool whose input is the answer; empty when the answer is text.
    """

    body: JsonObject
    wants_json: bool = False
    answer_tool: str = ""


def parameters(request: ModelRequest, without: AbstractSet[str] = frozenset()) -> Parameters:
    """The call for a request. Settings that the API has no name for are left out, as v1 did.

    A JSON schema becomes a tool that the model must call, if the request has no tools of its own; else, and for any JSON object, an
    instruction.

    Args:
        request: In v1's form.
        without: What the model is known not to take, by the names of ``LESS``.

    Raises:
        ModelRejected: A message can't be converted; an image is not given as data.
    """
    talk = convert(request.messages)
    settings = request.settings
    instructions: list[str] = []
    messages = [
        {"role": turn["role"], "content": [_block(block) for block in turn["content"]]} for turn in talk.messages
    ]
    body: JsonObject = {"modelId": request.model, "messages": messages}
    tools, answer_tool = _tools(request, talk.called_tools, instructions, without)
    wants_json = _wants_json(settings.get("response_format"), answer_tool, instructions)
    system = "\n\n".join(part for part in (talk.system, *instructions) if part)
    if system and "system" in without:
        messages[0]["content"].insert(0, {"text": system})
    elif system:
        body["system"] = [{"text": system}]
    if tools:
        body["toolConfig"] = tools
    if config := _inference(settings, without):
        body["inferenceConfig"] = config
    return Parameters(body, wants_json, answer_tool)


def less_of(message: str, without: AbstractSet[str]) -> str | None:
    """What a refusal says that the model does not take, if that is not left out already."""
    return next((name for name, pattern in LESS if name not in without and pattern.search(message)), None)


def _block(block: JsonObject) -> JsonObject:
    match block["type"]:
        case "text":
            return {"text": block["text"]}
        case "image":
            return {"image": _image(block["source"])}
        case "tool_use":
            return {"toolUse": {"toolUseId": block["id"], "name": block["name"], "input": block["input"]}}
        case _:
            result: JsonObject = {
                "toolUseId": block["tool_use_id"],
                "content": [_block(inner) for inner in block["content"]],
            }
            if block.get("is_error"):
                result["status"] = "error"
            return {"toolResult": result}


def _image(source: JsonObject) -> JsonObject:
    if source.get("type") != "base64":
        raise ModelRejected(
            "Bedrock takes no addresses of images; give the image itself as data:image/<kind>;base64,<data>"
        )
    kind = _FORMATS.get(str(source.get("media_type")))
    if kind is None:
        raise ModelRejected(f"Bedrock takes no images of type {source.get('media_type')}; use PNG, JPEG, GIF or WebP")
    try:
        data = base64.b64decode(str(source.get("data")), validate=False)
    except binascii.Error:
        raise ModelRejected("An image's data URL is not valid base64") from None
    return {"format": kind, "source": {"bytes": data}}


def _tools(
    request: ModelRequest, called: list[str], instructions: list[str], without: AbstractSet[str]
) -> tuple[JsonObject, str]:
    """``toolConfig``, and the tool that the answer comes by."""
    specs = {name: _spec(name, {}) for name in called}
    own = {spec["name"]: spec for tool in request.tools if (spec := _own(tool))}
    choice: JsonObject | None = None
    answer_tool = ""
    schema = _schema(request.settings.get("response_format"))
    if own:
        choice = _choice(request.tool_choice)
        if request.tool_choice == "none":
            own = {}
            instructions.append("Do not call any tool.")
    elif schema and not called and not without & {"tools", "tool_choice"}:
        answer_tool, inner = schema
        own = {answer_tool: _spec(answer_tool, inner, "Give the answer by calling this tool.")}
        choice = {"tool": {"name": answer_tool}}
    if "tools" in without and own:
        raise ModelRejected(f"The model {request.model} can't call tools; leave them out or use another model")
    specs |= own
    if not specs:
        return {}, ""
    made: JsonObject = {"tools": [{"toolSpec": spec} for spec in specs.values()]}
    if choice and "tool_choice" in without:
        named = cast("JsonObject", choice.get("tool") or {}).get("name")
        instructions.append(
            f"Answer by calling the tool `{named}`." if named else "Answer by calling one of the tools."
        )
        choice = None
    return made | ({"toolChoice": choice} if choice else {}), answer_tool


def _own(tool: JsonObject) -> JsonObject | None:
    function: Any = tool.get("function")
    if not isinstance(function, dict):
        return None
    spec = cast("JsonObject", function)
    return _spec(str(spec.get("name")), spec.get("parameters") or {}, spec.get("description"))


def _spec(name: str, schema: JsonObject, description: Any = None) -> JsonObject:
    made: JsonObject = {"name": name, "inputSchema": {"json": {"type": "object", **schema}}}
    if isinstance(description, str) and description:
        made["description"] = description
    return made


def _choice(choice: Any) -> JsonObject | None:
    match choice:
        case "required" | "any":
            return {"any": {}}
        case {"function": {"name": str(name)}}:
            return {"tool": {"name": name}}
        case _:
            return None


def _schema(form: Any) -> tuple[str, JsonObject] | None:
    """The name and the schema of a format, if it is one of an object, which a tool's input has to be."""
    match form:
        case {"type": "json_schema", "json_schema": dict()}:
            spec = cast("JsonObject", form["json_schema"])
            schema: Any = spec.get("schema", spec)
            if not isinstance(schema, dict) or cast("JsonObject", schema).get("type", "object") != "object":
                return None
            name = re.sub(r"[^A-Za-z0-9_-]", "_", str(spec.get("name") or ANSWER))[:64]
            return name, cast("JsonObject", schema)
        case _:
            return None


def _wants_json(form: Any, answer_tool: str, instructions: list[str]) -> bool:
    match form:
        case {"type": "json_object"}:
            instructions.append(ONLY_JSON)
            return True
        case {"type": "json_schema", "json_schema": dict()} if not answer_tool:
            spec = cast("JsonObject", form["json_schema"])
            instructions.append(
                f"{ONLY_JSON} It must be valid under this JSON schema:\n{dumps(spec.get('schema', spec))}"
            )
            return True
        case _:
            return False


def _inference(settings: JsonObject, without: AbstractSet[str]) -> JsonObject:
    made: JsonObject = {}
    if (asked := _number(settings, "max_tokens") or _number(settings, "max_completion_tokens")) is not None:
        made["maxTokens"] = max(1, int(asked))
    if (temperature := _number(settings, "temperature")) is not None and "temperature" not in without:
        made["temperature"] = float(min(temperature, 1))  # v1 went to 5, this API to 1
    if (top_p := _number(settings, "top_p")) is not None and "top_p" not in without:
        made["topP"] = float(top_p)
    stop: Any = settings.get("stop")
    stops = [stop] if isinstance(stop, str) else cast("list[Any]", stop or [])
    if (texts := [text for text in stops if isinstance(text, str) and text.strip()]) and "stop" not in without:
        made["stopSequences"] = texts[:4]
    return made


def _number(settings: JsonObject, name: str) -> float | None:
    value = settings.get(name)
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool) and value >= 0):
        return value
    raise ModelRejected(f"The model setting {name} is {value!r}; it must be a number, 0 or more")
