"""The estimate of tokens."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from silvercup.llm.tokens import IMAGE_TOKENS, MESSAGE_TOKENS, estimate


@pytest.mark.parametrize(
    ("value", "tokens"),
    [
        ("", 0),
        (None, 0),
        ("12345", 2),
        ("Привет, мир!", 6),
        ("こんにちは世界", 7),
        ("你好" * 500, 1000),
        ("안녕하세요", 5),
        ("😀😀", 4),
        ("café", 2),
        ({"n": 12.5, "none": None}, 1),
        ("data:image/png;base64," + "A" * 100_000, IMAGE_TOKENS),
        ({"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}, IMAGE_TOKENS),
        ({"type": "text", "text": "1234"}, 2),
        ([{"role": "user", "content": "1234"}], MESSAGE_TOKENS + 1),
        ("\ud800", 1),
    ],
)
def test_what_counts(value: Any, tokens: int) -> None:
    assert estimate(value) == tokens


TEXTS = st.text().filter(lambda text: not text.startswith("data:image/"))
"""Texts that are no picture."""


@given(TEXTS, TEXTS)
def test_more_text_is_never_fewer_tokens(first: str, second: str) -> None:
    assume(not (first + second).startswith("data:image/"))
    assert max(estimate(first), estimate(second)) <= estimate(first + second) <= estimate(first) + estimate(second)


@given(TEXTS)
def test_it_is_bounded_by_characters(text: str) -> None:
    assert len(text) / 4 <= estimate(text) <= 2 * len(text)


@given(st.lists(TEXTS))
def test_a_list_is_its_parts(texts: list[str]) -> None:
    assert estimate(texts) == estimate("".join(texts))
