"""Behind every call its results, whatever was kept of them."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from silvercup.chat.calls import NO_RESULT, calls_of, paired

IDS = st.sampled_from("abcd")


def said(role: str) -> dict[str, Any]:
    return {"role": role, "content": "text"}


def call(ids: list[str]) -> dict[str, Any]:
    return {"role": "assistant", "content": None, "tool_calls": [{"id": one} for one in ids]}


MESSAGES = st.lists(
    st.one_of(
        st.sampled_from(["user", "assistant", "system"]).map(said),
        st.lists(IDS, min_size=1, max_size=3, unique=True).map(call),
        st.builds(lambda one, text: {"role": "tool", "tool_call_id": one, "content": text}, IDS, st.text(max_size=3)),
    ),
    max_size=12,
)


@given(MESSAGES)
def test_every_call_is_followed_by_its_results_and_no_result_stands_alone(messages: list[dict[str, Any]]):
    made = paired(messages)
    waiting: list[str] = []
    for message in made:
        if message["role"] == "tool":
            assert message["tool_call_id"] == waiting.pop(0)
        else:
            assert waiting == []
            waiting = [one["id"] for one in calls_of(message)]
    assert waiting == []
    assert [one for one in made if one["role"] != "tool"] == [one for one in messages if one["role"] != "tool"]


@given(MESSAGES)
def test_a_result_that_was_given_is_the_one_that_is_sent(messages: list[dict[str, Any]]):
    made = paired(messages)
    for result in [one for one in made if one["role"] == "tool"]:
        assert result in messages or result["content"] == NO_RESULT
    assert paired(made) == made


def test_results_are_put_in_the_order_of_the_calls_and_the_first_of_two_counts():
    first, again = ({"role": "tool", "tool_call_id": "b", "content": text} for text in ("one", "two"))
    of_a = {"role": "tool", "tool_call_id": "a", "content": "a"}
    assert paired([call(["a", "b"]), first, again, of_a]) == [call(["a", "b"]), of_a, first]


def test_a_result_behind_another_message_is_a_stray_and_its_call_has_none():
    late = {"role": "tool", "tool_call_id": "a", "content": "late"}
    missing = {"role": "tool", "tool_call_id": "a", "content": NO_RESULT}
    assert paired([call(["a"]), said("user"), late]) == [call(["a"]), missing, said("user")]
