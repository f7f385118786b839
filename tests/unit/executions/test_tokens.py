"""Task tokens: stable, signed, and good for nothing when touched."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.errors import Forbidden
from silvercup.executions.keys import ExecutionRef
from silvercup.executions.tokens import TaskTokens

REF = ExecutionRef("tenant", "execution")


class Keys:
    def __init__(self, current: str = "k1", **keys: bytes) -> None:
        self.keys = keys or {"k1": b"a secret"}
        self._current = current

    def current(self) -> tuple[str, bytes]:
        return self._current, self.keys[self._current]

    def get(self, key_id: str) -> bytes | None:
        return self.keys.get(key_id)


def test_a_token_opens_to_what_it_was_made_of():
    tokens = TaskTokens(Keys())
    made = tokens.make(REF, "abc")
    assert tokens.open(made) == (REF, "abc")
    assert tokens.make(REF, "abc") == made


def test_a_token_outlives_the_rotation_of_its_key_and_not_its_removal():
    made = TaskTokens(Keys()).make(REF, "abc")
    assert TaskTokens(Keys("k2", k1=b"a secret", k2=b"new")).open(made) == (REF, "abc")
    with pytest.raises(Forbidden):
        TaskTokens(Keys("k2", k2=b"new")).open(made)


@given(st.integers(0, 300), st.characters())
def test_a_changed_token_is_refused(position: int, letter: str):
    tokens = TaskTokens(Keys())
    made = tokens.make(REF, "abc")
    i = position % len(made)
    changed = made[:i] + letter + made[i + 1 :]
    if changed != made:
        try:
            opened = tokens.open(changed)
        except Forbidden:
            return
        assert opened == (REF, "abc"), "only spare bits of the base64 text may differ"


@pytest.mark.parametrize("text", ["", ".", "a.b", "W10.W10", "e30.", "bnVsbA.x", "🚀", "WzEsMiwzLDRd.AAAA"])
def test_what_was_never_a_token_is_refused(text: str):
    with pytest.raises(Forbidden, match="task token"):
        TaskTokens(Keys()).open(text)
