"""A wait has an end."""

from __future__ import annotations

from tests.support.local import Runs, running
from tests.support.provider import FakeProvider
from tests.support.runs import Api


def test_a_wait_that_nobody_answers_fails_and_says_which(provider: FakeProvider):
    with running(provider, SILVERCUP_WAIT_DAYS="0") as short:
        runs = Runs(Api(short.url), short)
        execution = runs.start({"evaluate": {"x": 1}}, {"wait_for_input": {"info": {}}})
        shown = runs.until(execution, "failed")
        assert "main[1]" in shown["error"]
        assert "expired" in shown["error"]
        assert runs.types(execution) == ["init", "step", "wait", "error"]
        assert shown["waits"] == []
        runs.api.close()
