"""What loops go over, and what becomes of their outputs."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from silvercup import values
from silvercup.errors import SilvercupError, StepError
from silvercup.runtime import items as items_module
from silvercup.runtime.items import items_of, pages, reduced
from statemachines import Source, compile_task
from statemachines.ir import GatherOp, LoopOp, walk


def loop(items: Any = "$ _", **more: Any) -> tuple[LoopOp, GatherOp]:
    step = {"over": items, "map": {"log": "x"}, **more}
    program = compile_task(Source({"name": "x", "main": [step]})).program
    ops = [op for block in program.blocks.values() for op in walk(block.ops)]
    return next(op for op in ops if isinstance(op, LoopOp)), next(op for op in ops if isinstance(op, GatherOp))


def foreach() -> LoopOp:
    program = compile_task(Source({"name": "x", "main": [{"foreach": {"in": "$ _", "do": {"log": "x"}}}]})).program
    return next(op for block in program.blocks.values() for op in walk(block.ops) if isinstance(op, LoopOp))


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ([1, "a", None], [1, "a", None]),
        ([], []),
        ({"a": 1, "b": [2]}, ["a", "b"]),
        ({}, []),
        ([[1], [2]], [[1], [2]]),
    ],
)
def test_a_list_or_the_keys_of_an_object(value: Any, expected: list[Any]):
    assert items_of(loop()[0], {"_": value}) == expected


def test_a_list_that_is_written_out_is_evaluated():
    assert items_of(loop(["$ _ + 1", 5, "text"])[0], {"_": 1}) == [2, 5, "text"]
    assert items_of(loop({"a": 1, "b": 2})[0], {"_": 1}) == ["a", "b"]
    assert items_of(loop("$ list(range(3))")[0], {"_": 1}) == [0, 1, 2]


@pytest.mark.parametrize(
    ("value", "what"), [(None, "null"), (True, "a boolean"), (5, "a number"), (1.5, "a number"), ("abc", "a text")]
)
def test_anything_else_is_told(value: Any, what: str):
    with pytest.raises(StepError, match=f"'over' must be a list, or an object whose keys are taken; it is {what}"):
        items_of(loop()[0], {"_": value})
    with pytest.raises(StepError, match=r"'foreach\.in' must be a list"):
        items_of(foreach(), {"_": value})


def test_too_many_are_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(items_module, "MAX_ITEMS", 3)
    op = loop()[0]
    assert items_of(op, {"_": [1, 2, 3]}) == [1, 2, 3]
    with pytest.raises(StepError, match="'over' has 4 items; at most 3 can be"):
        items_of(op, {"_": [1, 2, 3, 4]})


@pytest.mark.parametrize(
    ("options", "outputs", "expected"),
    [
        ({}, [1, 2], [1, 2]),
        ({}, [], []),
        ({"initial": ["a"]}, [1], ["a", 1]),
        ({"reduce": "$ results + [_]"}, [1, [2]], [1, [2]]),
        ({"reduce": "results + [_]"}, [1, 2], [1, 2]),
        ({"reduce": "$ results+[_]", "initial": [0]}, [1], [0, 1]),
        ({"reduce": "$ results + _", "initial": 0}, [1, 2, 3], 6),
        ({"reduce": "$ results + _", "initial": 0}, [], 0),
        ({"reduce": "$ results + _", "initial": ""}, ["a", "b"], "ab"),
        ({"reduce": "$ _"}, [1, 2], 2),
        (
            {"reduce": "$ {**results, _.k: _.v}", "initial": {}},
            [{"k": "a", "v": 1}, {"k": "b", "v": 2}],
            {"a": 1, "b": 2},
        ),
        ({"reduce": "$ [_] + results"}, [1, 2], [2, 1]),
        ({"reduce": "$ tuple(results) + (_,)"}, [1], [1]),
        ({"initial": {"a": 1}, "reduce": "$ dict(results, n=_)"}, [3], {"a": 1, "n": 3}),
    ],
)
def test_outputs_are_gathered_in_their_order(options: dict[str, Any], outputs: list[Any], expected: Any):
    assert reduced(loop(**options)[1], outputs) == expected


def test_the_shorthand_is_the_same_as_the_expression():
    outputs = [1, {"a": [2]}, None, "x"]
    plain = reduced(loop()[1], outputs)
    assert plain == reduced(loop(reduce="$ results + [_]")[1], outputs)
    assert plain == reduced(loop(reduce="$ [*results, _]")[1], outputs)


def test_without_reduce_the_first_must_be_a_list():
    with pytest.raises(StepError, match="'initial' must be a list where there is no 'reduce'"):
        reduced(loop(initial={"a": 1})[1], [1])


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"reduce": "$ results + [_]", "initial": {"a": 1}}, "list"),
        ({"reduce": "$ results + _", "initial": 0}, "reduce|unsupported"),
    ],
)
def test_an_expression_that_fails_is_told(options: dict[str, Any], words: str):
    with pytest.raises(SilvercupError, match=words):
        reduced(loop(**options)[1], ["text"])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.lists(JSON, max_size=30), st.integers(1, 200))
def test_pages_hold_all_items_in_order_and_are_never_too_large(items: list[Any], most: int):
    found = list(pages(items, most))
    assert [first for first, _ in found][:1] == [0]
    together: list[Any] = []
    for first, page in found:
        assert first == len(together)
        assert len(values.dumps(page)) - 2 <= most or len(page) == 1
        together += page
    assert together == items
