"""No form of a value gets through, and nothing else is touched."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.redaction import MASK, SHORTEST, Redactor

VALUES = st.text(st.characters(exclude_categories=["Cs"]), min_size=SHORTEST, max_size=40)
AROUND = st.text("abcXYZ 12", max_size=7)


@given(VALUES, AROUND, AROUND)
def test_no_usual_form_of_a_value_gets_through(value: str, before: str, after: str):
    redactor = Redactor([value])
    for form in (value, json.dumps(value)[1:-1], quote(value), quote(value, safe=""), quote_plus(value)):
        assert MASK in redactor.text(f"{before}{form}{after}")
        assert MASK.encode() in redactor.raw(f"{before}{form}{after}".encode())


@given(VALUES, st.binary(max_size=5), st.binary(max_size=5))
def test_a_value_inside_of_base64_can_not_be_read_back(value: str, before: bytes, after: bytes):
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        text = encode(before + value.encode() + after).decode()
        assert MASK in Redactor([value]).text(text)


@given(
    st.dictionaries(st.text("ghijkl", max_size=9), st.lists(st.text("ghijkl", max_size=9) | st.integers() | st.none()))
)
def test_what_holds_no_value_stays_as_it_is(value: object):
    assert Redactor(["s3cr3t-V4LUE"]).json(value) == value


def test_the_longest_goes_first_and_short_ones_stay():
    redactor = Redactor(["secret", "secret-and-more", "short"])
    assert redactor.text("secret-and-more secret short") == "*** *** short"


def test_keys_and_numbers_are_looked_at():
    found = Redactor(["123456", "planted-value"]).json(
        {"planted-value": [1234567, 12, True, None, {"a": "planted-value!"}]}
    )
    assert found == {"***": ["***", 12, True, None, {"a": "***!"}]}


def test_a_short_value_is_found_where_it_is_all_of_a_string():
    assert Redactor(["short"]).json({"short": ["short", "in short", 1]}) == {"short": ["***", "in short", 1]}


@pytest.mark.parametrize("values", [[], ["else"], [""]])
def test_without_values_nothing_is_changed(values: list[str]):
    value = {"a": ["short", 1]}
    redactor = Redactor(values)
    assert redactor.json(value) == value
    assert redactor.text("short") == "short"
    assert redactor.raw(b"short") == b"short"
