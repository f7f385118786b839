"""What stands for KMS in memory, and the search for values that nothing may hold."""

from __future__ import annotations

import base64
import json
import sqlite3
from collections.abc import Iterable, Mapping
from contextlib import closing
from pathlib import Path
from urllib.parse import quote


class MemoryVault:
    """Seals values so that they can be opened with the same context alone, and not be read.

    Attributes:
        calls: What was asked of it, in order: ``seal`` or ``open``.
    """

    def __init__(self) -> None:
        self.calls: list[str] = []
        self._kept: list[tuple[str, dict[str, str]]] = []

    def seal(self, value: str, context: Mapping[str, str], /) -> bytes:
        self.calls.append("seal")
        self._kept.append((value, dict(context)))
        return f"sealed {len(self._kept) - 1}".encode()

    def open(self, sealed: bytes, context: Mapping[str, str], /) -> str:
        self.calls.append("open")
        value, bound = self._kept[int(sealed.split()[1])]
        assert bound == dict(context), "a value is opened with the context that it was sealed with"
        return value


def in_files(state: Path) -> str:
    """All that a stack that was stopped has left in its directory, but for the file with the key of the local KMS."""
    with closing(sqlite3.connect(state / "journal.sqlite")) as journal:
        texts = [repr(row) for row in journal.execute("SELECT * FROM state")]
    files = [path for path in state.rglob("*") if path.is_file() and path.name != "secrets.json"]
    return "\n".join([*texts, *(path.read_bytes().decode("utf-8", "replace") for path in files)])


def found_in(text: str, values: Iterable[str]) -> list[str]:
    """Those of some values that a text holds, as they are or in a usual form."""
    return [value for value in values if any(form in text for form in _forms(value))]


def _forms(value: str) -> set[str]:
    plain = {value, json.dumps(value)[1:-1], quote(value), quote(value, safe="")}
    inside = {base64.b64encode(b"\0" * offset + value.encode()).decode()[4:-4] for offset in range(3)}
    return plain | {form for form in inside if len(form) >= 8}
