"""Paths: where something is in a run."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup.executions.paths import called, calls, cut, in_loop, iterations, jumped, jumps


@pytest.mark.parametrize(
    ("at", "loops", "expected"),
    [
        ("main", 0, "main"),
        ("main/o9.5", 0, "main"),
        ("main/o9.5", 1, "main/o9.5"),
        ("main/o9.5/o3.0", 1, "main/o9.5"),
        ("main/o9.5/o3.0", 2, "main/o9.5/o3.0"),
        ("main/o9.5/o7", 0, "main/o9.5/o7"),
        ("main/o9.5/o7/o3.12", 0, "main/o9.5/o7"),
        ("main/o9.5/o7~3/o3.12/o4.1", 1, "main/o9.5/o7~3/o3.12"),
    ],
)
def test_what_stands_in_fewer_loops_of_the_same_procedure(at: str, loops: int, expected: str):
    assert cut(at, loops) == expected


def test_the_number_of_each_iteration():
    assert iterations("main") == {}
    assert iterations("main/o9.5/o3.0") == {"o9": 5, "o3": 0}
    assert iterations("main/o9.5/o7/o9.12/b3") == {"o9": 12}, "of a procedure that calls itself, the inner one's"
    assert iterations("main/o7~3/b3") == {}


def test_what_is_in_a_loop_of_whatever_procedure():
    assert not in_loop("main/o7/o7~2/b3")
    assert in_loop("main/o9.0/o7/b3")
    assert in_loop("main/o7/o9.0/b3")


def test_calls_stand_in_each_other_and_jumps_do_not():
    at = called(called("main", "o7"), "o8")
    assert at == "main/o7/o8"
    assert calls(at) == 2
    once = jumped(at, None)
    assert (once, calls(once), jumps(f"{once}/b3")) == ("main/o7/o8~1", 2, 1)
    for _ in range(4_999):
        once = jumped(once, None)
    assert (once, calls(once), jumps(once)) == ("main/o7/o8~5000", 2, 5_000)
    assert jumped("main/o9.5", "o7") == "main/o9.5/o7"
    assert jumps("main/o7/o8/b3") == 0
    assert jumps("main/o7~4/o8/b3") == 0, "of the procedure around"
    assert calls("main/o9.5/o7/o3.1/o7~2") == 2


parts = st.lists(
    st.builds(lambda op, number: f"o{op}.{number}", st.integers(0, 50), st.integers(0, 999_999))
    | st.builds(lambda op, jump: f"o{op}" + (f"~{jump}" if jump else ""), st.integers(0, 50), st.integers(0, 9_999)),
    max_size=8,
)


@given(parts)
def test_a_place_is_made_of_its_procedure_and_the_iterations_in_it(path: list[str]):
    at = "/".join(["main", *path])
    root = cut(at, 0)
    loops = [part for part in at[len(root) :].split("/") if part]
    assert all("." in part for part in loops)
    assert at.startswith(root)
    assert [cut(at, number) for number in range(len(loops) + 1)] == [
        "/".join([root, *loops[:number]]) for number in range(len(loops) + 1)
    ]
    assert cut(at, len(loops) + 3) == at
    assert calls(at) == calls(root) == sum("." not in part for part in path)
    assert in_loop(at) == any("." in part for part in path) == bool(iterations(at))
