"""Metadata filters: which docs hold a filter's values; exactly, and as terms that an index compares.

A filter asks for containment, as PostgreSQL's ``jsonb @>`` does (v1 filtered with it; PostgreSQL manual, 8.14.3, "jsonb Containment and
Existence"). An index knows terms alone, so a search asks twice: the index for chunks that have all of a filter's terms, then
``contains`` for what each of them really holds. A doc that contains a filter always has its terms; the reverse need not be so: of
``{"a": [{"x": 1}, {"y": 2}]}`` the filter ``{"a": [{"x": 1, "y": 2}]}`` finds every term.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from hashlib import blake2b
from typing import Any, TypeGuard

from silvercup.errors import InvalidRequest, Problem
from silvercup.values import JsonObject

MAX_TERMS = 1_000
"""How many distinct terms a doc's metadata may have."""
MAX_FILTER_VALUES = 100
"""How many values a filter may have, equal ones included."""
MAX_DEPTH = 20
"""How deep objects and arrays may stand in each other; metadata without any has a depth of 1."""
_TERM_BYTES = 10


def terms_of(metadata: JsonObject) -> list[str]:
    """What an index keeps of a doc's metadata.

    There is one term for each value that is no object or array, and one for each object and array below the root; equal values under
    the same keys share one, at whatever positions of an array they are.

    Args:
        metadata: JSON.

    Returns:
        Terms of 20 hexadecimal digits, sorted, each once: the same in every process for metadata that differ only in the order of
        keys or in how a number is written.

    Raises:
        InvalidRequest: They are more than ``MAX_TERMS``, the metadata is deeper than ``MAX_DEPTH`` or holds a number that JSON does not
            know (NaN, an infinity).
    """
    terms: set[str] = set()
    for term, _ in _terms(metadata, "metadata"):
        terms.add(term)
        if len(terms) > MAX_TERMS:
            raise _refused("metadata", f"holds more than {MAX_TERMS:,} different values")
    return sorted(terms)


def terms_of_filter(metadata_filter: JsonObject) -> list[str]:
    """What must all be among the terms of metadata that contain a filter: those of its plain values and empty objects and arrays.

    Returns:
        See ``terms_of``; none for ``{}``, which everything contains.

    Raises:
        InvalidRequest: It has more than ``MAX_FILTER_VALUES`` values, is deeper than ``MAX_DEPTH`` or holds a number that JSON does not
            know.
    """
    field = "metadata_filter"
    terms: list[str] = []
    for term, is_leaf in _terms(metadata_filter, field):
        if is_leaf:
            terms.append(term)
        if len(terms) > MAX_FILTER_VALUES:
            raise _refused(field, f"holds more than {MAX_FILTER_VALUES} values")
    return sorted(set(terms))


def contains(metadata: Any, metadata_filter: Any) -> bool:
    """Whether one JSON value contains another, as PostgreSQL's ``metadata @> metadata_filter``.

    - An object contains an object whose every key it has, with a value that contains the other's.
    - An array contains an array whose every element is contained in one of its own; order and number don't count.
    - Other values contain their equals: 1 is 1.0, but neither "1" nor true.

    PostgreSQL lets an array at the root contain a plain value as well; roots are objects here. The limits of ``terms_of`` and
    ``terms_of_filter`` bound the work; it does not check them.
    """
    if _is_object(metadata_filter):
        return _is_object(metadata) and all(
            name in metadata and contains(metadata[name], value) for name, value in metadata_filter.items()
        )
    if _is_array(metadata_filter):
        return _is_array(metadata) and _all_within(metadata, metadata_filter)
    return _is_plain(metadata) and _typed(metadata) == _typed(metadata_filter)


def _all_within(elements: list[Any], wanted: list[Any]) -> bool:
    plain = {_typed(element) for element in elements if _is_plain(element)}
    nested = [element for element in elements if not _is_plain(element)]
    return all(
        _typed(value) in plain if _is_plain(value) else any(contains(element, value) for element in nested)
        for value in wanted
    )


def _is_object(value: Any) -> TypeGuard[JsonObject]:
    return isinstance(value, dict)


def _is_array(value: Any) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _is_plain(value: Any) -> bool:
    return not isinstance(value, dict | list)


def _typed(value: Any) -> tuple[str, Any]:
    """A plain value with its JSON kind: Python takes True for 1."""
    match value:
        case None:
            return "null", None
        case bool():
            return "boolean", value
        case int() | float():
            return "number", value
        case _:
            return "string", value


def _terms(root: JsonObject, field: str) -> Iterator[tuple[str, bool]]:
    """The terms of all values below a root, repeated as the values are.

    Yields:
        A term, and whether its value has nothing in it: a plain value, an empty object, an empty array.
    """
    start = blake2b(digest_size=_TERM_BYTES)
    stack: list[tuple[Any, Any, int]] = [(root, start, 1)]
    while stack:
        node, path, depth = stack.pop()
        if _is_plain(node):
            yield _hashed(path, _canonical(node, field)), True
            continue
        if depth > MAX_DEPTH:
            raise _refused(field, f"is nested deeper than {MAX_DEPTH} objects and arrays")
        if path is not start:
            yield _hashed(path, b"object" if _is_object(node) else b"array"), not node
        if _is_object(node):
            steps = [(value, _below(path, _framed(b"key", _bytes(name)))) for name, value in node.items()]
        else:
            inside = _below(path, b"element")
            steps = [(value, inside) for value in node]
        stack.extend((value, deeper, depth + 1) for value, deeper in steps)


def _canonical(value: Any, field: str) -> bytes:
    """A plain value as bytes, the same for equal ones of a kind and different for others."""
    kind, plain = _typed(value)
    if kind == "number":
        if isinstance(plain, float) and not math.isfinite(plain):
            raise _refused(field, "holds a number that JSON does not know (NaN or an infinity)")
        # Hexadecimal: Python refuses to write an integer of over 4,300 decimal digits.
        text = plain.hex() if isinstance(plain, float) and not plain.is_integer() else f"{int(plain):x}"
    else:
        text = str(plain)
    return _framed(kind.encode(), _bytes(text))


def _below(path: Any, step: bytes) -> Any:
    deeper = path.copy()
    deeper.update(step)
    return deeper


def _hashed(path: Any, value: bytes) -> str:
    return _below(path, value).hexdigest()


def _framed(kind: bytes, content: bytes) -> bytes:
    """With its length, so that no two sequences of steps and values are the same bytes."""
    return b"%s %d:%s" % (kind, len(content), content)


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _refused(field: str, problem: str) -> InvalidRequest:
    message = f"{field} {problem}"
    return InvalidRequest(message, [Problem(field, message)])
