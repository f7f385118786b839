"""The ids of responses and of their items.

An id says where the response's turn is, so that it is found by key: ``resp_``, the session, the turn's number, and a check that tells it from
another turn at the same place. Where another turn took the place while the model was answering, the response is the first of a branch, in the
session that ``branch`` derives.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from silvercup.ids import derived_uuid7, time_of

_TEXT = re.compile(r"resp_([0-9a-f]{32})([0-9a-f]{8})([0-9a-f]{12})")
PREFIXES = {"message": "msg", "function_call": "fc", "web_search_call": "ws"}
"""What an item's id begins with, by the item's type."""


@dataclass(frozen=True, slots=True)
class ResponseId:
    """An id of a response, read.

    Attributes:
        session: The session.
        number: The turn's number in it.
        check: The last digits of the turn's id.
    """

    session: str
    number: int
    check: str

    @classmethod
    def of(cls, session: str, number: int, turn_id: str) -> ResponseId:
        """The id of a turn's response."""
        return cls(session, number, turn_id[-12:])

    @classmethod
    def read(cls, text: str) -> ResponseId | None:
        """The id that a text stands for; None where it is no id of a response."""
        found = _TEXT.fullmatch(text)
        if found is None:
            return None
        digits = found[1]
        session = f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"
        return cls(session, int(found[2], 16), found[3])

    def __str__(self) -> str:
        return f"resp_{self.session.replace('-', '')}{self.number:08x}{self.check}"

    def is_of(self, turn_id: str) -> bool:
        """Whether it is the id of a turn's response."""
        return turn_id.endswith(self.check)

    @property
    def branch(self) -> str:
        """The session that the response is in when another turn took its place."""
        return derived_uuid7(time_of(self.session), str(self))


def item_id(kind: str, response_id: str, index: int) -> str:
    """The id of an item of a response's output, by its type and its place in the output."""
    return f"{PREFIXES[kind]}_{response_id.removeprefix('resp_')}{index:04x}"
