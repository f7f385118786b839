"""The same cases through every official client: PyPI ``julep``, synchronous and asynchronous, and npm ``@julep/sdk``."""

from __future__ import annotations

import json

import pytest
from julep import AsyncJulep, Julep

from tests.conformance.players import NODE, SCENARIOS, NodePlayed, judge, play, play_with_node
from tests.conformance.stack import Running


@pytest.fixture(scope="module")
def with_node(stack: Running) -> NodePlayed:
    return play_with_node(stack, SCENARIOS)


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_python_client_plays(client: Julep, name: str):
    judge(SCENARIOS[name], play(client, SCENARIOS[name]))


@pytest.mark.parametrize("name", SCENARIOS)
def test_the_asynchronous_python_client_plays(stack: Running, name: str):
    client = AsyncJulep(api_key=stack.key, base_url=stack.url, _strict_response_validation=True)
    judge(SCENARIOS[name], play(client, SCENARIOS[name]))


@pytest.mark.node
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_npm_client_plays(with_node: NodePlayed, name: str):
    judge(SCENARIOS[name], with_node.scenarios[name])


@pytest.mark.node
def test_every_answer_has_the_npm_client_s_types(with_node: NodePlayed):
    assert with_node.typed > 100
    *real, planted = with_node.types
    assert "agents.get" in planted
    assert real == []


@pytest.mark.node
def test_the_npm_client_is_the_one_that_was_locked(with_node: NodePlayed):
    lock = json.loads((NODE / "package-lock.json").read_text(encoding="utf-8"))
    installed = json.loads((NODE / "node_modules" / "@julep" / "sdk" / "package.json").read_text(encoding="utf-8"))
    assert installed["version"] == lock["packages"]["node_modules/@julep/sdk"]["version"] == "2.7.2"
    assert not any("resolved" in package for package in lock["packages"].values())
