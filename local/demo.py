"""``silvercup demo``: one task, from its YAML to its output, with the official client on a local stack of its own."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from julep import Julep

EXAMPLE = Path(__file__).parent.parent / "examples" / "approve-order.yaml"
INPUT: dict[str, Any] = {
    "customer": "Ada",
    "lines": [{"product": "Atlas", "price": 60, "quantity": 2}, {"product": "Pencil", "price": 2.5, "quantity": 4}],
}
ANSWER = {"approved": True}

_SECONDS = 30.0
_FINAL = ("succeeded", "failed", "cancelled")


class DemoFailed(Exception):
    """The demo did not go as it should; the message says where."""


def run() -> int:
    """Run it.

    Returns:
        0, or 1 when something did not go as it should.
    """
    try:
        from julep import Julep
    except ImportError:
        print(
            "silvercup: the demo speaks through the official client; install it: pip install 'julep<3'", file=sys.stderr
        )
        return 1
    from local.stack import Stack

    with tempfile.TemporaryDirectory(prefix="silvercup-demo-") as state:
        print("Starting the local stack (no key, no Docker, no AWS account) ...", flush=True)
        began = time.monotonic()
        with Stack(port=0, state=Path(state), env={"SILVERCUP_MODEL": "offline"}) as stack:
            print(f"  ready after {time.monotonic() - began:.1f} s at {stack.url}/api\n")
            try:
                play(Julep(api_key="demo", base_url=f"{stack.url}/api"))
            except Exception as problem:  # noqa: BLE001  # whatever went wrong is the demo's result
                print(f"\nsilvercup: the demo failed: {type(problem).__name__}: {problem}", file=sys.stderr)
                return 1
    print("\nThe demo ran to its end.")
    return 0


def play(client: Julep) -> None:
    """Create the agent and the task, run it, answer it, print what happened.

    Raises:
        DemoFailed: A status or the output is not what the task says.
    """
    agent = client.agents.create(name="Bookshop", about="Answers customers of a bookshop.", model="gpt-4o")
    print(f"agent      {agent.id}  {agent.name}")
    definition: dict[str, Any] = yaml.safe_load(EXAMPLE.read_text(encoding="utf-8"))
    workflows = {name: definition.pop(name) for name in ("word_answer",)}
    task = client.tasks.create(agent.id, extra_body=workflows, **definition)
    print(f"task       {task.id}  {task.name}  ({EXAMPLE.name})")
    execution = client.executions.create(task.id, input=INPUT)
    print(f"execution  {execution.id}  input {json.dumps(INPUT)}\n")

    waiting = _until(client, execution.id, lambda status: status == "awaiting_input")
    print(f"  it asks: {json.dumps(waiting.output)}")
    print(f"  answer:  {json.dumps(ANSWER)}")
    client.executions.change_status(execution.id, status="running", input=ANSWER)
    ended = _until(client, execution.id, lambda status: status == "succeeded")

    print("\ntransitions")
    for number, transition in enumerate(client.executions.transitions.list(execution.id, direction="asc")):
        where = f"{transition.current.workflow}[{transition.current.step}]"
        print(f"  {number:2}  {transition.type:<13} {where:<27} {_short(transition.output)}")
    print(f"\noutput\n{json.dumps(ended.output, indent=2)}")
    expected = "Ada, your order of 130.0 euros goes out today."
    if not isinstance(ended.output, dict) or ended.output.get("answer") != expected:
        raise DemoFailed(f"the output's answer must be {expected!r}; the output is {ended.output!r}")


def _until(client: Julep, execution_id: str, reached: Callable[[str], bool]) -> Any:
    """Poll the execution, printing every status it shows, until one is reached."""
    shown = ""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        execution = client.executions.get(execution_id)
        if execution.status != shown:
            shown = execution.status
            print(f"  status: {shown}", flush=True)
        if reached(shown):
            return execution
        if shown in _FINAL:
            raise DemoFailed(f"the execution ended {shown}: {execution.error or execution.output}")
        time.sleep(0.05)
    raise DemoFailed(f"the execution is {shown or 'unknown'} after {_SECONDS:.0f} s")


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 90 else f"{text[:87]}..."
