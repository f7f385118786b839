"""Random task definitions that are valid: every kind of step, nested, with calls that never go round in a circle."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from statemachines import Compiled, Context, Source, compile_task

MARK = "¤"
"""Stands in every text of a definition, and nowhere else."""

type Definition = dict[str, Any]

CONTEXT = Context(agent_tools={"agents_own": "function"})

texts = st.integers(0, 99).map(lambda n: f"{MARK} text {n}")
expressions = st.sampled_from([f"$ '{MARK}'", f"$ [_, '{MARK}']", f"{MARK} {{_}}", f"$ {{'{MARK}': inputs[0]}}"])
named = st.dictionaries(
    st.sampled_from([f"{MARK}a", f"{MARK}b", f"{MARK}c"]), texts | expressions, min_size=1, max_size=2
)
LABELS = st.none() | st.sampled_from([f"{MARK}one", f"{MARK}two", f"{MARK}three"])

goes_on = st.one_of(
    named.map(lambda values: {"evaluate": values}),
    named.map(lambda values: {"set": values}),
    st.sampled_from([f"{MARK}a", [f"{MARK}a", f"{MARK}b"]]).map(lambda names: {"get": names}),
    texts.map(lambda text: {"log": text}),
    st.integers(1, 60).map(lambda seconds: {"sleep": {"seconds": seconds}}),
    st.tuples(expressions, st.booleans()).map(lambda of: {"prompt": of[0], "unwrap": of[1]}),
    texts.map(lambda text: {"prompt": [{"role": "user", "content": text}], "settings": {"stop": [text]}}),
    named.map(lambda info: {"wait_for_input": {"info": info}}),
    named.map(lambda arguments: {"tool": "ask", "arguments": arguments}),
    st.just({"tool": "agents_own"}),
)
ends = st.one_of(named.map(lambda value: {"return": value}), texts.map(lambda text: {"error": text}))


def calls(names: list[str]) -> st.SearchStrategy[Definition]:
    return st.tuples(st.sampled_from(names), st.just("_") | named).map(
        lambda of: {"workflow": of[0], "arguments": of[1]}
    )


def labelled(steps: st.SearchStrategy[Definition]) -> st.SearchStrategy[Definition]:
    return st.tuples(steps, LABELS).map(lambda of: of[0] if of[1] is None else {**of[0], "label": of[1]})


def branching(inner: st.SearchStrategy[Definition]) -> st.SearchStrategy[Definition]:
    branches = inner | st.lists(inner, min_size=1, max_size=3)
    ifs = st.tuples(expressions, branches, st.none() | branches).map(
        lambda of: {"if": of[0], "then": of[1]} | ({} if of[2] is None else {"else": of[2]})
    )
    switches = st.tuples(st.lists(st.tuples(expressions, branches), min_size=1, max_size=3), st.none() | branches).map(
        lambda of: {
            "switch": [
                *({"case": case, "then": then} for case, then in of[0]),
                *([] if of[1] is None else [{"case": "_", "then": of[1]}]),
            ]
        }
    )
    return ifs | switches


def workflows(callees: list[str]) -> st.SearchStrategy[list[Definition]]:
    plain = goes_on | goes_on | goes_on | ends
    simple = labelled(plain | calls(callees) if callees else plain)
    steps = st.recursive(simple, lambda inner: labelled(branching(inner)), max_leaves=6)
    return st.lists(steps, min_size=1, max_size=4)


@st.composite
def definitions(draw: st.DrawFn) -> Definition:
    """A definition whose workflows only call those that come later."""
    names = [f"w{i}" for i in range(draw(st.integers(0, 3)))]
    made = {name: draw(workflows(names[i + 1 :])) for i, name in enumerate(names)}
    return {
        "name": f"{MARK} name",
        "description": f"{MARK} description",
        "metadata": {f"{MARK}": f"{MARK}"},
        "input_schema": {"type": "object", "title": MARK},
        "tools": [{"name": "ask", "type": "function", "function": {"description": MARK}}],
        "inherit_tools": True,
        "main": draw(workflows(names)),
        **made,
    }


def compiled(definition: Definition) -> Compiled:
    return compile_task(Source(definition), CONTEXT)


def _with_returns_all_over() -> Definition:
    leave: Definition = {"return": {"x": MARK}}

    def branch(inner: Any) -> Definition:
        cases = [{"case": "$ _", "then": [{"log": MARK}, inner]}, {"case": "$ _", "then": {"get": MARK}}]
        return {"if": "$ _", "then": {"switch": cases, "label": MARK}, "else": [{"log": MARK}, {"prompt": MARK}]}

    deep = branch(branch(branch(leave)))
    call: Definition = {"workflow": "w0", "label": f"{MARK} call"}
    return {
        "name": "x",
        "description": MARK,
        "main": [deep, branch(call), call, {"log": MARK}],
        "w0": [branch({"workflow": "w1"}), deep],
        "w1": [{"log": MARK}, deep, {"error": MARK}],
    }


RETURNS = _with_returns_all_over()
"""Returns at every depth of branches and calls; what is drawn at random seldom goes so deep."""
