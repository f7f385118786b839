"""What the Anthropic Messages API refuses in a request: the rules that its documentation and its error messages show."""

from __future__ import annotations

import re
from typing import Any

FIELDS = {
    "cache_control", "max_tokens", "messages", "metadata", "model", "output_config", "service_tier", "stop_sequences",
    "stream", "system", "thinking", "tool_choice", "tools",
}  # fmt: skip
SAMPLING = ("temperature", "top_p", "top_k")
VERSIONS = {"2023-06-01", "2026-10-21"}
NO_FORCED_TOOLS = re.compile(r"claude-(opus-5-5|sonnet-5-5|fable-5-[1-9]|mythos-5-[1-9])")
TAKES_SAMPLING = re.compile(r"claude-(haiku|sonnet|opus)-4-[56]")
BETWEEN_TOOLS = re.compile(r"claude-sonnet-5-5")
NEVER_QUIET = re.compile(r"claude-(opus-5-5|sonnet-5-5|fable-5)")
TOOL_NAME = re.compile(r"[a-zA-Z0-9_-]{1,128}")
MAX_OUTPUT = 128_000
OWN_TYPES = {
    # What takes the type, the name that its tool must have, what else it must say, and the beta.
    "computer_20241022": (r"claude-3-5-sonnet-20241022", "computer", True, "computer-use-2024-10-22"),
    "computer_20250124": (
        r"claude-(3-7|(opus|sonnet)-4-[012]|(sonnet|haiku)-4-5)",
        "computer",
        True,
        "computer-use-2025-01-24",
    ),
    "computer_20251124": (
        r"claude-(opus-4-[5-8]|sonnet-4-6|(opus|sonnet)-5$)",
        "computer",
        True,
        "computer-use-2025-11-24",
    ),
    "text_editor_20241022": (r"claude-3-5-sonnet-20241022", "str_replace_editor", False, "computer-use-2024-10-22"),
    "text_editor_20250124": (r"claude-3-7", "str_replace_editor", False, None),
    "text_editor_20250728": (r"claude-(?!3)", "str_replace_based_edit_tool", False, None),
    "bash_20241022": (r"claude-3-5-sonnet-20241022", "bash", False, "computer-use-2024-10-22"),
    "bash_20250124": (r"claude-(?!3-5)", "bash", False, None),
}


class Refused(Exception):
    """The API answers with this status, error type and message."""

    def __init__(self, message: str, *, status: int = 400, type_: str = "invalid_request_error") -> None:
        super().__init__(message)
        self.message = message
        self.status = status
        self.type = type_


def check_request(headers: dict[str, str], body: Any) -> None:
    """Raise Refused as the real API would. ``headers`` have lower-case names."""
    bearer = headers.get("authorization", "").removeprefix("Bearer ").strip()
    if not (headers.get("x-api-key") or bearer):
        raise Refused("Authentication required", status=401, type_="authentication_error")
    if headers.get("anthropic-version") not in VERSIONS:
        raise Refused(f"anthropic-version: {headers.get('anthropic-version')!r} is not a valid version")
    if not isinstance(body, dict):
        raise Refused("The request body is not valid JSON")
    for name in ("model", "messages", "max_tokens"):
        if name not in body:
            raise Refused(f"{name}: Field required")
    if type(body["max_tokens"]) is not int or not 1 <= body["max_tokens"] <= MAX_OUTPUT:
        raise Refused(f"max_tokens: {body['max_tokens']!r} must be a whole number from 1 to {MAX_OUTPUT}")
    _check_fields(headers["anthropic-version"], body)
    _check_tools(body)
    _check_own_types(headers.get("anthropic-beta", "").split(","), body)
    check_messages(body["messages"])


def _check_fields(version: str, body: dict[str, Any]) -> None:
    model = body["model"]
    for name in SAMPLING:
        if name not in body:
            continue
        if version != "2023-06-01":
            raise Refused(f"{name}: Extra inputs are not permitted")
        if not TAKES_SAMPLING.match(model):
            raise Refused(f"`{name}` is deprecated for this model.")
        if name == "temperature" and not 0 <= body[name] <= 1:
            raise Refused("temperature: must be from 0 to 1")
    if "temperature" in body and "top_p" in body:
        raise Refused("`temperature` and `top_p` cannot both be specified for this model. Please use only one.")
    unknown = body.keys() - FIELDS - set(SAMPLING)
    if unknown:
        raise Refused(f"{min(unknown)}: Extra inputs are not permitted")
    thinking = (body.get("thinking") or {}).get("type")
    if thinking == "between_tools" and not BETWEEN_TOOLS.match(model):
        raise Refused('"thinking.type.between_tools" is not supported for this model.')
    if thinking == "disabled" and NEVER_QUIET.match(model):
        raise Refused('"thinking.type.disabled" is not supported for this model.')
    if not all(text.strip() for text in body.get("stop_sequences", [])):
        raise Refused("stop_sequences: each stop sequence must contain non-whitespace")
    if "system" in body and not body["system"]:
        raise Refused("system: text content blocks must be non-empty")
    form = (body.get("output_config") or {}).get("format")
    if form is not None:
        _check_closed(form["schema"])


def _check_closed(schema: Any) -> None:
    if isinstance(schema, dict):
        if schema.get("type") == "object" and schema.get("additionalProperties") is not False:
            raise Refused(
                "output_config.format.schema: For 'object' type, 'additionalProperties' must be explicitly set to false"
            )
        for inner in schema.values():
            _check_closed(inner)


def _check_own_types(betas: list[str], body: dict[str, Any]) -> None:
    for at, tool in enumerate(body.get("tools", [])):
        if "type" not in tool:
            continue
        if tool["type"] not in OWN_TYPES:
            raise Refused(f"tools.{at}: Input tag {tool['type']!r} does not match any of the expected tags")
        models, name, sized, beta = OWN_TYPES[tool["type"]]
        if not re.match(models, body["model"]):
            raise Refused(f"'{body['model']}' does not support tool types: {tool['type']}")
        if beta and beta not in betas:
            raise Refused(f"tools.{at}: Input tag {tool['type']!r} does not match any of the expected tags")
        if tool["name"] != name:
            raise Refused(f"tools.{at}.name: Input should be {name!r}")
        size = {"display_width_px", "display_height_px"} if sized else set[str]()
        if not size <= tool.keys() <= size | {"type", "name", "display_number"}:
            raise Refused(f"tools.{at}: a field is missing, or extra inputs are not permitted")


def _check_tools(body: dict[str, Any]) -> None:
    tools = body.get("tools", [])
    names = [tool.get("name", "") for tool in tools]
    for at, tool in enumerate(tools):
        if not TOOL_NAME.fullmatch(names[at]):
            raise Refused(f"tools.{at}.name: String should match pattern '^[a-zA-Z0-9_-]{{1,128}}$'")
        if "type" not in tool and (tool.get("input_schema") or {}).get("type") != "object":
            raise Refused(f"tools.{at}.input_schema.type: Field required")
    if len(set(names)) < len(names):
        raise Refused("tools: Tool names must be unique.")
    blocks = (block for message in body["messages"] for block in message.get("content", []) if isinstance(block, dict))
    if not tools and any(block.get("type") in {"tool_use", "tool_result"} for block in blocks):
        raise Refused("Requests which include `tool_use` or `tool_result` blocks must define tools")
    choice = body.get("tool_choice")
    if choice is None:
        return
    if not tools:
        raise Refused("tool_choice: may only be specified while providing tools")
    if choice.get("type") not in {"auto", "any", "tool", "none"}:
        raise Refused(f"tool_choice.type: {choice.get('type')!r} is not one of auto, any, tool, none")
    if choice["type"] == "tool" and choice.get("name") not in names:
        raise Refused(f"Tool '{choice.get('name')}' not found in provided tools")
    if choice["type"] in {"any", "tool"} and NO_FORCED_TOOLS.match(body["model"]):
        raise Refused("tool_choice: forced tool use is not supported for this model")


def check_messages(messages: Any) -> None:
    """The rules of a conversation: it alternates, starts and ends with the user, pairs calls and results."""
    if not isinstance(messages, list) or not messages:
        raise Refused("messages: at least one message is required")
    used: set[str] = set()
    open_calls: set[str] = set()
    for at, message in enumerate(messages):
        role, content = message.get("role"), message.get("content")
        if message.keys() - {"role", "content"}:
            raise Refused(f"messages.{at}: Extra inputs are not permitted: {sorted(message)}")
        expected = ("user", "assistant")[at % 2]
        if role not in {"user", "assistant"}:
            raise Refused(f"messages.{at}.role: Input should be 'user' or 'assistant', not {role!r}")
        if role != expected:
            raise Refused(f"messages: roles must alternate between 'user' and 'assistant', but {at} is {role!r}")
        blocks = [{"type": "text", "text": content}] if isinstance(content, str) else content
        if not isinstance(blocks, list) or not blocks:
            raise Refused(f"messages.{at}: {role} messages must have non-empty content")
        for position, block in enumerate(blocks):
            _check_block(block, role, f"messages.{at}.content.{position}")
        _check_results(at, blocks, open_calls)
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if len(set(calls)) < len(calls) or used & set(calls):
            raise Refused(f"messages.{at}: `tool_use` ids must be unique")
        used |= set(calls)
        open_calls = set(calls)
    if messages[-1]["role"] != "user":
        raise Refused(
            "This model does not support assistant message prefill. The conversation must end with a user message."
        )


def _check_results(at: int, blocks: list[dict[str, Any]], open_calls: set[str]) -> None:
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    if [block["type"] for block in blocks[: len(results)]] != ["tool_result"] * len(results):
        raise Refused(f"messages.{at}: `tool_result` blocks must come first in the content")
    for call_id in results:
        if call_id not in open_calls:
            raise Refused(f"messages.{at}: unexpected `tool_use_id` found in `tool_result` blocks: {call_id}")
    if open_calls - set(results):
        raise Refused(
            f"messages.{at}: `tool_use` ids were found without `tool_result` blocks: {sorted(open_calls - set(results))}"
        )
    if len(set(results)) < len(results):
        raise Refused(f"messages.{at}: each tool_use must have a single result")


def _check_block(block: Any, role: str, where: str) -> None:
    match block:
        case {"type": "text", "text": str(text), **rest} if not rest:
            if not text.strip():
                raise Refused(f"{where}: text content blocks must contain non-whitespace text")
        case {"type": "image", "source": {"type": "base64", "media_type": str(kind), "data": str()}} if role == "user":
            if kind not in {"image/png", "image/jpeg", "image/gif", "image/webp"}:
                raise Refused(f"{where}.image.source.base64.media_type: Input should be 'image/jpeg', 'image/png', ...")
        case {"type": "image", "source": {"type": "url", "url": str(url)}} if role == "user":
            if not url.startswith(("http://", "https://")):
                raise Refused(f"{where}.image.source.url: Only HTTP and HTTPS URLs are supported.")
        case {"type": "tool_use", "id": str(id_), "name": str(), "input": dict(), **rest} if (
            role == "assistant" and not rest
        ):
            if not TOOL_NAME.fullmatch(id_):
                raise Refused(f"{where}.tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'")
        case {"type": "tool_result", "tool_use_id": str(), "content": list(inner), **rest} if role == "user":
            if rest.keys() - {"is_error"}:
                raise Refused(f"{where}: Extra inputs are not permitted")
            for position, part in enumerate(inner):
                _check_block(part, role, f"{where}.content.{position}")
        case _:
            raise Refused(f"{where}: Input tag {block!r} does not match any of the expected tags of a {role} message")
