"""A stand-in for Bedrock's runtime API on loopback, for botocore and Anthropic's SDK: Converse, InvokeModel for Claude, CountTokens.

    with FakeBedrock() as provider:
        provider.script("Hello", Failure(429, "slow down", "ThrottlingException"))
        ...  # Clients(region="us-west-2", endpoint_url=provider.url)

Streams are framed as AWS frames them (``application/vnd.amazon.eventstream``). Each scripted step answers one request; after them (or without
any) the answer is ``Echo: <last message>``. A request that the real API would refuse is refused, and uses up no step.
"""

from __future__ import annotations

import base64
import itertools
import json
import struct
from collections.abc import Iterator
from typing import Any
from zlib import crc32

from tests.support import provider_rules
from tests.support.scripted import Drop, Failure, Hang, Raw, Refused, Reply, ScriptedHandler, ScriptedServer, pieces

__all__ = ["Drop", "Failure", "FakeBedrock", "Hang", "Raw", "Reply", "frame"]

OLD_VERSION = "bedrock-2023-05-31"
COUNTED = 42
"""What CountTokens says."""
_ids = itertools.count(1)
_CODES = {400: "ValidationException", 403: "AccessDeniedException", 404: "ResourceNotFoundException", 429: "ThrottlingException", 500: "InternalServerException", 503: "ServiceUnavailableException"}  # fmt: skip


class FakeBedrock(ScriptedServer):
    """The server.

    Args:
        refuses: What its models do not take: names of ``_REFUSALS``.
        counts: Whether its models count tokens.
    """

    def __init__(self, *, refuses: frozenset[str] = frozenset(), counts: bool = True) -> None:
        super().__init__(_Handler)
        self.refuses = refuses
        self.counts = counts


_REFUSALS = {
    "tool_choice": "This model doesn't support the toolConfig.toolChoice.tool field. Remove toolConfig.toolChoice.tool and try again.",
    "streamed_tools": "This model doesn't support tool use in streaming mode.",
    "system": "This model doesn't support system messages. Try again without a system message.",
    "stop": "This model doesn't support the stopSequences field. Remove stopSequences and try again.",
    "tools": "This model doesn't support tool use.",
}


class _Handler(ScriptedHandler):
    def check(self, path: str, headers: dict[str, str], body: Any) -> None:
        scripted: Any = self.server.scripted
        if not headers.get("authorization", "").startswith(("AWS4-HMAC-SHA256 ", "Bearer ")):
            raise Refused("Missing Authentication Token")
        model, _, operation = path.removeprefix("/model/").rpartition("/")
        if not model:
            raise Refused("The provided model identifier is invalid.")
        if operation.startswith("converse"):
            _check_converse(body)
            for name in sorted(scripted.refuses & _of_body(body, operation)):
                raise Refused(_REFUSALS[name])
        elif operation.startswith("invoke"):
            _check_claude(model, body)
        elif operation != "count-tokens":
            raise Refused(f"Unknown operation {operation}")
        elif not scripted.counts or model.startswith(("us.", "global.")):
            raise Refused("The provided model doesn't support counting tokens.")

    def fail(self, failure: Failure) -> None:
        code = failure.code or _CODES.get(failure.status, "ModelErrorException")
        self.send_json(failure.status, {"message": failure.message}, {"x-amzn-errortype": code, **failure.headers})

    def last_text(self, body: Any) -> str:
        if "input" in body:
            return ""
        last = body["messages"][-1]["content"]
        return " ".join(block["text"] for block in last if "text" in block)

    def answer(self, step: Reply | Failure | Drop, path: str, body: Any) -> None:
        operation = path.rpartition("/")[2]
        if operation == "count-tokens":
            self.send_json(200, {"inputTokens": COUNTED})
            return
        reply = step if isinstance(step, Reply) else Reply("A good start")
        claude = operation.startswith("invoke")
        model = path.removeprefix("/model/").rpartition("/")[0]
        whole = _message(reply, model) if claude else _converse(reply)
        if operation in {"converse", "invoke"}:
            self.send_json(200, whole, {"x-amzn-requestid": f"req-{next(_ids)}"})
            return
        events = list(_claude_events(whole) if claude else _converse_events(reply))
        if not isinstance(step, Reply) or step.stall:
            events = events[:3]
        self.send_stream(events, "application/vnd.amazon.eventstream")
        match step:
            case Failure():
                kind = step.code or "modelStreamErrorException"
                data = frame({":message-type": "exception", ":exception-type": kind}, {"message": step.message})
                self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
                self.end_stream()
            case Drop():
                self.break_off()
            case Reply(stall=True):
                self.stall()
            case _:
                self.end_stream()


def frame(headers: dict[str, str], payload: Any) -> bytes:
    """One message of an event stream: lengths and checksum, headers, payload, checksum."""
    head = b"".join(
        bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(text)) + text.encode()
        for name, text in {**headers, ":content-type": "application/json"}.items()
    )
    data = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(head) + len(data), len(head))
    whole = prelude + struct.pack(">I", crc32(prelude)) + head + data
    return whole + struct.pack(">I", crc32(whole))


def _event(kind: str, payload: Any) -> bytes:
    return frame({":message-type": "event", ":event-type": kind}, payload)


def _converse(reply: Reply) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"text": reply.text}] if reply.text else []
    content += [
        {"toolUse": {"toolUseId": f"tooluse_{at}", "name": name, "input": given}}
        for at, (name, given) in enumerate(reply.tools)
    ]
    used = reply.usage or (11, 7)
    return {
        "output": {"message": {"role": "assistant", "content": content}},
        "stopReason": _reason(reply),
        "usage": {"inputTokens": used[0], "outputTokens": used[1], "totalTokens": sum(used)},
        "metrics": {"latencyMs": 5},
    }


def _converse_events(reply: Reply) -> Iterator[bytes]:
    whole = _converse(reply)
    yield _event("messageStart", {"role": "assistant"})
    for index, block in enumerate(whole["output"]["message"]["content"]):
        if "toolUse" in block:
            call = block["toolUse"]
            start = {"toolUse": {"toolUseId": call["toolUseId"], "name": call["name"]}}
            yield _event("contentBlockStart", {"start": start, "contentBlockIndex": index})
            deltas: list[Any] = [{"toolUse": {"input": part}} for part in pieces(json.dumps(call["input"]))]
        else:
            deltas = [{"text": part} for part in pieces(block["text"])]
        for delta in deltas:
            yield _event("contentBlockDelta", {"delta": delta, "contentBlockIndex": index})
        yield _event("contentBlockStop", {"contentBlockIndex": index})
    yield _event("messageStop", {"stopReason": whole["stopReason"]})
    if reply.usage:
        yield _event("metadata", {"usage": whole["usage"], "metrics": whole["metrics"]})


def _message(reply: Reply, model: str) -> dict[str, Any]:
    content: list[dict[str, Any]] = [{"type": "text", "text": reply.text}] if reply.text else []
    content += [
        {"type": "tool_use", "id": f"toolu_{at}", "name": name, "input": given}
        for at, (name, given) in enumerate(reply.tools)
    ]
    used = reply.usage or (11, 7)
    return {
        "id": f"msg_bdrk_{next(_ids)}",
        "type": "message",
        "role": "assistant",
        "model": model.rpartition("anthropic.")[2],
        "content": content,
        "stop_reason": _reason(reply),
        "usage": {"input_tokens": used[0], "output_tokens": used[1]},
    }


def _claude_events(message: dict[str, Any]) -> Iterator[bytes]:
    def part(event: dict[str, Any]) -> bytes:
        return _event("chunk", {"bytes": base64.b64encode(json.dumps(event).encode()).decode()})

    yield part({"type": "message_start", "message": {**message, "content": [], "stop_reason": None}})
    for index, block in enumerate(message["content"]):
        empty = {"text": ""} if block["type"] == "text" else {"input": {}}
        yield part({"type": "content_block_start", "index": index, "content_block": {**block, **empty}})
        if block["type"] == "text":
            deltas: list[Any] = [{"type": "text_delta", "text": text} for text in pieces(block["text"])]
        else:
            texts = pieces(json.dumps(block["input"]))
            deltas = [{"type": "input_json_delta", "partial_json": text} for text in texts]
        for delta in deltas:
            yield part({"type": "content_block_delta", "index": index, "delta": delta})
        yield part({"type": "content_block_stop", "index": index})
    ending = {"stop_reason": message["stop_reason"], "stop_sequence": None}
    yield part({"type": "message_delta", "delta": ending, "usage": message["usage"]})
    yield part({"type": "message_stop"})


def _reason(reply: Reply) -> str:
    return reply.finish or ("tool_use" if reply.tools else "end_turn")


def _of_body(body: dict[str, Any], operation: str) -> set[str]:
    """What of ``_REFUSALS`` a request uses."""
    config = body.get("toolConfig", {})
    used = {"system"} & body.keys()
    used |= {"tool_choice"} if config.get("toolChoice", {}).keys() - {"auto"} else set()
    used |= {"tools"} if config else set()
    used |= {"streamed_tools"} if config and operation == "converse-stream" else set()
    return used | ({"stop"} if "stopSequences" in body.get("inferenceConfig", {}) else set())


def _check_converse(body: dict[str, Any]) -> None:
    messages = [_as_anthropic(message) for message in body["messages"]]
    try:
        provider_rules.check_messages(messages)
    except provider_rules.Refused as refused:
        raise Refused(refused.message) from None
    config = body.get("toolConfig")
    if config is None:
        if any(block["type"] in {"tool_use", "tool_result"} for message in messages for block in message["content"]):
            raise Refused("The toolConfig field must be defined when using toolUse and toolResult content blocks.")
        return
    if not config["tools"]:
        raise Refused("1 validation error detected: Value '[]' at 'toolConfig.tools' failed to satisfy constraint")
    names = [tool["toolSpec"]["name"] for tool in config["tools"]]
    named = config.get("toolChoice", {}).get("tool", {}).get("name")
    if named is not None and named not in names:
        raise Refused(f"The tool {named} is not in toolConfig")


def _as_anthropic(message: dict[str, Any]) -> dict[str, Any]:
    return {"role": message["role"], "content": [_block(block) for block in message["content"]]}


def _block(block: dict[str, Any]) -> dict[str, Any]:
    match block:
        case {"text": text}:
            return {"type": "text", "text": text}
        case {"image": {"format": kind, "source": {"bytes": data}}}:
            base64.b64decode(data, validate=True)
            return {"type": "image", "source": {"type": "base64", "media_type": f"image/{kind}", "data": data}}
        case {"toolUse": call}:
            return {"type": "tool_use", "id": call["toolUseId"], "name": call["name"], "input": call["input"]}
        case {"toolResult": result}:
            content = [_block(inner) for inner in result["content"]]
            return {"type": "tool_result", "tool_use_id": result["toolUseId"], "content": content}
        case _:
            raise Refused(f"Unknown content block {sorted(block)}")


def _check_claude(model: str, body: dict[str, Any]) -> None:
    version = body.pop("anthropic_version", None)
    old = any(name in model for name in ("claude-3", "-4-2", "-4-0", "-4-1", "-4-5", "-4-6"))
    if old != (version == OLD_VERSION):
        raise Refused(f"anthropic_version: {version!r} is not supported for this model")
    if found := {"model", "stream", "metadata"} & body.keys():
        raise Refused(f"Malformed input request: extraneous keys {sorted(found)} are not permitted")
    if '"type": "url"' in json.dumps(body["messages"]):
        raise Refused("URL sources are not supported")
    betas = body.pop("anthropic_beta", None)
    if betas is not None and not isinstance(betas, list):
        raise Refused("anthropic_beta: Input should be a valid list")
    headers = {
        "authorization": "Bearer x",
        "anthropic-version": "2023-06-01" if old else "2026-10-21",
        "anthropic-beta": ",".join(betas or ()),
    }
    try:
        provider_rules.check_request(headers, {**body, "model": model.rpartition("anthropic.")[2]})
    except provider_rules.Refused as refused:
        raise Refused(refused.message) from None
    if version is not None:
        body["anthropic_version"] = version
    if betas is not None:
        body["anthropic_beta"] = betas
