"""The codec between our items and DynamoDB's."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.adapters.attributes import LARGEST, decode, encode
from silvercup.errors import InternalError

INTEGERS = st.integers(min_value=-LARGEST + 1, max_value=LARGEST - 1)
SCALARS = st.text() | INTEGERS | st.booleans() | st.binary()
NESTED = st.recursive(
    SCALARS | st.none(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)
ITEMS = st.dictionaries(st.text(min_size=1), NESTED | st.sets(st.text()), max_size=6)


def same_types(left: object, right: object) -> bool:
    if isinstance(left, dict) and isinstance(right, dict):
        return all(same_types(left[name], right[name]) for name in left)
    if isinstance(left, list) and isinstance(right, list):
        return all(map(same_types, left, right))
    return type(left) is type(right)


@given(ITEMS)
def test_what_is_written_is_read(item: dict[str, object]):
    there = {name: value for name, value in item.items() if value is not None and value != set()}
    read = decode(encode(item))
    assert read == there
    assert same_types(read, there)


def test_each_type_has_its_own_word():
    item = {
        "s": "x",
        "n": 7,
        "yes": True,
        "b": b"\x00",
        "set": {"b", "a"},
        "l": [None, 1],
        "m": {"k": None},
        "no": None,
        "e": set(),
    }
    assert encode(item) == {
        "s": {"S": "x"},
        "n": {"N": "7"},
        "yes": {"BOOL": True},
        "b": {"B": b"\x00"},
        "set": {"SS": ["a", "b"]},
        "l": {"L": [{"NULL": True}, {"N": "1"}]},
        "m": {"M": {"k": {"NULL": True}}},
    }


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1.5, "float"),
        ([{"deep": 0.1}], "float"),
        (LARGEST, "38 digits"),
        ({1, 2}, "set"),
        ([set()], "set"),
        ((1,), "tuple"),
        (object(), "object"),
    ],
)
def test_anything_else_is_refused_by_name_and_not_shown(value: object, said: str):
    with pytest.raises(InternalError, match=f"'size' can't be stored: .*{said}"):
        encode({"size": value})


@pytest.mark.parametrize("wire", [{"NS": ["1"]}, {"BS": [b"x"]}])
def test_a_type_that_we_never_write_is_not_guessed_at(wire: dict[str, object]):
    with pytest.raises(InternalError, match="never writes"):
        decode({"a": wire})
