"""Plays the scenarios of ``scenarios/`` through the official clients and judges what they got."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Mapping
from contextlib import nullcontext
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, cast

import anyio
import pytest
import yaml
from julep import APIStatusError, AsyncJulep, BaseModel, Julep

from silvercup.ids import uuid7
from tests.conformance.stack import ROOT, Running

SCENARIOS: dict[str, list[dict[str, Any]]] = {
    name: steps
    for file in sorted((Path(__file__).parent / "scenarios").glob("*.yaml"))
    for name, steps in yaml.safe_load(file.read_text(encoding="utf-8")).items()
}
NODE = Path(__file__).parent / "node"
SECONDS = 60.0
_NAMED = re.compile(r"<([\w.]+)>")


@dataclass
class Played:
    """What a client got for each step: ``{"answer": ...}`` or ``{"error": {type, status, message}}``.

    Attributes:
        unique: What stood for ``<unique>``.
        outcomes: One for each step.
    """

    unique: str
    outcomes: list[dict[str, Any]]


def unique() -> str:
    """A text that no other run has: 12 hexadecimal digits that read as no number, which filters would take for one."""
    return "a" + uuid7()[-11:]


def play(client: Julep | AsyncJulep, steps: list[dict[str, Any]]) -> Played:
    """Play a scenario through the Python client; an asynchronous one is closed."""
    played = Played(unique(), [])

    async def all_steps() -> None:
        known: dict[str, Any] = {"unique": played.unique}
        async with client if isinstance(client, AsyncJulep) else nullcontext():
            for step in steps:
                outcome = await _outcome(client, step, known)
                played.outcomes.append(outcome)
                if "answer" in outcome and "as" in step:
                    known[step["as"]] = outcome["answer"]

    anyio.run(all_steps)
    return played


async def _outcome(client: Julep | AsyncJulep, step: dict[str, Any], known: dict[str, Any]) -> dict[str, Any]:
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            answer = await _called(client, step, known)
        except APIStatusError as error:
            return {"error": {"type": type(error).__name__, "status": error.status_code, "message": str(error)}}
        there = all(found(answer, key) in values for key, values in step.get("until", {}).items())
        if there or time.monotonic() > deadline:
            return {"answer": answer}
        await anyio.sleep(0.1)


async def _called(client: Julep | AsyncJulep, step: dict[str, Any], known: dict[str, Any]) -> Any:
    method = reduce(getattr, step["call"].split("."), cast("Any", client))
    query = {"extra_query": filled(step["query"], known)} if "query" in step else {}
    if "path" in step:
        body = {"body": filled(step["body"], known)} if "body" in step else {}
        answer = method(
            filled(step["path"], known), cast_to=object, options={"params": query.get("extra_query", {})}, **body
        )
        return await answer if inspect.isawaitable(answer) else answer
    arguments = {**filled(step.get("ids", {}), known), **filled(step.get("body", {}), known)}
    takes = inspect.signature(method).parameters
    rest = {key: value for key, value in arguments.items() if key not in takes}
    given = {key: value for key, value in arguments.items() if key in takes}
    answer = method(**given, **query, **({"extra_body": rest} if rest else {}))
    if inspect.isawaitable(answer):
        answer = await answer
    return _plain(answer)


def _plain(answer: Any) -> Any:
    if isinstance(answer, list):
        return [_plain(one) for one in cast("list[Any]", answer)]
    return json.loads(answer.to_json()) if isinstance(answer, BaseModel) else answer


@dataclass
class NodePlayed:
    """What the npm client got.

    Attributes:
        scenarios: By name.
        types: What the client's TypeScript types say against the answers; the last one is about a planted wrong answer.
        typed: How many answers were checked.
    """

    scenarios: dict[str, Played]
    types: list[str]
    typed: int


def play_with_node(stack: Running, scenarios: Mapping[str, list[dict[str, Any]]]) -> NodePlayed:
    """Play all scenarios through the npm client, at the same time."""
    texts = {name: unique() for name in scenarios}
    given = {
        "url": stack.url,
        "key": stack.key,
        "scenarios": {name: {"unique": texts[name], "steps": steps} for name, steps in scenarios.items()},
    }
    done = subprocess.run(
        [_node(), str(NODE / "play.cjs")],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    got = json.loads(done.stdout)
    played = {name: Played(texts[name], got["answers"][name]) for name in scenarios}
    return NodePlayed(played, got["types"], got["typed"])


def _node() -> str:
    here = shutil.which("node") or shutil.which("node", path=str(ROOT / ".venv-node" / "bin"))
    missing = None
    if here is None:
        missing = "Node.js is not installed"
    elif not (NODE / "node_modules" / "@julep" / "sdk").is_dir():
        missing = "@julep/sdk is not installed; `make node` does it"
    if missing is None and here is not None:
        return here
    if os.environ.get("CI"):
        pytest.fail(f"{missing}, and CI is set", pytrace=False)
    pytest.skip(str(missing))


def judge(steps: list[dict[str, Any]], played: Played) -> None:
    """Compare what a client got with what the scenario says."""
    assert len(played.outcomes) == len(steps)
    known: dict[str, Any] = {"unique": played.unique}
    for number, (step, outcome) in enumerate(zip(steps, played.outcomes, strict=True)):
        where = f"step {number}, {step['call']}: {outcome}"
        if "error" in step:
            wanted, got = filled(step["error"], known), outcome.get("error")
            assert got, where
            assert (got["type"], got["status"]) == (wanted["type"], wanted["status"]), where
            assert wanted.get("message", "") in got["message"], where
            continue
        assert "answer" in outcome, where
        answer = outcome["answer"]
        if "as" in step:
            known[step["as"]] = answer
        for key, values in step.get("until", {}).items():
            assert found(answer, key) in values, where
        for key, value in step.get("expect", {}).items():
            assert found(answer, key) == filled(value, known), f"{key} of {where}"
        for key, part in step.get("says", {}).items():
            assert filled(part, known) in found(answer, key), f"{key} of {where}"


def filled(value: Any, known: Mapping[str, Any]) -> Any:
    """A value of a scenario, with what its ``<...>`` stand for."""
    if isinstance(value, str):
        whole = _NAMED.fullmatch(value)
        return found(known, whole[1]) if whole else _NAMED.sub(lambda name: str(found(known, name[1])), value)
    if isinstance(value, list):
        return [filled(item, known) for item in cast("list[Any]", value)]
    if isinstance(value, dict):
        return {key: filled(item, known) for key, item in cast("dict[str, Any]", value).items()}
    return value


def found(value: Any, path: str) -> Any:
    """What is at a dotted path; ``length`` is a list's."""
    for key in path.split("."):
        if isinstance(value, list):
            items = cast("list[Any]", value)
            value = len(items) if key == "length" else items[int(key)]
        else:
            value = value[key]
    return value
