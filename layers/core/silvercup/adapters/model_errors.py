"""What providers' failures mean, the same for each of them: what is the request's fault, what may pass, what was too long."""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable
from contextlib import contextmanager

from silvercup.errors import ContextOverflow, ModelRejected, ModelUnavailable, SilvercupError

TIMEOUT_SECONDS = 14 * 60
"""How long a call may take, all tries together: a function lives for 15 minutes."""

LONGEST_WAIT_SECONDS = 60
"""A provider that asks to wait longer than this before the next try is not waited for."""

_LONGEST_TEXT = 2_000

_TOO_LONG = re.compile(
    r"context[_ ](length|window)|maximum context|context limit|prompt is too long|input is too long|too many (input )?tokens|"
    r"reduce the length|exceeds? the (model'?s? )?(maximum|max|limit of) [a-z ]*tokens|input length .{0,80}exceed|"
    r"input tokens? .{0,40}exceed|exceeds? .{0,40}(input|context) (tokens?|size|length)|prompt .{0,40}exceed",
    re.IGNORECASE,
)


def clean(text: str, keys: Iterable[str | None]) -> str:
    """What a provider said, without any key in it, at a length for a person."""
    for key in filter(None, keys):
        text = text.replace(key, "***")
    return text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}..."


def is_later(status: int) -> bool:
    """Whether the same request may work later, by its HTTP status."""
    return status in {408, 409, 429} or status >= 500


def refused(what: str, said: str, *, hint: str = "", too_long: bool = False) -> ModelRejected:
    """The error of a request that will be refused again.

    Args:
        what: The status or the code, such as ``HTTP 400``.
        said: The provider's own words, cleaned.
        hint: What would be right.
        too_long: Whether it is known to be too long; otherwise the words decide.
    """
    kind = ContextOverflow if too_long or _TOO_LONG.search(said) else ModelRejected
    return kind(f"The model's provider refused the request ({what}): {said}{f'. {hint}' if hint else ''}")


def unavailable(what: str, said: str, *, rate_limit: bool = False) -> ModelUnavailable:
    """The error of a provider that may answer later."""
    limit = " (a rate limit of the provider; try again later)" if rate_limit else ""
    return ModelUnavailable(f"The model's provider can't answer now ({what}): {said}{limit}")


def of_status(status: int, said: str, *, hint: str = "") -> SilvercupError:
    """The error for an HTTP status of 400 or more."""
    what = f"HTTP {status}"
    if is_later(status):
        return unavailable(what, said, rate_limit=status == 429)
    return refused(what, said, hint=hint, too_long=status == 413)


def unreachable(said: str) -> ModelUnavailable:
    """The error of a connection that failed."""
    return ModelUnavailable(f"The model's provider can't be reached: {said}")


def not_understood(what: str) -> ModelUnavailable:
    """The error of an answer that is none of the provider's API."""
    return ModelUnavailable(f"The model's provider gave an answer that can't be understood: {what}")


@contextmanager
def understood() -> Generator[None]:
    """Around the reading of an answer: what is missing in it, or of another type, is the provider's fault.

    Raises:
        ModelUnavailable: That.
    """
    try:
        yield
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise not_understood(f"{type(error).__name__} while reading it") from None


def cut_off() -> ModelUnavailable:
    """The error of a stream that ended before the answer did."""
    return ModelUnavailable("The model's provider closed the stream before the answer was complete")


def moved(request_model: str, requested: str) -> str:
    """The hint for a model that the provider does not know."""
    return f"{request_model} serves {requested or request_model}; SILVERCUP_MODEL_ALIASES can name another model"
