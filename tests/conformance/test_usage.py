"""What prompts used, through the official client, which has no method for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import httpx
import pytest
from julep import APIStatusError, Julep

from tests.conformance.tasks import SECONDS, until

Sums = dict[str, Any]


def used(client: Julep, **asked: str) -> Sums:
    """What was used from yesterday to tomorrow: a case may go over midnight."""
    today, day = datetime.now(UTC).date(), timedelta(1)
    query = httpx.QueryParams({"start": str(today - day), "end": str(today + day), **asked})
    return cast("Sums", client.get(f"/usage?{query}", cast_to=object))


def used_calls(client: Julep, calls: int, **asked: str) -> Sums:
    """What was used once it is so many calls: on AWS the index may lag."""
    deadline = time.monotonic() + SECONDS
    while (found := used(client, **asked))["totals"]["calls"] != calls:
        assert time.monotonic() < deadline, f"not {calls} calls after {SECONDS:.0f} s: {found}"
        time.sleep(0.1)
    return found


def test_a_prompt_is_counted_for_its_developer_and_stays_so(client: Julep, other: Julep, raw: httpx.Client):
    agent = client.agents.create(name="Counted")
    main: list[Any] = [{"prompt": "Say {_.word}", "unwrap": True}, {"over": "$ [1, 2]", "map": {"prompt": "$ str(_)"}}]
    task = client.tasks.create(agent.id, name="Ask", main=main)
    executions = [client.executions.create(task.id, input={"word": word}).id for word in ("one", "two")]
    for execution in executions:
        until(client, execution, "succeeded")

    found = used_calls(client, 6, agent=agent.id)
    totals = found["totals"]
    assert totals["prompt_tokens"] > 0
    assert totals["completion_tokens"] > 0
    assert totals["total_tokens"] == totals["prompt_tokens"] + totals["completion_tokens"]
    assert sum(row["calls"] for row in found["items"]) == 6
    assert used_calls(client, 6, task=task.id) == found
    of_one = used_calls(client, 3, execution=executions[0])
    assert used(other, agent=agent.id)["items"] == []

    assert raw.delete(f"/executions/{executions[0]}").status_code == 202
    client.agents.delete(agent.id)
    assert used_calls(client, 6, agent=agent.id) == found
    assert used_calls(client, 3, execution=executions[0]) == of_one


@pytest.mark.parametrize("asked", [{"start": "2026-02-30"}, {"end": "1999-01-01"}, {"agent": "me"}])
def test_what_can_not_be_summed_is_400(client: Julep, asked: dict[str, str]):
    with pytest.raises(APIStatusError) as told:
        used(client, **asked)
    assert told.value.status_code == 400
    assert next(iter(asked)) in str(told.value)
