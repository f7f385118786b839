"""What one request for a response asks for, checked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from silvercup.errors import InvalidRequest, Problem, TooLarge
from silvercup.values import JsonObject, dumps

DEFAULT_INSTRUCTIONS = "You are a helpful assistant."
"""What a model is told where a request has no instructions, as in v1."""
MAX_STORED_BYTES = 200_000
"""The largest instructions, tools and metadata of a response that is kept, in bytes of their JSON."""


@dataclass(frozen=True, slots=True)
class ResponseRequest:
    """One request.

    Attributes:
        messages: What is new, as a chat has it.
        places: Of each message, the place in the request that it comes from (``input[2]``).
        tools: The tools as a chat has them, by the name that the model knows.
        settings: The settings of the model, ``model`` among them.
        tool_choice: As in ``ModelRequest``.
        shown: What the response shows of the request, defaults filled in.
        api_key: The caller's own key of the model's provider.
    """

    messages: Sequence[JsonObject]
    places: Sequence[str]
    tools: Mapping[str, JsonObject]
    settings: JsonObject
    tool_choice: str | JsonObject | None
    shown: JsonObject = field(default_factory=dict[str, Any])
    api_key: str | None = field(default=None, repr=False)

    @property
    def instructions(self) -> str:
        """What the model is told."""
        given: str | None = self.shown["instructions"]
        return given if given and given.strip() else DEFAULT_INSTRUCTIONS

    @property
    def previous(self) -> str | None:
        """The id of the response that this one goes on from."""
        return self.shown["previous_response_id"]

    @property
    def store(self) -> bool:
        """Whether the response is kept."""
        return self.shown["store"]

    @property
    def searches(self) -> frozenset[str]:
        """The names of tools that search the web; they run here."""
        return frozenset(name for name, tool in self.tools.items() if tool["type"] == "integration")

    def stored(self) -> str:
        """The JSON text of what is kept of the request.

        Raises:
            TooLarge: It is over ``MAX_STORED_BYTES``.
        """
        text = dumps(self.shown)
        size = len(text.encode("utf-8", "surrogatepass"))
        if self.store and size > MAX_STORED_BYTES:
            raise TooLarge(
                f"instructions, tools and metadata have {size:,} bytes together; a response that is stored takes {MAX_STORED_BYTES:,}."
                " Send less, or send store: false"
            )
        return text


def wrong(loc: str, message: str, hint: str | None = None) -> InvalidRequest:
    """The error for one thing that is wrong with a request."""
    return InvalidRequest(f"{loc}: {message}", [Problem(loc, message, hint=hint)])
