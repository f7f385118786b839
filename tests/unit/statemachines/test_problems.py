"""Hints and words for values."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.values import kind_of
from statemachines.problems import did_you_mean, nearest, shown

KEYS = ("evaluate", "log", "tool", "workflow", "wait_for_input", "foreach")


@pytest.mark.parametrize(
    ("word", "near"),
    [
        ("evalute", "evaluate"),
        ("Evaluate", "evaluate"),
        ("lgo", "log"),
        ("tools", "tool"),
        ("wait", "wait_for_input"),
        ("work_flow", "workflow"),
        ("search", None),
        ("w", None),
        ("", None),
    ],
)
def test_the_nearest_word(word: str, near: str | None):
    assert nearest(word, KEYS) == near


def test_a_hint_names_the_nearest_or_lists_a_few():
    assert did_you_mean("lgo", KEYS) == "Did you mean 'log'?"
    assert did_you_mean("search", ("b", "a")) == "There are: a, b"
    assert did_you_mean("search", [f"other{i}" for i in range(21)]) is None
    assert did_you_mean("other", [f"other{i}" for i in range(10_000)]) is None
    assert did_you_mean("x", ()) is None


@pytest.mark.parametrize(
    ("value", "word"),
    [
        (None, "null"),
        (True, "a boolean"),
        (0, "a number"),
        (1.5, "a number"),
        ("x", "a string"),
        ("", "an empty string"),
        ([1], "a list"),
        ([], "an empty list"),
        ({"a": 1}, "an object"),
        ({}, "an empty object"),
    ],
)
def test_words_for_values(value: Any, word: str):
    assert kind_of(value) == word


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (7, "7"),
        (True, "true"),
        (None, "null"),
        ("ä", '"ä"'),
        ("x" * 38, '"' + "x" * 38 + '"'),
        ("x" * 39, "a string of 39 characters"),
        ([1], "a list"),
        ({}, "an empty object"),
    ],
)
def test_values_in_messages(value: Any, text: str):
    assert shown(value) == text
