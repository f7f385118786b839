"""Ids that sort by time, derived ids, cursors."""

from __future__ import annotations

import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.errors import InvalidRequest
from silvercup.ids import decode_cursor, derived_uuid7, encode_cursor, hash128, is_uuid, time_of, uuid7

TIMES = st.integers(min_value=0, max_value=(1 << 48) * 1000 - 1)


@given(TIMES, st.binary(min_size=8, max_size=16))
def test_an_id_is_a_uuid_of_version_7_and_holds_its_milliseconds(t: int, entropy: bytes):
    text = uuid7(t, entropy)
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert (parsed.version, parsed.variant) == (7, uuid.RFC_4122)
    assert parsed.int >> 80 == t // 1000
    assert is_uuid(text)


@given(TIMES, st.integers(min_value=1, max_value=10**9))
def test_a_later_id_sorts_later_to_the_microsecond(t: int, later: int):
    if t + later < (1 << 48) * 1000:
        assert uuid7(t) < uuid7(t + later)


@given(TIMES, st.text(), st.text())
def test_a_derived_id_depends_on_its_parts_and_their_borders(t: int, a: str, b: str):
    assert derived_uuid7(t, a, b) == derived_uuid7(t, a, b)
    assert derived_uuid7(t, a, b) != derived_uuid7(t, a + b, "x")
    assert hash128(a, b) != hash128(a + "\0" + b, "")


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_a_cursor_gives_its_value_back(value: object):
    assert decode_cursor(encode_cursor(value)) == value


@pytest.mark.parametrize("text", ["", "%%%", "abc", "é", "=" * 9, "bm90IGpzb24"])
def test_a_cursor_of_someone_else_is_refused(text: str):
    with pytest.raises(InvalidRequest, match="cursor"):
        decode_cursor(text)


def test_the_time_of_an_id_is_the_one_it_was_made_with():
    for t in [*range(1_790_000_000_000_000, 1_790_000_000_001_100), 0, 999, 1000]:
        assert time_of(uuid7(t)) == t
