"""What a request says of a session, checked, and a session as the API shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from silvercup.errors import InvalidRequest, Problem
from silvercup.resources.entities import given, shown
from silvercup.resources.members import Role
from silvercup.resources.session_links import Participant
from silvercup.storage import Item
from silvercup.values import JsonObject

MAX_PARTICIPANTS = 100
"""How many agents and users a session has at most, together."""
DEFAULTS: Mapping[str, Any] = {
    "situation": None,
    "system_template": None,
    "render_templates": True,
    "token_budget": None,
    "context_overflow": None,
    "forward_tool_calls": False,
    "auto_run_tools": False,
    "recall_options": None,
    "metadata": {},
}
_ROLES: tuple[Role, Role] = ("agent", "user")
_RECALL = frozenset({
    "limit", "lang", "metadata_filter", "num_search_messages", "max_query_length", "include_embeddings",
})  # fmt: skip
RECALL_KEYS: Mapping[str, frozenset[str]] = {
    "vector": _RECALL | {"confidence", "mmr_strength"},
    "text": _RECALL | {"trigram_similarity_threshold"},
    "hybrid": _RECALL | {"confidence", "mmr_strength", "alpha", "k_multiplier", "trigram_similarity_threshold"},
}
"""The keys of ``recall_options`` beside ``mode``, by mode."""


@dataclass(frozen=True, slots=True)
class Given:
    """The participants that a request names; None: it says nothing of that role.

    Attributes:
        agents: Ids, each once, in the order of the request.
        users: The same.
    """

    agents: list[str] | None
    users: list[str] | None

    @classmethod
    def of(cls, fields: JsonObject) -> Given:
        """Those of ``agent``, ``agents``, ``user`` and ``users``.

        Raises:
            InvalidRequest: Both forms of a role are given, ``agents`` is empty, or they are over ``MAX_PARTICIPANTS``.
        """
        agents, users = (_ids(fields, role) for role in _ROLES)
        if agents == []:
            raise nobody()
        count = len(agents or ()) + len(users or ())
        if count > MAX_PARTICIPANTS:
            raise _refused("agents", f"A session has at most {MAX_PARTICIPANTS} agents and users; these are {count:,}")
        return cls(agents, users)

    @property
    def participants(self) -> list[Participant]:
        """All of them, the agents first."""
        agents = [Participant("agent", agent_id) for agent_id in self.agents or ()]
        return agents + [Participant("user", user_id) for user_id in self.users or ()]

    @property
    def is_nothing(self) -> bool:
        """Whether the request says nothing of participants."""
        return self.agents is None and self.users is None

    def after(self, old: JsonObject) -> JsonObject:
        """``{agents, users}`` of a session with the old ones where nothing is said.

        Raises:
            InvalidRequest: They are over ``MAX_PARTICIPANTS``.
        """
        agents = old["agents"] if self.agents is None else self.agents
        users = old["users"] if self.users is None else self.users
        count = len(agents) + len(users)
        if not self.is_nothing and count > MAX_PARTICIPANTS:
            message = f"A session has at most {MAX_PARTICIPANTS} agents and users; with these it would have {count:,}"
            raise _refused("agents" if self.users is None else "users", message)
        return {"agents": agents, "users": users}


def nobody() -> InvalidRequest:
    """The error for a session without agents."""
    return _refused("agent", "At least one agent must be provided")


def unknown(missing: list[Participant]) -> InvalidRequest:
    """The error for participants that are not there."""
    problems = [Problem(f"{one.role}s", f"there is no {one.role} {one.id}") for one in missing]
    first = "The specified participant ID is invalid for the given participant type"
    return InvalidRequest(f"{first}: {', '.join(problem.msg for problem in problems[:3])}", problems)


def written(fields: JsonObject) -> JsonObject:
    """The stored fields that a request gives, without its participants; ``recall_options`` as they are given.

    Raises:
        InvalidRequest: ``situation`` or ``system_template`` is blank.
    """
    changes = {name: value for name, value in given(fields).items() if name in DEFAULTS}
    for name in ("situation", "system_template"):
        if name in changes and not changes[name].strip():
            raise _refused(name, f"{name} must not be blank; leave it out for none")
    return changes


def recall_options(wanted: JsonObject | None, old: JsonObject | None = None) -> JsonObject | None:
    """Recall options as they are stored: ``mode`` and what was given of its keys.

    Args:
        wanted: The new ones; None: the old ones stay. A key that is None in it means its default again.
        old: Those before, into which they are merged; keys that the new mode does not have go.
    """
    if wanted is None:
        return old
    before = old or {}
    mode = wanted.get("mode") or before.get("mode") or "vector"
    merged = {**before, **wanted}
    return {"mode": mode} | {
        name: value for name, value in merged.items() if name in RECALL_KEYS[mode] and value is not None
    }


def session_shown(item: Item) -> JsonObject:
    """A session as the API shows it: v1's, with its participants.

    ``kind`` is v1's discriminator; ``agent`` and ``user`` are there where there is one, ``agents`` and ``users`` always.
    """
    body = shown(item)
    numbers = {role: len(body[f"{role}s"]) for role in _ROLES}
    words = {role: ("no", "single", "multi")[min(count, 2)] for role, count in numbers.items()}
    one: JsonObject = {role: body[f"{role}s"][0] for role, count in numbers.items() if count == 1}
    return (
        body
        | one
        | {
            "kind": f"{words['agent']}_agent_{words['user']}_user",
            "summary": item.get("summary"),
        }
    )


def _ids(fields: JsonObject, role: Role) -> list[str] | None:
    one, several = fields.get(role), fields.get(f"{role}s")
    if one is not None and several is not None:
        raise _refused(f"{role}s", f"Only one of {role} and {role}s can be provided")
    ids = [one] if one is not None else several
    return None if ids is None else [*dict.fromkeys(ids)]


def _refused(loc: str, message: str) -> InvalidRequest:
    return InvalidRequest(message, [Problem(loc, message)])
