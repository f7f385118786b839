"""Request bodies: strict JSON into a model, with the keys that the model does not know; and task definitions."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from silvercup.errors import InvalidRequest, Problem
from silvercup.values import JsonObject

if TYPE_CHECKING:
    from statemachines.source import Source

MAX_DEPTH = 100
"""The deepest nesting of a body."""
YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml"})


@dataclass(frozen=True, slots=True)
class Body[M: BaseModel]:
    """A body that has the right shape.

    Attributes:
        value: The model.
        warnings: What was accepted though the model does not know it, as ``{loc, msg, hint?}``.
    """

    value: M
    warnings: list[JsonObject]


async def read_body[M: BaseModel](
    request: Request, model: type[M], *, strict: bool = False, secret: bool = False
) -> Body[M]:
    """Read a JSON body, whatever the content type says.

    Args:
        request: The request.
        model: Its shape; with ``extra="allow"`` unknown keys are accepted and told.
        strict: Refuse unknown keys.
        secret: Show nothing of what was sent when it is wrong.

    Raises:
        InvalidRequest: It is not JSON, or nested too deeply; says where.
        RequestValidationError: It does not have the shape (422).
    """
    value = parse_json(await request.body())
    if not isinstance(value, dict):
        raise _refused([_wrong("dict_type", (), "The body should be a JSON object", value)], secret=secret)
    try:
        parsed = model.model_validate(value)
    except ValidationError as error:
        found = error.errors(include_url=False, include_context=False)
        raise _refused([{**one, "loc": ("body", *one["loc"])} for one in found], secret=secret) from None
    unknown = [*_unknown_keys(parsed)]
    if strict and unknown:
        raise _refused([_wrong("extra_forbidden", loc, msg, found) for loc, msg, found in unknown], secret=secret)
    return Body(parsed, [Problem(".".join(loc), msg).as_dict() for loc, msg, _ in unknown])


def fields(body: BaseModel) -> dict[str, Any]:
    """What a body says of the keys that its model knows; None for those that are absent."""
    return {name: getattr(body, name) for name in type(body).model_fields}


async def read_source(request: Request) -> Source:
    """Read a task definition: YAML when the content type says so, JSON otherwise.

    Raises:
        InvalidRequest: It can't be read; says where.
    """
    from statemachines.source import Source, read_json, read_yaml

    media_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    source = read_yaml(body) if media_type in YAML_TYPES else read_json(body)
    return Source(_clean(source.value) if _suspicious(body) else source.value, source.lines)


def parse_json(body: bytes) -> Any:
    """The value of a JSON text from outside: finite numbers, at most ``MAX_DEPTH`` levels, no null characters in its strings.

    Raises:
        InvalidRequest: It is none; says where.
    """
    if not body.strip():
        raise InvalidRequest("The body is empty; send a JSON object")
    try:
        value = json.loads(body.decode("utf-8-sig"), parse_constant=_refuse_constant, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise InvalidRequest(f"The body is not UTF-8 text: byte {error.start} can't be read") from None
    except json.JSONDecodeError as error:
        where = f"{error.msg} at line {error.lineno}, column {error.colno}"
        raise InvalidRequest(f"The body is not valid JSON: {where}", [Problem("", where, error.lineno)]) from None
    except RecursionError:
        raise _too_deep() from None
    except ValueError as error:
        raise InvalidRequest(f"The body is not valid JSON: {error}") from None
    deep = body.count(b"{") + body.count(b"[") > MAX_DEPTH
    return _clean(value) if deep or _suspicious(body) else value


def _refused(problems: Sequence[Mapping[str, Any]], *, secret: bool) -> RequestValidationError:
    hidden = {"input"} if secret else set[str]()
    return RequestValidationError([{key: one[key] for key in one if key not in hidden} for one in problems])


def _wrong(kind: str, loc: tuple[str, ...], msg: str, found: Any) -> JsonObject:
    return {"type": kind, "loc": ("body", *loc), "msg": msg, "input": found}


def _suspicious(body: bytes) -> bool:
    """Whether a string may hold a null character or a lone surrogate (in JSON and YAML both come as escapes or as they are)."""
    return b"\\" in body or b"\0" in body


def _clean(value: Any, depth: int = 0) -> Any:
    if depth > MAX_DEPTH:
        raise _too_deep()
    if isinstance(value, str):
        return _clean_text(value)
    if isinstance(value, list):
        return [_clean(item, depth + 1) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {_clean_text(key): _clean(item, depth + 1) for key, item in cast("JsonObject", value).items()}
    return value


def _clean_text(text: str) -> str:
    if not text.isascii():
        text = text.encode("utf-8", "replace").decode()
    return text.replace("\0", "")


def _too_deep() -> InvalidRequest:
    return InvalidRequest(f"The body is nested more than {MAX_DEPTH} levels deep")


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not a JSON number")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise ValueError(f"the number {text[:40]} is too large")
    return number


def _unknown_keys(body: BaseModel, at: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str, Any]]:
    """The keys that a model, or one in it, does not know: where, what to say, and what stands there."""
    for key, found in (body.model_extra or {}).items():
        yield (*at, key), _unknown(key, type(body)), found
    for name in type(body).model_fields:
        inner = getattr(body, name)
        if isinstance(inner, BaseModel):
            yield from _unknown_keys(inner, (*at, name))


def _unknown(key: str, model: type[BaseModel]) -> str:
    from difflib import get_close_matches

    close = get_close_matches(key, list(model.model_fields), 1)
    return f"Unknown key; did you mean {close[0]!r}?" if close else "Unknown key"
