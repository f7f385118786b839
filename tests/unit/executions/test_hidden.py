"""What is stored of a value with secrets: nothing of them, and all of it comes back."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.executions.hidden import HIDDEN_MARK, Hider, filled, names_of, shown
from silvercup.redaction import SHORTEST, Redactor
from silvercup.values import dumps, loads

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
SECRETS = st.dictionaries(st.sampled_from(["A", "B", "C"]), TEXTS | st.from_regex(r"[1-9][0-9]{5,9}", fullmatch=True))
FORMS = (
    str,
    json.dumps,
    lambda text: json.dumps(text, ensure_ascii=False),
    repr,
    quote,
    quote_plus,
    lambda text: base64.b64encode(f"user:{text}".encode()).decode(),
    lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
)


@st.composite
def cases(draw: st.DrawFn) -> tuple[dict[str, str], Any]:
    """Some secrets, and a JSON value that holds them in several forms."""
    secrets = draw(SECRETS)
    held = st.sampled_from([form(text) for text in secrets.values() for form in FORMS] or ["x"])
    text = st.tuples(TEXTS, held, TEXTS).map("".join) | held | TEXTS
    numbers = [int(text) for text in secrets.values() if text.isascii() and text.isdigit()]
    number = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    leaf = text | number | st.none() | st.booleans() | (st.sampled_from(numbers) if numbers else st.none())
    value = draw(
        st.recursive(leaf, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4))
    )
    return secrets, value


@given(cases())
def test_the_whole_value_comes_back(case: tuple[dict[str, str], Any]):
    secrets, value = case
    text = Hider(secrets).stored(value)
    assert set(names_of(text)) <= set(secrets)
    assert dumps(loads(filled(text, secrets))) == dumps(value)


@given(cases())
def test_what_is_stored_and_shown_holds_no_value(case: tuple[dict[str, str], Any]):
    secrets, value = case
    text = Hider(secrets).stored(value)
    redactor = Redactor(secrets.values())
    assert loads(shown(text)) == redactor.json(value)
    _, _, body = text.rpartition("\n")
    for secret in secrets.values():
        if len(secret) >= SHORTEST:
            assert json.dumps(secret)[1:-1] not in body.replace("***", "")


def test_what_holds_none_is_stored_as_it_is():
    value = {"a": ["b", 1]}
    assert (
        Hider({"KEY": "planted-value"}).stored(value) == dumps(value) == shown(dumps(value)) == filled(dumps(value), {})
    )
    assert names_of(dumps(value)) == []


def test_no_one_can_make_a_reference():
    """Whatever a value holds: only what was drawn for this text is a reference."""
    text = Hider({"KEY": "planted-value"}).stored("planted-value")
    again = Hider({"KEY": "planted-value"}).stored([text, "planted-value"])
    assert loads(filled(again, {"KEY": "planted-value"})) == [text, "planted-value"]
    assert loads(shown(dumps(text))) == text
    assert text.startswith(HIDDEN_MARK)
    assert not dumps(text).startswith(HIDDEN_MARK)


@pytest.mark.parametrize(
    ("value", "new", "expected"),
    [
        ("Bearer 12345678", "87654321", "Bearer 87654321"),
        (12345678, "87654321", 87654321),
        (12345678, "no number", "no number"),
        ('a "12345678"', 'with "quotes"', 'a "with "quotes""'),
    ],
    ids=["text", "number", "no-number", "quotes"],
)
def test_a_secret_that_was_changed_is_the_new_one(value: Any, new: str, expected: Any):
    text = Hider({"KEY": "12345678"}).stored(value)
    assert loads(filled(text, {"KEY": new})) == expected
