"""v1's JWTs: what is taken, and why the others are not."""

from __future__ import annotations

import base64
import hmac
import json
import time
from typing import Any

import jwt
import pytest

from silvercup.errors import Forbidden, InternalError, TransientError, Unauthenticated
from silvercup.ids import uuid7
from silvercup.resources.developer_tokens import DeveloperTokens
from silvercup.resources.keys import KeyService
from silvercup.settings import DEFAULT_TENANT, Settings
from tests.support.tables import MemoryTables

KEY = "k" * 64
TOKENS = DeveloperTokens(lambda: KEY)


def now() -> int:
    """Seconds; asked anew by every case, since a suite may take longer than the leeway."""
    return int(time.time())


def claims(**changes: Any) -> dict[str, Any]:
    return {"sub": DEFAULT_TENANT, "iat": now(), "exp": now() + 600, **changes}


def token(key: str = KEY, algorithm: str = "HS512", **changes: Any) -> str:
    return jwt.encode(claims(**changes), key, algorithm)


def part(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def test_a_token_gives_its_developer():
    developer = uuid7()
    assert TOKENS.tenant_of(token(sub=developer)) == developer
    assert TOKENS.tenant_of(token(sub=developer.upper(), aud="somewhere", role="admin")) == developer
    assert TOKENS.tenant_of(token(exp=now() - 5)) == DEFAULT_TENANT  # clocks differ


def test_an_expired_token_is_401():
    with pytest.raises(Unauthenticated, match="expired"):
        TOKENS.tenant_of(token(exp=now() - 60))


@pytest.mark.parametrize("claim", ["sub", "exp", "iat"])
def test_a_missing_claim_is_named(claim: str):
    with pytest.raises(Forbidden, match=f"'{claim}'"):
        TOKENS.tenant_of(jwt.encode({name: value for name, value in claims().items() if name != claim}, KEY, "HS512"))


@pytest.mark.parametrize("sub", ["", "me", "0" * 32, f"{DEFAULT_TENANT}\n", f"{DEFAULT_TENANT}#agent"])
def test_a_subject_that_is_no_developer_is_told(sub: str):
    with pytest.raises(Forbidden, match="sub"):
        TOKENS.tenant_of(token(sub=sub))


@pytest.mark.parametrize(
    "text",
    [
        token(key="x" * 64),
        token(algorithm="HS256"),
        token(algorithm="HS384"),
        f"{part({'alg': 'none', 'typ': 'JWT'})}.{part(claims())}.",
        f"{part({'alg': 'HS512'})}.{part(claims())}.",
        f"{part({'alg': 'HS512', 'crit': ['x'], 'x': 1})}.{part(claims())}.AAAA",
        token()[:-20] + "A" * 20,
        token(iat="yesterday"),
        token(exp="never"),
        f"{part([1])}.{part(2)}.AAAA",
        "a.b.c",
        "..",
    ],
)
def test_what_this_deployment_did_not_sign_is_403(text: str):
    with pytest.raises(Forbidden):
        TOKENS.tenant_of(text)


def test_a_subject_that_is_no_text_is_403():
    header, body = part({"alg": "HS512", "typ": "JWT"}), part(claims(sub=7))
    signed = hmac.digest(KEY.encode(), f"{header}.{body}".encode(), "sha512")
    text = f"{header}.{body}.{base64.urlsafe_b64encode(signed).decode().rstrip('=')}"
    with pytest.raises(Forbidden):
        TOKENS.tenant_of(text)


def test_a_token_from_the_future_is_403():
    with pytest.raises(Forbidden, match="not valid yet"):
        TOKENS.tenant_of(token(iat=now() + 600))


def test_a_short_key_is_the_deployments_mistake():
    with pytest.raises(InternalError, match="32 bytes"):
        DeveloperTokens(lambda: "short").tenant_of(token())


def test_the_key_is_read_again_after_a_while_and_kept_while_its_store_is_down():
    clock, reads = [0.0], [KEY, "n" * 64]

    def read() -> str:
        if not reads:
            raise TransientError("down")
        return reads.pop(0)

    tokens = DeveloperTokens(read, lambda: clock[0])
    tokens.tenant_of(token())
    tokens.tenant_of(token())
    assert len(reads) == 1
    clock[0] = 301
    tokens.tenant_of(token("n" * 64))
    clock[0] = 700
    tokens.tenant_of(token("n" * 64))
    with pytest.raises(Forbidden):
        tokens.tenant_of(token())


def test_tokens_are_off_unless_there_is_a_key():
    with pytest.raises(Forbidden, match="Could not validate the API key"):
        KeyService(MemoryTables(), Settings()).tenant_of(token())


def test_keys_go_on_beside_tokens():
    service = KeyService(MemoryTables(), Settings(api_key="fixed", allow_any_key=True), TOKENS)
    developer = uuid7()
    _, text = service.create(developer, "k")
    assert service.tenant_of(text) == developer
    assert service.tenant_of("fixed") == DEFAULT_TENANT
    assert service.tenant_of("any") == DEFAULT_TENANT
    assert service.tenant_of(token(sub=developer)) == developer
    with pytest.raises(Forbidden):
        service.tenant_of(token(key="x" * 64))
