"""The program as JSON text, and back. A dataclass becomes a list of its fields, an operation starts with its name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from functools import cache
from types import UnionType
from typing import Any, Union, cast, get_args, get_origin, get_type_hints

from silvercup import values
from silvercup.errors import InternalError
from statemachines import ir

_OPS = {op.name: op for op in ir.OPS}


def dump(program: ir.Program) -> str:
    """The program's JSON text."""
    return values.dumps(_encode(program))


def load(text: str | bytes) -> ir.Program:
    """The program of a JSON text.

    Raises:
        InternalError: It is of a format that this version does not know.
    """
    document = values.loads(text)
    found = document.get("format")
    if found == 1:
        document = _from_format_1(document)
    elif found != ir.FORMAT:
        raise InternalError(f"This version can't run programs of format {found!r}")
    return cast("ir.Program", _decoder(ir.Program)(document))


def _from_format_1(document: dict[str, Any]) -> dict[str, Any]:
    """Format 1 had one operation a block, named by it, and no loops of the state machine."""
    for block in document["blocks"].values():
        for op in block["ops"]:
            op.update(id=block["id"], loc=block["loc"], loops=0)
    return document


def _encode(value: Any) -> Any:
    return _encoder(cast("type[Any]", type(value)))(value)


type _Encode = Callable[[Any], Any]


@cache
def _encoder(cls: type[Any]) -> _Encode:
    """How values of a type are written."""
    if dataclasses.is_dataclass(cls):
        names = tuple(field.name for field in dataclasses.fields(cls))
        if issubclass(cls, ir.Op):
            return lambda op: {"op": op.name} | {name: _encode(getattr(op, name)) for name in names}
        if issubclass(cls, ir.Place | ir.Closing | ir.StepRef | ir.Share):
            return lambda item: [_encode(getattr(item, name)) for name in names]
        return lambda item: {name: _encode(getattr(item, name)) for name in names}
    if issubclass(cls, tuple):
        return lambda items: [_encode(item) for item in items]
    if issubclass(cls, Mapping):
        return lambda items: {name: _encode(item) for name, item in items.items()}
    return lambda value: value


type _Decode = Callable[[Any], Any]


@cache
def _decoder(hint: Any) -> _Decode:
    """How a value of a declared type is read back."""
    origin, args = get_origin(hint), get_args(hint)
    if hint is ir.Op:
        return _decode_op
    if isinstance(hint, type) and dataclasses.is_dataclass(hint):
        return _dataclass_decoder(hint)
    if origin is tuple:
        inner = _decoder(args[0])
        return lambda items: tuple(inner(item) for item in items)
    if origin is Mapping:
        inner = _decoder(args[1])
        return lambda items: {name: inner(item) for name, item in items.items()}
    if origin in (Union, UnionType) and len(args) == 2 and type(None) in args:
        inner = _decoder(next(arg for arg in args if arg is not type(None)))
        return lambda item: None if item is None else inner(item)
    return lambda item: item


def _dataclass_decoder(cls: type[Any]) -> _Decode:
    hints = get_type_hints(cls)
    fields = [(field.name, _decoder(hints[field.name])) for field in dataclasses.fields(cls)]

    def decode(item: Any) -> Any:
        if isinstance(item, list):
            return cls(*(inner(part) for (_, inner), part in zip(fields, cast("list[Any]", item), strict=True)))
        return cls(**{name: inner(item[name]) for name, inner in fields if name in item})

    return decode


def _decode_op(item: dict[str, Any]) -> ir.Op:
    return cast("ir.Op", _decoder(_OPS[item["op"]])(item))
