"""What an item says of calls of models, and what stays of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from silvercup.ids import uuid7
from silvercup.llm.model import chunk, completion, usage
from silvercup.times import microseconds
from silvercup.usage.spending import ATTRIBUTES, SHARDS, Call, remains, rows_of, spent

NEW_YEAR = microseconds(datetime(2026, 1, 1, tzinfo=UTC))
SMALL, LARGE = Call("small", 10, 5), Call("large", 7, 3)


def said(**options: Any) -> dict[str, Any]:
    given: dict[str, Any] = {"at": NEW_YEAR, "id_": "i", "agent": "a", **options}
    return spent("t", [SMALL], **given)


def test_calls_are_added_up_by_model():
    item = spent("t", [SMALL, LARGE, SMALL], at=NEW_YEAR, id_="i", agent="a", session="s", own_key=True)
    assert rows_of(item) == [
        {"model": "small", "calls": 2, "prompt_tokens": 20, "completion_tokens": 10, "own_key": True},
        {"model": "large", "calls": 1, "prompt_tokens": 7, "completion_tokens": 3, "own_key": True},
    ]
    assert (item["spent_at"], item["u_agent"], item["u_session"]) == (f"{NEW_YEAR:017d}#i", "a", "s")
    assert set(item) == set(ATTRIBUTES) - {"u_execution", "u_task"}


def test_ids_that_are_uuids_take_16_bytes():
    item = said(execution=uuid7(), task="not one")
    assert (len(item["u_execution"]), item["u_task"]) == (16, "not one")


def test_of_no_calls_there_is_nothing():
    assert spent("t", [], at=NEW_YEAR, id_="i", agent="a") == {}
    assert remains({}) is None
    assert rows_of({}) == []
    assert remains({"pk": "p", "body": "{}"}) is None


def test_the_month_is_that_of_utc_and_shards_spread():
    assert said()["spent"].startswith("t#2026-01#")
    assert said(at=NEW_YEAR - 1)["spent"].startswith("t#2025-12#")
    assert len({said(id_=uuid7())["spent"] for _ in range(100)}) == SHARDS
    assert len({said(id_=uuid7(), execution="e")["spent"] for _ in range(100)}) == 1


def test_what_remains_is_the_same_each_time_and_says_the_same():
    attributes = said(execution="e", task="k")
    left = remains({"pk": "t#e#1", "run": "t#e", "body": "large", "answer": "x", **attributes})
    assert left == {"pk": f"t#usage#{attributes['spent_at']}", "kind": "usage", **attributes}
    assert left
    assert remains(left) == remains(attributes) == left


def test_a_tenant_may_be_any_text():
    left = remains(spent("a#b", [SMALL], at=NEW_YEAR, id_="i", agent=None))
    assert left
    assert left["pk"] == f"a#b#usage#{NEW_YEAR:017d}#i"


@pytest.mark.parametrize("used", [None, {}, {"prompt_tokens": None, "completion_tokens": None}])
def test_an_answer_that_was_not_counted_is_a_call_of_no_tokens(used: Any):
    assert Call.of({"model": "m", "usage": used}) == Call("m", 0, 0)
    assert Call.of({}) == Call("unknown", 0, 0)


def test_a_call_is_what_an_answer_or_a_last_chunk_says():
    used = usage(3, 4)
    message = {"role": "assistant", "content": "x"}
    whole = completion(id_="i", created=1, model="m", message=message, finish_reason="stop", used=used)
    last = chunk(id_="i", created=1, model="m", finish_reason="stop", used=used)
    assert Call.of(whole) == Call.of(last) == Call("m", 3, 4)
