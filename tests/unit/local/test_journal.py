from __future__ import annotations

import sqlite3
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from local.journal import Entry, Journal, StateError, expired


def contents(directory: Path) -> dict[tuple[str, str], tuple[bytes | None, str]]:
    with Journal(directory) as journal:
        return {(entry.store, entry.key): (entry.body, entry.headers) for entry in journal.entries()}


def test_what_was_committed_is_there_after_a_restart(tmp_path: Path) -> None:
    with Journal(tmp_path / "s") as journal:
        journal.commit([Entry("s3/b", "k", b"one", '{"a": "b"}'), Entry("dynamodb/t", "k", b"{}")])
        journal.commit([Entry("s3/b", "k", b"two", '{"a": "c"}')])
        journal.commit([Entry("dynamodb/t", "k", None), Entry("dynamodb/t", "never", None)])
    assert contents(tmp_path / "s") == {("s3/b", "k"): (b"two", '{"a": "c"}')}
    assert stat.S_IMODE((tmp_path / "s").stat().st_mode) == 0o700


def test_one_commit_is_all_or_nothing(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.commit([Entry("s", "a", b"1")])
        bad = Entry("s", "b", object())  # pyright: ignore[reportArgumentType]
        with pytest.raises(StateError, match="can't be written"):
            journal.commit([Entry("s", "a", b"2"), bad])
        with pytest.raises(StateError, match="can't be written"):
            journal.check()
    assert contents(tmp_path) == {("s", "a"): (b"1", "{}")}


def test_a_second_stack_on_the_same_state_is_told_so(tmp_path: Path) -> None:
    with Journal(tmp_path):
        program = f"from pathlib import Path\nfrom local.journal import Journal\nJournal(Path({str(tmp_path)!r}))"
        found = subprocess.run(
            [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(__file__).parents[3], check=False
        )
        assert "another silvercup dev uses the state" in found.stderr
    assert contents(tmp_path) == {}


def test_a_damaged_file_is_told_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "journal.sqlite"
    path.write_bytes(b"not a database, and long enough to be read as one" * 100)
    with pytest.raises(StateError, match="is damaged"):
        Journal(tmp_path)
    assert path.read_bytes().startswith(b"not a database")


def test_a_damaged_page_is_told(tmp_path: Path) -> None:
    with Journal(tmp_path) as journal:
        journal.commit(Entry("s", f"key {i}", b"x" * 500) for i in range(200))
    path = tmp_path / "journal.sqlite"
    body = bytearray(path.read_bytes())
    body[8192:40960] = b"\xff" * 32768
    path.write_bytes(body)
    with pytest.raises(StateError, match="is damaged"):
        Journal(tmp_path)


def test_a_torn_last_entry_is_passed_over(tmp_path: Path) -> None:
    """A process that dies while it appends leaves a part of a frame at the end of the write-ahead log."""
    source, torn = tmp_path / "source", tmp_path / "torn"
    torn.mkdir()
    with Journal(source) as journal:
        journal.commit([Entry("s", "whole", b"1")])
        size = (source / "journal.sqlite-wal").stat().st_size
        journal.commit([Entry("s", "torn", b"2" * 3000)])
        (torn / "journal.sqlite").write_bytes((source / "journal.sqlite").read_bytes())
        (torn / "journal.sqlite-wal").write_bytes((source / "journal.sqlite-wal").read_bytes()[: size + 1000])
    assert contents(torn) == {("s", "whole"): (b"1", "{}")}


def test_a_file_of_another_version_is_told(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "journal.sqlite")
    connection.execute("PRAGMA user_version = 7")
    connection.close()
    with pytest.raises(StateError, match="format 7, this one reads 1"):
        Journal(tmp_path)


def test_a_directory_that_can_not_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StateError, match="can't be made"):
        Journal(tmp_path / "file" / "state")


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("xyz"), st.none() | st.binary(max_size=20)), max_size=30)
)
def test_it_holds_the_last_state_of_every_key(
    tmp_path_factory: pytest.TempPathFactory, changes: list[tuple[str, str, bytes | None]]
) -> None:
    directory = tmp_path_factory.mktemp("journal")
    expected: dict[tuple[str, str], tuple[bytes, str]] = {}
    with Journal(directory) as journal:
        for store, key, body in changes:
            journal.commit([Entry(store, key, body)])
            expected.pop((store, key), None)
            if body is not None:
                expected[store, key] = (body, "{}")
    assert contents(directory) == expected


def test_time_to_live() -> None:
    assert expired({"expires": {"N": str(int(time.time()) - 1)}}, "expires")
    assert not expired({"expires": {"N": str(int(time.time()) + 60)}}, "expires")
    assert not expired({"expires": {"S": "1"}}, "expires")
    assert not expired({}, "expires")
    assert not expired({"expires": {"N": "1"}}, None)
