"""Random task definitions that are valid: every kind of step in every other, with calls of every kind."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from hypothesis import strategies as st

from statemachines import Compiled, Context, Source, compile_task

MARK = "¤"
"""Stands in every text of a definition, and nowhere else."""

type Definition = dict[str, Any]

CONTEXT = Context(
    agent_tools={
        "agents_own": {"name": "agents_own", "type": "function"},
        "agents_call": {"name": "agents_call", "type": "integration", "integration": {"provider": MARK}},
        "agents_other": {"name": "agents_other", "type": "function", "description": "no step calls it"},
    }
)
UNFUSED = replace(CONTEXT, fuse=False)

texts = st.integers(0, 99).map(lambda n: f"{MARK} text {n}")
expressions = st.sampled_from([f"$ '{MARK}'", f"$ [_, '{MARK}']", f"{MARK} {{_}}", f"$ {{'{MARK}': inputs[0]}}"])
named = st.dictionaries(
    st.sampled_from([f"{MARK}a", f"{MARK}b", f"{MARK}c"]), texts | expressions, min_size=1, max_size=2
)
LABELS = st.none() | st.sampled_from([f"{MARK}one", f"{MARK}two", f"{MARK}three"])

GIVEN: Definition = {"name": "given", "type": "function", "description": MARK}
"""A tool that a prompt defines."""

goes_on = st.one_of(
    named.map(lambda values: {"evaluate": values}),
    named.map(lambda values: {"set": values}),
    st.sampled_from([f"{MARK}a", [f"{MARK}a", f"{MARK}b"]]).map(lambda names: {"get": names}),
    texts.map(lambda text: {"log": text}),
    st.integers(1, 60).map(lambda seconds: {"sleep": {"seconds": seconds}}),
    st.tuples(expressions, st.booleans()).map(lambda of: {"prompt": of[0], "unwrap": of[1]}),
    texts.map(lambda text: {"prompt": [{"role": "user", "content": text}], "settings": {"stop": [text]}}),
    st.tuples(texts, st.sampled_from([{}, {"tools": ["find", "fetch"]}, {"tools": ["ask", GIVEN]}, {"tools": []}])).map(
        lambda of: {"prompt": of[0], "auto_run_tools": True, **of[1]}
    ),
    texts.map(lambda text: {"prompt": text, "tools": [GIVEN], "tool_choice": f"$ '{MARK}'"}),
    named.map(lambda info: {"wait_for_input": {"info": info}}),
    named.map(lambda arguments: {"tool": "ask", "arguments": arguments}),
    st.just({"tool": "agents_own"}),
    st.sampled_from(["fetch", "find", "agents_call"]).map(lambda name: {"tool": name, "arguments": {MARK: "$ _"}}),
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


def looping(inner: st.SearchStrategy[Definition]) -> st.SearchStrategy[Definition]:
    body = inner | st.lists(inner, min_size=1, max_size=3)
    items = st.sampled_from([f"$ ['{MARK}', _]", "$ _", f"$ {{'{MARK}': _}}"])
    foreach = st.builds(lambda over, do: {"foreach": {"in": over, "do": do}}, items, body)
    reduce = st.sampled_from(["$ results + [_]", f"results + ['{MARK}']", f"$ {{'{MARK}': _}}"])
    options = st.fixed_dictionaries(
        {}, optional={"parallelism": st.sampled_from([1, 2, 40, 100]), "reduce": reduce, "initial": st.just([MARK])}
    )
    over = st.builds(lambda over, do, more: {"over": over, "map": do, **more}, items, body, options)
    parallel = st.lists(body, min_size=1, max_size=3).map(lambda branches: {"parallel": branches})
    return st.one_of(foreach, over, parallel)


def workflows(callees: list[str]) -> st.SearchStrategy[list[Definition]]:
    plain = goes_on | goes_on | goes_on | ends
    simple = labelled(plain | calls(callees) if callees else plain)
    steps = st.recursive(simple, lambda inner: labelled(branching(inner) | looping(inner)), max_leaves=6)
    return st.lists(steps, min_size=1, max_size=4)


@st.composite
def definitions(draw: st.DrawFn, *, recursive: bool = True) -> Definition:
    """A definition whose workflows call those that come later, or, if they may, any of them."""
    names = [f"w{i}" for i in range(draw(st.integers(0, 3)))]
    circles = recursive and draw(st.booleans())
    made = {name: draw(workflows(names if circles else names[i + 1 :])) for i, name in enumerate(names)}
    return definition(draw(workflows(names)), **made)


def definition(main: list[Any], **workflows: list[Any]) -> Definition:
    """A definition of these workflows, with everything else that one may have."""
    return {
        "name": f"{MARK} name",
        "description": f"{MARK} description",
        "metadata": {f"{MARK}": f"{MARK}"},
        "input_schema": {"type": "object", "title": MARK},
        "tools": [
            {"name": "ask", "type": "function", "function": {"description": MARK}},
            {"name": "fetch", "type": "api_call", "api_call": {"method": "GET", "url": f"https://{MARK}"}},
            {"name": "find", "type": "system", "system": {"resource": "doc", "operation": "search", "x": MARK}},
        ],
        "inherit_tools": True,
        "main": main,
        **workflows,
    }


def compiled(task: Definition, *, fuse: bool = True) -> Compiled:
    return compile_task(Source(task), CONTEXT if fuse else UNFUSED)


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


def _with_loops_in_loops() -> Definition:
    leave: Definition = {"if": "$ _", "then": {"return": {"x": MARK}}}

    def around(*steps: Definition) -> Definition:
        inner: Definition = {"parallel": [[*steps, {"prompt": MARK}], {"log": MARK}, {"error": MARK}]}
        foreach: Definition = {"foreach": {"in": "$ _", "do": [inner, leave, {"sleep": {"seconds": 1}}]}}
        return {"over": "$ _", "map": [{"prompt": MARK}, foreach], "reduce": f"$ results + ['{MARK}']"}

    return definition(
        [around(leave, {"workflow": "w0"}), {"workflow": "w0"}, around({"workflow": "w1"})],
        w0=[around(leave), leave, {"foreach": {"in": "$ _", "do": [{"set": {MARK: "$ _"}}, leave]}}],
        w1=[{"over": "$ _", "map": {"evaluate": {"x": MARK}}}, {"prompt": MARK}],
    )


def _with_circles() -> Definition:
    """Self and mutual calls, in tail position and not, in loops and branches, and one that never ends."""
    call: Definition = {"workflow": "w0", "label": f"{MARK} call"}
    other: Definition = {"workflow": "w1", "arguments": {"x": MARK}}
    return definition(
        [call, {"if": "$ _", "then": other}, {"foreach": {"in": "$ _", "do": call}}, {"prompt": MARK}, other, call],
        w0=[{"prompt": MARK}, {"if": "$ _", "then": [other, {"log": MARK}], "else": {"return": {"x": MARK}}}, other],
        w1=[
            {
                "switch": [
                    {"case": "$ _", "then": [{"sleep": {"seconds": 1}}, call]},
                    {"case": "_", "then": {"get": "x"}},
                ]
            }
        ],
        w2=[{"workflow": "w2"}],
        w3=[{"parallel": [call, [other, {"log": MARK}]]}, {"workflow": "w3"}],
    )


LOOPS = _with_loops_in_loops()
"""Loops of every kind in each other, with returns and errors."""
CIRCLES = _with_circles()
"""Workflows that call themselves and each other."""
ENDLESS = definition([{"workflow": "w0"}], w0=[{"workflow": "w0"}])
"""A workflow that never comes to its end."""
EXAMPLES = (RETURNS, LOOPS, CIRCLES, ENDLESS)
