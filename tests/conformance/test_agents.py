"""Agents through the official client, with strict validation of every answer."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from julep import BadRequestError, ConflictError, Julep, NotFoundError, UnprocessableEntityError

from silvercup.ids import uuid7
from tests.conformance.tasks import error_of


def test_an_agent_goes_round(client: Julep):
    name = f"round_{uuid7().replace('-', '')[-12:]}"
    made = client.agents.create(
        name="Round",
        canonical_name=name,
        about="Goes round.",
        instructions="be brief",
        default_settings={"temperature": 0.5},
        default_system_template="You are {{agent.name}}.",
        metadata={"team": "a", "n": 1},
    )
    assert (made.name, made.canonical_name, made.about) == ("Round", name, "Goes round.")
    assert (made.instructions, made.default_settings) == (["be brief"], {"temperature": 0.5})
    assert (made.metadata, made.default_system_template) == ({"team": "a", "n": 1}, "You are {{agent.name}}.")
    assert made.created_at == made.updated_at
    assert abs(made.created_at - datetime.now(UTC)) < timedelta(minutes=5)
    assert client.agents.get(made.id) == made

    changed = client.agents.update(made.id, about="Went.", metadata={"n": 2})
    assert (changed.about, changed.metadata, changed.name) == ("Went.", {"team": "a", "n": 2}, "Round")
    reset = client.agents.reset(made.id, name="Anew", instructions=["one", "two"])
    assert (reset.about, reset.metadata, reset.instructions, reset.canonical_name) == ("", {}, ["one", "two"], name)
    again = client.agents.create_or_update(made.id, name="Once more")
    assert (again.id, again.name, again.created_at) == (made.id, "Once more", made.created_at)

    with pytest.raises(ConflictError) as told:
        client.agents.create(name="Taken", canonical_name=name.upper())
    assert told.value.response.headers["x-should-retry"] == "false"

    deleted = client.agents.delete(made.id)
    assert (deleted.id, deleted.jobs) == (made.id, [])
    with pytest.raises(NotFoundError):
        client.agents.get(made.id)
    with pytest.raises(NotFoundError):
        client.agents.delete(made.id)


def test_an_agent_under_a_chosen_id(client: Julep):
    agent_id = uuid7()
    assert client.agents.create_or_update(agent_id, name="Chosen").id == agent_id
    assert client.agents.get(agent_id).name == "Chosen"
    client.agents.delete(agent_id)


def test_lists_page_and_filter(client: Julep):
    mark = uuid7()
    made = [client.agents.create(name=str(i), metadata={"mark": mark, "i": i}).id for i in range(5)]
    everyone = [agent.id for agent in client.agents.list(metadata_filter={"mark": mark}, limit=2)]
    assert everyone == made[::-1]
    oldest = client.agents.list(metadata_filter={"mark": mark}, direction="asc", limit=2).items
    assert [agent.id for agent in oldest] == made[:2]
    third = client.agents.list(metadata_filter={"mark": mark, "i": 2}).items
    assert [agent.id for agent in third] == [made[2]]
    assert client.agents.list(metadata_filter={"mark": mark, "i": "x"}).items == []
    for agent_id in made:
        client.agents.delete(agent_id)


def test_models_are_listed_and_an_unknown_one_does_not_pass_in_silence(client: Julep, raw: httpx.Client):
    assert client.agents.list_models().models
    answer = raw.post("/agents", json={"name": "A", "model": "no-such-model"})
    if answer.status_code == 201:
        warnings = json.loads(answer.headers["x-silvercup-warnings"])
        assert [warning["loc"] for warning in warnings] == ["model"]
        assert "no-such-model" in warnings[0]["msg"]
        client.agents.delete(answer.json()["id"])
    else:
        assert answer.status_code == 400
        assert client.agents.list_models().models[0].id in answer.json()["error"]["message"]


def test_wrong_agents_are_told(client: Julep):
    with pytest.raises(UnprocessableEntityError) as told:
        client.agents.create(name="")
    assert error_of(told.value)["details"][0]["loc"] == "name"
    with pytest.raises(BadRequestError, match="Limit must be between 1 and"):
        client.agents.list(limit=0)


def test_a_retried_create_gives_the_first_answer(client: Julep):
    name = f"Once {uuid7()}"
    first = client.agents.create(name=name, extra_headers={"x-stainless-retry-count": "0"})
    again = client.agents.create(name=name, extra_headers={"x-stainless-retry-count": "1"})
    assert again == first
    keyed = [client.agents.create(name=name, extra_headers={"Idempotency-Key": name}).id for _ in range(2)]
    assert keyed[0] == keyed[1] != first.id
    client.agents.delete(first.id)
    client.agents.delete(keyed[0])
