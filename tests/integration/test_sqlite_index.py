"""What is particular to the embedded index: its file, its processes, and that it is exact."""

from __future__ import annotations

import contextlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from silvercup.adapters.sqlite_index import SqliteIndexes, writing
from silvercup.adapters.sqlite_index import index as index_module
from silvercup.adapters.sqlite_index import rows as rows_module
from silvercup.docs.index import DocIndex, IndexSpec, Scope
from silvercup.errors import Conflict, InternalError, TransientError
from tests.support.doc_indexes import DIMENSIONS, HERE, SPEC, TENANT, axis, chunk, docs, matched, must, words
from tests.support.snippets import ROOT


def opened(indexes: SqliteIndexes, name: str = "docs") -> DocIndex:
    indexes.create(name, SPEC)
    made = indexes.open(name)
    assert made is not None
    return made


def unit_vectors(count: int, dimensions: int = DIMENSIONS) -> list[list[float]]:
    drawn = np.random.default_rng(5).normal(size=(count, dimensions))
    return (drawn / np.linalg.norm(drawn, axis=1, keepdims=True)).tolist()


def test_a_file_is_there_after_it_was_closed(tmp_path: Path):
    with SqliteIndexes(tmp_path / "a" / "b") as indexes:
        index = opened(indexes)
        index.add([chunk("d1", "lantern", vector=axis(0), terms=["a=1"]), chunk("d2", "candle", vector=axis(1))])
        index.remove(["d2:1:0"])
    with SqliteIndexes(tmp_path / "a" / "b") as indexes:
        index = indexes.open("docs")
        assert index is not None
        assert index.spec == SPEC
        assert docs(index.nearest(Scope(TENANT, HERE.owners, ["a=1"]), axis(1), limit=5)) == ["d1"]
        assert matched(index, words("lanterns candle")) == ["d1"]
    assert sorted(path.name for path in (tmp_path / "a" / "b").iterdir()) == ["docs.sqlite"]


def test_indexes_in_memory_are_of_one_object(tmp_path: Path):
    with SqliteIndexes(None) as indexes, SqliteIndexes(None) as others:
        opened(indexes).add([chunk("d1", "lantern")])
        assert others.open("docs") is None
        with ThreadPoolExecutor(4) as pool:
            found = list(pool.map(lambda _: matched(opened(indexes), words("lantern")), range(8)))
        assert found == [["d1"]] * 8


def test_what_is_added_is_found_at_once_and_a_chunk_takes_the_place_of_its_like(tmp_path: Path):
    with SqliteIndexes(tmp_path) as indexes:
        index = opened(indexes)
        assert index.add([chunk("d1", "lantern", vector=axis(0))]) == ["d1:1:0"]
        assert index.add([chunk("d1", "candle", vector=axis(1))] * 2) == ["d1:1:0"] * 2
        assert (matched(index, words("lantern")), matched(index, words("candle"))) == ([], ["d1"])
        (hit,) = index.nearest(HERE, axis(1), limit=5)
        assert (hit.text, hit.score) == ("candle", 1.0)


def test_processes_see_what_each_other_changes(tmp_path: Path):
    """Two objects share nothing but the file, as two processes do."""
    with SqliteIndexes(tmp_path) as ours, SqliteIndexes(tmp_path) as theirs:
        one, other = opened(ours), opened(theirs)
        vectors = unit_vectors(40)
        for number, vector in enumerate(vectors):
            writer, reader = (one, other) if number % 2 else (other, one)
            writer.add([chunk(f"d{number}", f"lantern word{number}", vector=vector)])
            assert docs(reader.nearest(HERE, vector, limit=1)) == [f"d{number}"]
            if number % 3 == 0:
                writer.remove([f"d{number}:1:0"])
                assert f"d{number}" not in docs(reader.nearest(HERE, vector, limit=50))
            assert matched(reader, words(f"word{number}")) == ([] if number % 3 == 0 else [f"d{number}"])
            assert sorted(matched(one, words("lantern"))) == sorted(matched(other, words("lantern")))


def test_a_process_that_is_far_behind_reads_all_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writing, "_REMOVALS_KEPT", 3)
    with SqliteIndexes(tmp_path) as ours, SqliteIndexes(tmp_path) as theirs:
        one, other = opened(ours), opened(theirs)
        one.add([chunk(f"d{number}", vector=vector) for number, vector in enumerate(unit_vectors(20))])
        assert len(other.nearest(HERE, axis(0), limit=50)) == 20
        one.remove([f"d{number}:1:0" for number in range(10)])
        assert sorted(docs(other.nearest(HERE, axis(0), limit=50))) == sorted(f"d{number}" for number in range(10, 20))


def test_removed_rows_do_not_stay_in_memory_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(rows_module, "_MOST_DEAD", 5)
    read: list[rows_module.Rows] = []
    follow = rows_module.follow
    monkeypatch.setattr(index_module, "follow", lambda *given: read.append(follow(*given)) or read[-1])
    with SqliteIndexes(tmp_path) as indexes:
        index = opened(indexes)
        for round_ in range(8):
            index.add([chunk(f"d{number}", vector=axis(round_)) for number in range(4)])
            assert len(index.nearest(HERE, axis(round_), limit=50, min_score=0.9)) == 4
        assert max(rows.count for rows in read) <= 12


def test_a_transaction_sees_the_rows_that_it_began_with(tmp_path: Path):
    """Writers at work all the time must not make a search fail, or find half of what was added together."""
    with SqliteIndexes(tmp_path) as indexes:
        index = opened(indexes)
        stop = threading.Event()

        def write() -> None:
            for number in range(30):
                index.add([chunk(f"d{number % 3}", "lantern", vector=axis(0), position=at) for at in range(5)])
            stop.set()

        with ThreadPoolExecutor(4) as pool:
            writing_ = pool.submit(write)
            counts: list[int] = []
            while not stop.is_set() and not writing_.done():
                counts += [len(index.nearest(HERE, axis(0), limit=50)), len(matched(index, words("lantern")))]
            writing_.result()
        assert {count % 5 for count in counts} <= {0}
        assert len(index.nearest(HERE, axis(0), limit=50)) == 15


@pytest.mark.parametrize("share", [1, 2, 10, 97])
def test_the_nearest_are_exact(tmp_path: Path, share: int):
    """In several blocks, for scopes that are read as a whole and such that are picked out."""
    vectors = unit_vectors(2600, 24)
    with SqliteIndexes(None) as indexes:
        indexes.create("docs", IndexSpec("m", 24))
        index = indexes.open("docs")
        assert index is not None
        for start in range(0, 2600, 650):
            index.add(
                [
                    chunk(f"d{n}", vector=None if n % 13 == 5 else vectors[n], terms=[f"rest={n % share}"])
                    for n in range(start, start + 650)
                ]
            )
            index.nearest(HERE, vectors[0], limit=1)
        index.remove([f"d{n}:1:0" for n in range(0, 2600, 7)])
        there = [n for n in range(2600) if n % 7 and n % 13 != 5 and n % share == 1 % share]
        for query in unit_vectors(20, 24)[10:]:
            cosines = np.array(vectors)[there] @ np.array(query)
            expected = [f"d{there[place]}" for place in np.argsort(-cosines)[:40]]
            hits = index.nearest(Scope(TENANT, HERE.owners, [f"rest={1 % share}"]), query, limit=40)
            assert docs(hits) == expected
            assert [hit.score for hit in hits] == pytest.approx(np.sort(cosines)[::-1][:40], abs=1e-6)


def test_scores_do_not_depend_on_others_chunks(tmp_path: Path):
    with SqliteIndexes(tmp_path) as indexes:
        index = opened(indexes)
        index.add([chunk("d1", "lantern and candle"), chunk("d2", "candle")])
        before = index.matching(HERE, words("lantern candle"), limit=10)
        index.add([chunk(f"o{n}", "lantern", owner="user#other") for n in range(50)])
        assert index.matching(HERE, words("lantern candle"), limit=10) == before


def test_a_phrase_may_end_with_a_single_character(tmp_path: Path):
    with SqliteIndexes(tmp_path) as indexes:
        index = opened(indexes)
        index.add([chunk("d1", "buy iPhone 使用", language="cjk"), chunk("d2", "使用 iPhone", language="cjk")])
        assert matched(index, must("iphone 使", language="cjk")) == ["d1"]


KILLED = """
import sys
from pathlib import Path
from silvercup.adapters.sqlite_index import SqliteIndexes
from tests.support.doc_indexes import SPEC, axis, chunk
indexes = SqliteIndexes(Path(sys.argv[1]))
indexes.create("docs", SPEC)
index = indexes.open("docs")
for number in range(100_000):
    index.add([chunk(f"d{number}", "lantern", vector=axis(number % 8), position=position) for position in range(3)])
    print(number, flush=True)
"""


def test_a_killed_process_leaves_a_file_that_holds_what_it_had_added(tmp_path: Path):
    most = -1
    for kills in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", KILLED, str(tmp_path)],
            cwd=ROOT,
            env={"PYTHONPATH": "layers/core:."},
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdout is not None
            last = -1
            for line in process.stdout:
                last = int(line)
                if last == 20 + 7 * kills:
                    process.send_signal(signal.SIGKILL)
            process.wait()
        with SqliteIndexes(tmp_path) as indexes:
            index = indexes.open("docs")
            assert index is not None
            most = max(most, last)  # one that was killed before may have come further
            found = index.ids_of(TENANT, [f"d{number}" for number in range(most + 2)])
            assert [len(found[f"d{number}"]) for number in range(most + 1)] == [3] * (most + 1)
            assert len(found.get(f"d{most + 1}", ())) in {0, 3}
            assert len(matched(index, words("lantern"), limit=500)) == sum(map(len, found.values()))
        with contextlib.closing(sqlite3.connect(tmp_path / "docs.sqlite")) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            connection.execute("INSERT INTO tokens (tokens) VALUES ('integrity-check')")


def test_who_holds_a_dropped_index_is_told(tmp_path: Path):
    for directory in (tmp_path, None):
        with SqliteIndexes(directory) as indexes:
            held = opened(indexes)
            held.add([chunk("d1", "lantern")])
            indexes.drop("docs")
            with pytest.raises(InternalError, match="'docs' was dropped"):
                matched(held, words("lantern"))
            with pytest.raises(InternalError, match="'docs' was dropped"):
                held.add([chunk("d2")])
    with SqliteIndexes(tmp_path) as ours, SqliteIndexes(tmp_path) as theirs:
        held = opened(ours)
        held.add([chunk("d1", "lantern")])
        assert matched(held, words("lantern")) == ["d1"]
        theirs.drop("docs")
        theirs.create("docs", IndexSpec("other", 3))
        with pytest.raises(InternalError, match="'docs' was dropped"):
            matched(held, words("lantern"))
        anew = ours.open("docs")
        assert anew is not None
        assert anew.spec == IndexSpec("other", 3)


def test_threads_that_make_the_same_index_at_once_make_one(tmp_path: Path):
    everyone = [SqliteIndexes(tmp_path) for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        made = list(pool.map(opened, everyone))
    for number, index in enumerate(made):
        index.add([chunk(f"d{number}", "lantern")])
    assert [len(matched(index, words("lantern"))) for index in made] == [6] * 6
    for indexes in everyone:
        indexes.close()
    assert [path.name for path in tmp_path.iterdir()] == ["docs.sqlite"]


def test_a_file_of_another_format_is_told_apart(tmp_path: Path):
    with SqliteIndexes(tmp_path) as indexes:
        opened(indexes)
    with contextlib.closing(sqlite3.connect(tmp_path / "docs.sqlite")) as connection:
        connection.execute("PRAGMA user_version = 99")
    with SqliteIndexes(tmp_path) as indexes:
        with pytest.raises(InternalError, match="another version of Silvercup: run `silvercup reindex`"):
            indexes.open("docs")
        with pytest.raises(Conflict, match=r"another version of Silvercup.* run `silvercup reindex`"):
            indexes.create("docs", SPEC)
        indexes.drop("docs")
        assert matched(opened(indexes), words("lantern")) == []


def test_a_damaged_file_is_an_error_that_names_the_index(tmp_path: Path):
    (tmp_path / "docs.sqlite").write_bytes(b"nothing of sqlite" * 1000)
    with SqliteIndexes(tmp_path) as indexes:
        for call in (lambda: indexes.open("docs"), lambda: indexes.create("docs", SPEC)):
            with pytest.raises(InternalError, match="'docs' is broken"):
                call()
        indexes.drop("docs")
        assert matched(opened(indexes), words("lantern")) == []


def test_a_directory_that_cannot_be_made_may_be_there_later(tmp_path: Path):
    (tmp_path / "file").touch()
    with (
        SqliteIndexes(tmp_path / "file" / "below") as indexes,
        pytest.raises(TransientError, match="'docs' can't be made"),
    ):
        indexes.create("docs", SPEC)


def test_a_write_that_waits_too_long_for_another_may_work_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("silvercup.adapters.sqlite_index.database._WAIT", 0.05)
    with SqliteIndexes(tmp_path) as indexes:
        index = opened(indexes)
        index.add([chunk("d1", "lantern")])
        with contextlib.closing(sqlite3.connect(tmp_path / "docs.sqlite", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            index_again = SqliteIndexes(tmp_path)
            with pytest.raises(TransientError, match="'docs' can't be used right now"):
                opened(index_again).add([chunk("d2", "lantern")])
            assert matched(index, words("lantern")) == ["d1"]
            index_again.close()
        index.add([chunk("d2", "lantern")])
        assert sorted(matched(index, words("lantern"))) == ["d1", "d2"]


def test_an_add_that_fails_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with SqliteIndexes(tmp_path) as indexes:
        index = opened(indexes)
        index.add([chunk("d1", "lantern", vector=axis(0))])
        monkeypatch.setattr(
            writing, "learn", lambda *_: (_ for _ in ()).throw(sqlite3.OperationalError("database or disk is full"))
        )
        with pytest.raises(InternalError):
            index.add([chunk("d1", "candle", vector=axis(1)), chunk("d2", "candle")])
        monkeypatch.undo()
        assert (matched(index, words("lantern")), matched(index, words("candle"))) == (["d1"], [])
        index.add([chunk("d2", "candle")])
        assert matched(index, words("candle")) == ["d2"]


def test_importing_the_adapter_imports_neither_numpy_nor_stemmers():
    script = "import sys, silvercup.adapters.sqlite_index; print({'numpy', 'snowballstemmer'} & sys.modules.keys())"
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=ROOT,
        env={"PYTHONPATH": "layers/core"},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "set()"


def test_a_copy_of_a_file_is_an_index(tmp_path: Path):
    with SqliteIndexes(tmp_path / "one") as indexes:
        opened(indexes).add([chunk("d1", "lantern", vector=axis(0))])
    shutil.copytree(tmp_path / "one", tmp_path / "other")
    with SqliteIndexes(tmp_path / "other") as indexes:
        index = indexes.open("docs")
        assert index is not None
        assert docs(index.nearest(HERE, axis(0), limit=1)) == ["d1"]
