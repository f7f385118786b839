"""Summaries: what stands for the oldest turns once they no longer fit, made by the session's own model and kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from silvercup.chat.recall import text_of
from silvercup.chat.turns import TABLE, Place, Turn
from silvercup.chat.window import Summary, Window
from silvercup.errors import ConditionFailed
from silvercup.ids import now_us, uuid7
from silvercup.llm.tokens import estimate
from silvercup.storage import Item, Tables
from silvercup.times import iso
from silvercup.values import JsonObject, dumps

INSTRUCTION = (
    "You keep the memory of a conversation. Write a summary of it that lets the assistant go on as if it had read all of it: names, facts,"
    " numbers, decisions, preferences, promises, open questions, results of tools, and who said what where that matters. Leave out"
    " pleasantries. Write in the language of the conversation, in at most {words} words, and nothing but the summary."
)
HEADING = "Summary of the conversation so far:\n\n"
"""What stands before a summary where a model reads it."""


@dataclass(frozen=True, slots=True)
class Made:
    """A summary that was made.

    Attributes:
        text: What it says.
        window: The window with it.
    """

    text: str
    window: Window


def summary_of(item: Item | None) -> str | None:
    """The text of a summary's item."""
    return None if item is None else str(item["text"])


def cut(text: str, tokens: int) -> str:
    """A summary without what goes beyond so many tokens: one that is too long would leave no room for anything else."""
    most, there = tokens - estimate(HEADING), estimate(text)
    return text if there <= most else text[: len(text) * max(most, 1) // there]


def prompt(earlier: str | None, turns: Sequence[Turn], *, words: int) -> list[JsonObject]:
    """What a model is asked for a summary of turns, and of what an earlier one stands for."""
    before = f"Summary of what came before:\n{earlier}\n\n" if earlier else ""
    talk = "\n".join(_line(entry) for turn in turns for entry in turn.said)
    return [
        {"role": "system", "content": INSTRUCTION.format(words=words)},
        {"role": "user", "content": f"{before}The conversation:\n{talk}\n\nWrite the summary."},
    ]


def keep(tables: Tables, place: Place, window: Window, text: str, *, upto: Turn, model: str) -> Made:
    """Write a summary down.

    Args:
        tables: Where.
        place: Of which session.
        window: As it is without it.
        text: What it says.
        upto: The last turn that it covers.
        model: What made it.
    """
    number = window.summary.number + 1 if window.summary else 0
    now = now_us()
    tokens = estimate(HEADING + text)
    item: Item = {
        "kind": "summary",
        "id": uuid7(now),
        "t": now,
        "text": text,
        "upto": upto.number + 1,
        "tokens": tokens,
        "model": model,
    }
    while True:
        try:
            tables.put(TABLE, {**item, "pk": place.summary(number).pk}, if_absent=True)
        except ConditionFailed:
            number += 1
        else:
            break
    return Made(text, window.summarized(Summary(number, upto.number + 1, upto.total, tokens)))


def shown(item: Item) -> JsonObject:
    """A summary as an entry of the history."""
    time = iso(item["t"])
    return {
        "id": item["id"],
        "role": "system",
        "name": None,
        "content": [{"type": "text", "text": item["text"]}],
        "source": "summarizer",
        "tokenizer": "estimate",
        "token_count": item["tokens"],
        "model": item["model"],
        "tool_calls": None,
        "tool_call_id": None,
        "timestamp": time,
        "created_at": time,
    }


def _line(entry: JsonObject) -> str:
    said = text_of(entry.get("content"))
    calls = "".join(f" [calls {dumps(call.get('function') or call)}]" for call in entry.get("tool_calls") or ())
    who = entry.get("name") or entry["role"]
    return f"{who}: {said}{calls}"
