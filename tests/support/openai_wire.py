"""A stand-in for OpenAI's chat API (``/v1/chat/completions``) on loopback, for its real SDK.

    with FakeOpenAI() as provider:
        provider.script("Hello", Failure(429), Reply(tools=(("get_weather", {"city": "Oslo"}),)))
        ...  # OPENAI_BASE_URL=provider.openai_url

Each scripted step answers one request; after them (or without any) the answer is ``Echo: <last message>``. A request that the real
API would refuse is refused, and uses up no step.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from typing import Any

from tests.support.scripted import Drop, Failure, Hang, Raw, Refused, Reply, ScriptedHandler, ScriptedServer, pieces

__all__ = ["Drop", "Failure", "FakeOpenAI", "Hang", "Raw", "Reply"]

FIELDS = {
    *("frequency_penalty", "logit_bias", "logprobs", "max_completion_tokens", "max_tokens", "messages", "model", "n"),
    *("parallel_tool_calls", "presence_penalty", "reasoning_effort", "response_format", "seed", "stop", "stream"),
    *("stream_options", "temperature", "tool_choice", "tools", "top_logprobs", "top_p", "user"),
}
OF_OTHERS = {"repetition_penalty", "length_penalty", "min_p", "top_k"}
NAME = re.compile(r"[^\s<|\\/>]{1,64}")
_ids = itertools.count(1)


class FakeOpenAI(ScriptedServer):
    """The server.

    Args:
        strict: Whether it knows OpenAI's own parameters only.
        refused: Parameters that its models do not take, refused as OpenAI does.
    """

    def __init__(self, *, strict: bool = True, refused: frozenset[str] = frozenset()) -> None:
        super().__init__(_Handler)
        self.strict = strict
        self.refused = refused

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"


class _Handler(ScriptedHandler):
    def check(self, path: str, headers: dict[str, str], body: Any) -> None:
        if path != "/v1/chat/completions":
            raise Refused(f"Unknown request URL: POST {path}")
        scripted: Any = self.server.scripted
        unknown = body.keys() - FIELDS - (set() if scripted.strict else OF_OTHERS)
        if unknown:
            raise Refused(f"Unrecognized request argument supplied: {', '.join(sorted(unknown))}")
        check_messages(body["messages"])
        check_tools(body)
        if "stream_options" in body and not body.get("stream"):
            raise Refused("The 'stream_options' parameter is only allowed when 'stream' is enabled.")

    def fail(self, failure: Failure) -> None:
        kind = "invalid_request_error" if failure.status < 500 and failure.status != 429 else "server_error"
        error = {"message": failure.message, "type": kind, "param": failure.param, "code": failure.code}
        self.send_json(failure.status, {"error": error}, failure.headers)

    def last_text(self, body: Any) -> str:
        content = body["messages"][-1]["content"]
        if isinstance(content, str):
            return content
        return " ".join(part.get("text", "(an image)") for part in content)

    def answer(self, step: Reply | Failure | Drop, path: str, body: Any) -> None:
        scripted: Any = self.server.scripted
        if found := sorted(scripted.refused & body.keys()):
            message = f"Unsupported parameter: '{found[0]}' is not supported with this model."
            self.fail(Failure(400, message, "unsupported_parameter", found[0]))
            return
        head = {"id": f"chatcmpl-{next(_ids)}", "created": 1_790_000_000, "model": f"{body['model']}-2026"}
        if not body.get("stream"):
            assert isinstance(step, Reply)
            self.send_json(200, {**head, "object": "chat.completion", **_whole(step)})
            return
        events = list(_parts(step if isinstance(step, Reply) else Reply("A good start"), head, body))
        if not isinstance(step, Reply) or step.stall:
            events = events[:3]
        self.send_stream((_event(event) for event in events), "text/event-stream")
        match step:
            case Failure():
                error = {"message": step.message, "type": step.code, "code": step.code}
                self.send_part(_event({"error": error}))
                self.end_stream()
            case Drop():
                self.break_off()
            case Reply(stall=True):
                self.stall()
            case _:
                self.send_part(b"data: [DONE]\n\n")
                self.end_stream()

    def send_part(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")


def _whole(reply: Reply) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": reply.text or None, "refusal": None}
    if reply.tools:
        message["tool_calls"] = _calls(reply)
    choice = {"index": 0, "message": message, "finish_reason": _finish(reply), "logprobs": None}
    return {"choices": [choice], **({"usage": _usage(reply.usage)} if reply.usage else {})}


def _parts(reply: Reply, head: dict[str, Any], body: dict[str, Any]) -> Iterator[dict[str, Any]]:
    whole = {**head, "object": "chat.completion.chunk", "usage": None}

    def part(delta: dict[str, Any], finish: str | None = None) -> dict[str, Any]:
        return {**whole, "choices": [{"index": 0, "delta": delta, "finish_reason": finish, "logprobs": None}]}

    yield part({"role": "assistant", "content": "" if reply.text else None})
    for text in pieces(reply.text):
        yield part({"content": text})
    for at, call in enumerate(_calls(reply)):
        yield part({"tool_calls": [{"index": at, **call, "function": {**call["function"], "arguments": ""}}]})
        for text in pieces(call["function"]["arguments"]):
            yield part({"tool_calls": [{"index": at, "function": {"arguments": text}}]})
    yield part({}, _finish(reply))
    if reply.usage and (body.get("stream_options") or {}).get("include_usage"):
        yield {**whole, "choices": [], "usage": _usage(reply.usage)}


def _calls(reply: Reply) -> list[dict[str, Any]]:
    return [
        {"id": f"call_fake{at}", "type": "function", "function": {"name": name, "arguments": json.dumps(given)}}
        for at, (name, given) in enumerate(reply.tools)
    ]


def _finish(reply: Reply) -> str:
    return reply.finish or ("tool_calls" if reply.tools else "stop")


def _usage(used: tuple[int, int]) -> dict[str, int]:
    return {"prompt_tokens": used[0], "completion_tokens": used[1], "total_tokens": sum(used)}


def _event(value: dict[str, Any]) -> bytes:
    return f"data: {json.dumps(value)}\n\n".encode()


def check_messages(messages: Any) -> None:
    """The rules of a conversation: each call has its result right after it, no content is missing, names have their form."""
    if not messages:
        raise Refused("[] is too short - 'messages'")
    open_calls: set[str] = set()
    for at, message in enumerate(messages):
        where = f"messages[{at}]"
        if unknown := message.keys() - {"role", "content", "name", "tool_calls", "tool_call_id"}:
            raise Refused(f"Additional properties are not allowed ({sorted(unknown)}) - '{where}'")
        if message["role"] == "tool":
            if message["tool_call_id"] not in open_calls:
                raise Refused(
                    f"Invalid parameter: {where} with role 'tool' must be a response to a preceding message with 'tool_calls'."
                )
            open_calls.discard(message["tool_call_id"])
            continue
        if open_calls:
            raise Refused(
                f"An assistant message with 'tool_calls' must be followed by tool messages. Missing: {sorted(open_calls)}"
            )
        if message["role"] not in {"system", "developer", "user", "assistant"}:
            raise Refused(f"Invalid value: '{message['role']}'. Supported values are: ... '{where}.role'")
        if "name" in message and not NAME.fullmatch(message["name"]):
            raise Refused(f"Invalid '{where}.name': string does not match pattern")
        if message.get("content") is None and not message.get("tool_calls"):
            raise Refused(f"Invalid value for 'content': expected a string, got null. '{where}.content'")
        if message.get("tool_calls") == []:
            raise Refused(f"[] is too short - '{where}.tool_calls'")
        open_calls = {call["id"] for call in message.get("tool_calls", [])}
    if open_calls:
        raise Refused("An assistant message with 'tool_calls' must be followed by tool messages")


def check_tools(body: dict[str, Any]) -> None:
    """Parameters about tools come with tools."""
    if "tools" not in body:
        for name in ("tool_choice", "parallel_tool_calls"):
            if name in body:
                raise Refused(f"Invalid value for '{name}': '{name}' is only allowed when 'tools' are specified.")
        return
    choice = body.get("tool_choice")
    if not isinstance(choice, dict) and choice not in {None, "auto", "none", "required"}:
        raise Refused(f"Invalid value: {choice!r}. Supported values are: 'none', 'auto', and 'required'.")
