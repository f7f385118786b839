"""v1's JWTs over HTTP, with their key in a Secrets Manager secret, as ``JwtSecretArn`` of the template sets it up."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import httpx
import jwt
import pytest
from julep import AuthenticationError, Julep, NotFoundError, PermissionDeniedError
from starlette.testclient import TestClient

from local.stack import Stack
from silvercup.container import Container
from silvercup.http.app import create_app
from silvercup.ids import uuid7

KEY = "a key that only the gateway and the stack know, long enough " * 2
NAME = "silvercup-jwt"
FIXED = "the-fixed-key"


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """A stack that takes one fixed key and JWTs, and nothing else."""
    with Stack(env={"SILVERCUP_JWT_SECRET": NAME, "SILVERCUP_API_KEY": FIXED}, sweep_seconds=3600) as started:
        started.container.clients.get("secretsmanager").create_secret(Name=NAME, SecretString=f" {KEY}\n")
        yield started


def token(*left_out: str, key: str = KEY.strip(), algorithm: str = "HS512", **changes: Any) -> str:
    now = int(time.time())
    claims = {"sub": uuid7(), "iat": now, "exp": now + 600, "email": "ada@example.com", **changes}
    return jwt.encode({name: value for name, value in claims.items() if name not in left_out}, key, algorithm)


def unsigned() -> str:
    head = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": "JWT"}).encode()).decode().rstrip("=")
    return f"{head}.{token().split('.')[1]}."


def client(stack: Stack, key: str) -> Julep:
    return Julep(api_key=key, base_url=f"{stack.url}/api", max_retries=0, _strict_response_validation=True)


def test_a_token_signs_in_as_its_developer(stack: Stack):
    ada = uuid7()
    with client(stack, token(sub=ada)) as first, client(stack, token(sub=ada, exp=int(time.time()) + 60)) as again:
        agent = first.agents.create(name="Ada's")
        assert again.agents.get(agent.id) == agent
        with client(stack, token()) as other:
            assert other.agents.list().items == []
            with pytest.raises(NotFoundError):
                other.agents.get(agent.id)
        with client(stack, FIXED) as owner, pytest.raises(NotFoundError):
            owner.agents.get(agent.id)


def test_a_developer_runs_tasks_with_a_token(stack: Stack):
    with client(stack, token()) as ada:
        task = ada.tasks.create(ada.agents.create(name="A").id, name="T", main=[{"evaluate": {"n": "$ _.n + 1"}}])
        run = ada.executions.create(task.id, input={"n": 1})
        last = [state.status for state in ada.executions.status.stream(run.id)][-1]
        assert (last, ada.executions.get(run.id).output) == ("succeeded", {"n": 2})
        with client(stack, token()) as other, pytest.raises(NotFoundError):
            other.executions.get(run.id)


def test_an_expired_token_is_401(stack: Stack):
    with client(stack, token(exp=int(time.time()) - 60)) as late, pytest.raises(AuthenticationError, match="expired"):
        late.agents.list()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (lambda: token(key="x" * 64), "not signed by this deployment"),
        (lambda: token()[:-4] + "AAAA", "not signed by this deployment"),
        (lambda: token(algorithm="HS256"), "not signed by this deployment"),
        (lambda: token(algorithm="HS384"), "not signed by this deployment"),
        (unsigned, "not signed by this deployment"),
        (lambda: token("sub"), "lacks the claim 'sub'"),
        (lambda: token("exp"), "lacks the claim 'exp'"),
        (lambda: token("iat"), "lacks the claim 'iat'"),
        (lambda: token(sub="me"), "must be a UUID"),
    ],
    ids=["another key", "a changed signature", "HS256", "HS384", "none", "no sub", "no exp", "no iat", "no UUID"],
)
def test_any_other_is_403_and_says_why(stack: Stack, text: Any, why: str):
    with client(stack, text()) as wrong, pytest.raises(PermissionDeniedError, match=why):
        wrong.agents.list()
    answer = httpx.get(f"{stack.url}/api/agents", headers={"authorization": f"Bearer {text()}"}, timeout=30)
    assert KEY.strip() not in answer.text


def test_tokens_are_refused_unless_the_setting_names_their_key(stack: Stack):
    container = Container(replace(stack.container.settings, jwt_secret=""))
    with TestClient(create_app(lambda: container)) as web:
        assert web.get("/agents", headers={"authorization": f"Bearer {token()}"}).status_code == 403
        assert web.get("/agents", headers={"authorization": f"Bearer {FIXED}"}).status_code == 200


@pytest.mark.parametrize("secret", ["not-there", "too-short"])
def test_a_wrong_secret_is_the_deployments_fault_and_keys_still_work(stack: Stack, secret: str):
    if secret == "too-short":
        stack.container.clients.get("secretsmanager").create_secret(Name=secret, SecretString="short")
    container = Container(replace(stack.container.settings, jwt_secret=secret))
    with TestClient(create_app(lambda: container)) as web:
        answer = web.get("/agents", headers={"authorization": f"Bearer {token()}"})
        assert (answer.status_code, answer.json()["error"]["code"]) == (500, "internal_error")
        assert web.get("/agents", headers={"authorization": f"Bearer {FIXED}"}).status_code == 200
