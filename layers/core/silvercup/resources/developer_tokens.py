"""v1's own sign-in: a JWT (HS512) whose subject is the developer; off unless a deployment names the key."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

from silvercup.errors import Forbidden, InternalError, TransientError, Unauthenticated
from silvercup.ids import is_uuid

KEEP_SECONDS = 300.0
"""How long the key is kept before it is read again."""
LEEWAY_SECONDS = 10
MIN_KEY_BYTES = 32
_ALGORITHM = "HS512"
_REQUIRED = ("sub", "exp", "iat")
_SHAPE = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*")


class DeveloperTokens:
    """Verifies tokens; it makes none.

    Args:
        key: Reads the shared key.
        clock: Tells seconds.
    """

    def __init__(self, key: Callable[[], str], clock: Callable[[], float] = time.monotonic) -> None:
        self._read = key
        self._clock = clock
        self._kept: tuple[bytes, float] | None = None

    @staticmethod
    def looks_like_one(text: str) -> bool:
        """Whether a text has the shape of a JWT; an API key never has."""
        return _SHAPE.fullmatch(text) is not None

    def tenant_of(self, text: str) -> str:
        """The developer that a token stands for.

        Raises:
            Unauthenticated: It has expired.
            Forbidden: It is signed otherwise, lacks a claim, or its subject is no developer's id.
            InternalError: The deployment's key is missing or too short.
        """
        import jwt

        try:
            claims = jwt.decode(
                text,
                self._key(),
                algorithms=[_ALGORITHM],
                leeway=LEEWAY_SECONDS,
                options={"require": list(_REQUIRED), "verify_aud": False},
            )
        except jwt.ExpiredSignatureError:
            raise Unauthenticated("The token has expired: sign in again") from None
        except jwt.ImmatureSignatureError:
            raise Forbidden("The token is not valid yet: its iat or nbf lies in the future") from None
        except jwt.MissingRequiredClaimError as error:
            raise Forbidden(f"The token lacks the claim {error.claim!r}; it needs {', '.join(_REQUIRED)}") from None
        except jwt.InvalidTokenError:
            raise Forbidden(
                f"Could not validate the token: it is not signed by this deployment ({_ALGORITHM})"
            ) from None
        subject = claims["sub"].lower()
        if not is_uuid(subject):
            raise Forbidden("The token's sub is no developer's id: it must be a UUID")
        return subject

    def _key(self) -> bytes:
        now = self._clock()
        if self._kept is None or now >= self._kept[1]:
            try:
                key = self._read().encode()
            except TransientError:
                if self._kept is None:
                    raise
                key = self._kept[0]
            if len(key) < MIN_KEY_BYTES:
                raise InternalError(f"The key that signs JWTs must have at least {MIN_KEY_BYTES} bytes")
            self._kept = key, now + KEEP_SECONDS
        return self._kept[0]
