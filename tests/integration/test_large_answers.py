"""Answers over the 6 MB that a function can hand on whole: what streams sends them."""

from __future__ import annotations

from local.stack import Stack
from tests.support.local import Runs
from tests.support.runs import Api


def test_transitions_over_6_mb_come_whole(api: Api, stack: Stack):
    runs = Runs(api, stack)
    steps = [{"evaluate": {"big": f"$ '{letter}' * 2000000"}} for letter in "abcd"]
    execution = runs.start(*steps)
    output = runs.until(execution, "succeeded")["output"]
    assert output == {"big": "d" * 2_000_000}
    answer = api.http.get(f"/executions/{execution}/transitions?direction=asc&limit=1000")
    assert answer.status_code == 200
    assert len(answer.content) > 8_000_000
    shown = answer.json()["items"]
    assert [one["output"]["big"][0] for one in shown if "big" in one["output"]] == list("abcd")
