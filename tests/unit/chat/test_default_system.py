"""The default system message is what the default template says."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from silvercup.chat.default_system import default_system
from silvercup.chat.templates import Budget, Limits, render
from silvercup.resources.default_template import DEFAULT_SYSTEM_TEMPLATE

text = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)
agents = st.fixed_dictionaries({"name": text, "about": text, "instructions": st.lists(text, max_size=3)})
users = st.none() | st.fixed_dictionaries({"name": text, "about": text})
docs = st.lists(
    st.fixed_dictionaries({"title": text, "content": st.lists(text, max_size=2), "metadata": st.none()}), max_size=2
)
contexts = st.fixed_dictionaries(
    {
        "agent": agents,
        "user": users,
        "session": st.fixed_dictionaries({"situation": st.none() | text}),
        "docs": docs,
    }
)


@given(contexts)
def test_it_says_what_the_template_says(context: dict[str, Any]):
    budget = Budget(Limits(seconds=60))
    assert default_system(context) == render(DEFAULT_SYSTEM_TEMPLATE, context, budget=budget)


def test_what_is_no_text_is_left_to_the_template():
    agent = {"name": "Ann", "about": "", "instructions": [{"a": 1}]}
    assert default_system({"agent": agent, "user": None, "session": {"situation": None}, "docs": []}) is None
