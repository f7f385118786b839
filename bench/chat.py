"""A turn of a chat: what it sends to DynamoDB, how long it takes beside the model, when its first token comes, what templates and packs do."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from bench.chat_templates import rendered
from bench.chat_times import DELAY, PAUSE, FirstTokens, Times, first_tokens, times
from bench.chat_world import ANSWER, Session, World, item_of, without_packs_of, world
from bench.counting import Cost, item_size
from bench.figure import Figure, against, table
from tests.support.provider_wire import Reply

SHORT, LONG = 10, 10_000
"""Entries of a session."""
BUDGET_REQUESTS = 6
BUDGET_RATIO = 1.3
"""A turn against a handler that makes the same DynamoDB requests and calls the model's SDK."""
FITTING: dict[str, Any] = {"context_overflow": "truncate", "token_budget": 520}
"""Of sessions whose turns send about ten entries, however many there are."""
COUNTS = [
    *("session", "entries sent", "to the model", "DynamoDB", "of them", "items read", "written"),
    *("read units", "write units", "bytes read", "written"),
]
TIMES = [
    "session",
    "a turn",
    "same requests, and the SDK",
    "the SDK alone",
    "what is ours",
    "ratio",
    "without the model",
]


@dataclass(frozen=True, slots=True)
class Taken:
    """What a turn took.

    Attributes:
        sent: Entries of the history that the model was sent.
        asked: Requests to the model's provider.
        cost: Of AWS.
    """

    sent: int
    asked: int
    cost: Cost


@dataclass(frozen=True, slots=True)
class Packs:
    """The rows of two tables: a long history read in packs and one by one; the sizes of its items."""

    ways: list[list[object]]
    sizes: list[list[object]]


def measure() -> Figure:
    """Count and time turns of short and long sessions."""
    with world(Reply(ANSWER)) as here:
        sessions = {
            f"{SHORT} entries": here.session(SHORT // 2, **FITTING),
            f"{LONG:,} entries, those that fit": here.session(LONG // 2, **FITTING),
            f"{LONG:,} entries, all": here.session(LONG // 2),
            f"over {LONG:,}, the turn that packs others": here.session(LONG // 2, packs_next=True),
        }
        gc.collect()
        gc.freeze()
        taken = {name: _taken(here, session) for name, session in sessions.items()}
        names = list(sessions)
        packs = _packs(here, sessions[names[2]])
        here.counted.release()
        timed = {name: times(here, sessions[name]) for name in names[:3]}
        tokens = first_tokens(here, sessions[names[1]])
        gc.unfreeze()
    broken = tuple(_broken(taken))
    text = "\n\n".join(_sections(taken, timed, tokens, packs, broken))
    return Figure("A turn of a chat", text, broken)


def _taken(here: World, session: Session) -> Taken:
    here.provider.requests.clear()
    here.reset(session)
    cost = here.cost(session)
    requests = here.provider.requests
    return Taken(len(requests[-1].body["messages"]) - 1, len(requests), cost)


def _broken(taken: Mapping[str, Taken]) -> Iterator[str]:
    for name, one in taken.items():
        if one.cost.of("dynamodb") > BUDGET_REQUESTS:
            yield f"{name}: {one.cost.of('dynamodb')} DynamoDB requests, at most {BUDGET_REQUESTS} expected"
        if one.asked != 1:
            yield f"{name}: {one.asked} requests to the provider, 1 expected"
    short, long = list(taken.values())[:2]
    if short.cost.requests != long.cost.requests:
        shown = [dict(one.cost.requests) for one in (short, long)]
        yield f"a turn takes {shown[0]} after {SHORT} entries, {shown[1]} after {LONG:,}"


def _packs(here: World, session: Session) -> Packs:
    turns, tables = here.stack.container.turns, here.stack.container.tables
    here.reset(session)
    ways: list[list[object]] = []
    single = without_packs_of(session.window, session.place, turns)
    for name, window in {"in packs": session.window, "one by one": single}.items():
        with here.counted.everywhere() as cost:
            found = tables.get_many(turns.keys(session.place, window, 0))
            read = turns.read(session.place, window, 0, found)
        assert len(read.turns) == session.window.turns, "turns are missing"
        ways.append([name, cost.of("dynamodb"), f"{cost.read:,}", f"{cost.read_units:,}", f"{cost.read_bytes:,}"])
    place, window = session.place, session.window
    packs = [item_size(item_of(here.stack, place.pack(pack.number).pk)) for pack in window.packs]
    sizes: list[list[object]] = [
        ["the session's item", 1, f"{item_size(session.item):,}"],
        ["its window, of that", 1, f"{len(session.item['window']['S']):,}"],
        ["a turn", window.turns, f"{item_size(item_of(here.stack, place.turn(window.turns - 1).pk)):,}"],
        ["a pack, the largest", len(packs), f"{max(packs):,}"],
        ["all packs", len(packs), f"{sum(packs):,}"],
    ]
    return Packs(ways, sizes)


def _sections(
    taken: Mapping[str, Taken],
    timed: Mapping[str, Times],
    tokens: FirstTokens,
    packs: Packs,
    broken: Sequence[str],
) -> Iterator[str]:
    yield "What a turn takes, warm; its entries are of about 20 tokens."
    yield table(COUNTS, [_row(name, one) for name, one in taken.items()])
    yield "\n".join(f"- **{text}**" for text in broken) or (
        f"At most {BUDGET_REQUESTS} DynamoDB requests, and the same after {SHORT} and after {LONG:,} entries."
    )
    yield "Milliseconds of a turn, medians, with the processor time of the whole process in brackets:"
    yield table(TIMES, [_times_row(name, one) for name, one in timed.items()])
    yield "\n".join(f"- {line}" for line in _said(timed, tokens))
    yield f"A history of {LONG:,} entries, read whole:"
    yield table(["its turns", "requests", "items", "read units", "bytes"], packs.ways)
    yield "Sizes of its items:"
    yield table(["item", "how many", "bytes"], packs.sizes)


def _said(timed: Mapping[str, Times], tokens: FirstTokens) -> Iterator[str]:
    for name, one in timed.items():
        yield f"{name}: {one.ratio:.2f}, {against(one.ratio, BUDGET_RATIO)}"
    short, long = list(timed.values())[:2]
    beside = _beside(long) / _beside(short)
    yield f"what a turn takes beside the model, after {LONG:,} entries against after {SHORT}: {beside:.2f}"
    waits = f"it waits {DELAY * 1000:.0f} ms, and {PAUSE * 1000:.0f} ms before each event"
    ours, theirs = (f"{best:.0f} ms (median {middle:.0f})" for best, middle in (tokens.turn, tokens.model))
    yield f"first text of a streamed turn after its request, over HTTP: {ours}; of the model's own stream, by its SDK: {theirs}; {waits}"
    template = rendered()
    yield (
        f"the default template, processor time: {template.cold:.0f} ms the first time in a process, with the imports; "
        f"{template.read:.1f} ms for a text that was not read before; {template.warm:.2f} ms again"
    )


def _row(name: str, one: Taken) -> list[object]:
    cost = one.cost
    ours = sorted((n, one.removeprefix("dynamodb:")) for one, n in cost.requests.items())
    listed = ", ".join(f"{n} {one}" for n, one in ours)
    units = [
        cost.read,
        cost.written,
        cost.read_units,
        cost.write_units,
        f"{cost.read_bytes:,}",
        f"{cost.written_bytes:,}",
    ]
    return [name, f"{one.sent:,}", one.asked, cost.of("dynamodb"), listed, *units]


def _times_row(name: str, one: Times) -> list[object]:
    ratios = [f"{ratio:.2f}" for ratio in (one.ratio, one.ratio_without_model)]
    return [name, one.turn, one.bare, one.model, one.own, *ratios]


def _beside(one: Times) -> float:
    return one.turn.processor - one.model.processor
