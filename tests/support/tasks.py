"""Random tasks that run: every kind of step in every other, with expressions that look back at what ran before."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

type Task = dict[str, Any]
type Drawn = st.SearchStrategy[Task]

TOOLS: list[Task] = [
    {"name": "ask", "type": "function", "function": {}},
    {"name": "fetch", "type": "api_call", "api_call": {"method": "GET", "url": "https://example.com"}},
    {"name": "find", "type": "system", "system": {"resource": "agent", "subresource": "doc", "operation": "search"}},
]
"""One that waits, one that runs in ``steps``, one that runs in ``prompts``."""

_VALUES = st.sampled_from(
    ["$ _", "$ str(_)[:20]", "$ state.get('a', 0)", "$ len(steps)", "$ steps[0].input", "$ input.n", "text {input.n}"]
)
_NUMBERS = st.sampled_from(["$ 1", "$ input.n + 1", "$ len(str(_))", "$ state.get('b', 2)"])
_CONDITIONS = st.sampled_from(["$ input.n > 1", "$ len(str(_)) % 2 == 0", "$ state.get('a')", "$ False", "$ True"])
_LABELS = st.sampled_from(["one", "two", "three"])
_LISTS = st.sampled_from(
    ["$ [1, 2, 3]", "$ []", "$ ['x']", "$ {'k': 1, 'l': 2}", "$ [{'v': 1}, {'v': [2]}]", "$ list(range(5))"]
)

_PURE = st.one_of(
    st.builds(lambda v: {"evaluate": {"v": v}}, _VALUES),
    st.builds(lambda a: {"set": {"a": a}}, _NUMBERS),
    st.builds(lambda b: {"set": {"b": b}}, _NUMBERS),
    st.just({"get": "a"}),
    st.just({"get": ["a", "b"]}),
    st.just({"log": "now {_}"}),
)
_EFFECTS = st.one_of(
    st.builds(
        lambda v: {"prompt": v, "unwrap": True}, _VALUES.map(lambda v: f"$ 'p' + str({v[2:]})" if v[0] == "$" else v)
    ),
    st.builds(
        lambda text, unwrap: {"prompt": text, "auto_run_tools": True, "unwrap": unwrap},
        st.sampled_from(["hi", "call fetch", "call fetch, nope; find", "call ask, fetch", "call ask; fetch; ask, ask"]),
        st.booleans(),
    ),
    st.just({"prompt": "call find, ask", "tools": ["find", "ask"]}),
    st.just({"wait_for_input": {"info": {"q": "$ _"}}}),
    st.just({"tool": "ask", "arguments": {"x": "$ _"}}),
    st.builds(lambda name, v: {"tool": name, "arguments": {"v": v}}, st.sampled_from(["fetch", "find"]), _VALUES),
    st.just({"sleep": {"seconds": 5}}),
)
_ENDS = st.one_of(
    st.builds(lambda v: {"return": {"r": v}}, _VALUES),
    st.just({"error": "stop here"}),
    st.just({"evaluate": {"x": "$ 1 / 0"}}),
)


def _labelled(step: Drawn) -> Drawn:
    return st.one_of(step, st.builds(lambda s, label: {**s, "label": label}, step, _LABELS))


def _lists(step: Drawn) -> st.SearchStrategy[Any]:
    return st.one_of(step, st.lists(step, min_size=1, max_size=3))


def _compound(inner: Drawn, *, side: bool) -> Drawn:
    body = _lists(inner)
    width = st.integers(2, 100) if side else st.just(1)
    kinds: list[Drawn] = [
        st.builds(
            lambda c, a, b: {"if": c, "then": a} | ({} if b is None else {"else": b}),
            _CONDITIONS,
            body,
            st.none() | body,
        ),
        st.builds(
            lambda c, a, b: {"switch": [{"case": c, "then": a}, {"case": "_", "then": b}]}, _CONDITIONS, body, body
        ),
        st.builds(lambda items, do: {"foreach": {"in": items, "do": do}}, _LISTS, body),
        st.builds(lambda items, do, p: {"over": items, "map": do, "parallelism": p}, _LISTS, body, width),
        st.builds(
            lambda items, do: {
                "over": items,
                "map": do,
                "parallelism": 1,
                "reduce": "$ results + [str(_)]",
                "initial": ["i"],
            },
            _LISTS,
            body,
        ),
    ]
    if side:
        kinds.append(st.builds(lambda branches: {"parallel": branches}, st.lists(body, min_size=1, max_size=3)))
    return st.one_of(kinds)


def _steps(callees: list[str], *, ends: bool, leaves: int) -> st.SearchStrategy[list[Task]]:
    """Lists of steps; with ``ends`` nothing runs side by side, so that who fails first is no race."""
    base = [_PURE, _PURE, _EFFECTS]
    if ends:
        base.append(_ENDS)
    if callees:
        base.append(
            st.builds(lambda name, v: {"workflow": name, "arguments": {"n": v}}, st.sampled_from(callees), _NUMBERS)
        )
    simple = _labelled(st.one_of(base))
    step = st.recursive(simple, lambda inner: _labelled(_compound(inner, side=not ends)), max_leaves=leaves)
    return st.lists(step, min_size=1, max_size=4)


_COUNTDOWN: list[Task] = [
    {"set": {"a": "$ inputs[0].n"}},
    {
        "if": "$ state.a > 0",
        "then": [{"prompt": "$ 'at ' + str(state.a)"}, {"workflow": "down", "arguments": {"n": "$ state.a - 1"}}],
    },
]
_NESTED: list[Task] = [
    {
        "if": "$ _.n > 0",
        "then": [{"workflow": "nested", "arguments": {"n": "$ _.n - 1"}}, {"evaluate": {"n": "$ [_, steps[0].input]"}}],
    },
    {"evaluate": {"n": "$ _"}},
]


@st.composite
def tasks(draw: st.DrawFn) -> Task:
    """A task; half of them have ends (``return``, errors), the others run things side by side."""
    ends = draw(st.booleans())
    recursive = ["down", "nested"]
    last = draw(_steps(recursive, ends=ends, leaves=4))
    middle = draw(_steps(["last", *recursive], ends=ends, leaves=5))
    main = draw(_steps(["middle", "last", *recursive], ends=ends, leaves=8))
    return {
        "tools": TOOLS,
        "main": main,
        "middle": middle,
        "last": last,
        "down": _COUNTDOWN,
        "nested": _NESTED,
    }
