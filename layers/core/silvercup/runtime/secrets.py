"""Secrets in the expressions of steps: an expression sees the value, what is written down of its result has a reference in the value's place."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from silvercup import values
from silvercup.errors import ExpressionError, StepError
from silvercup.executions.hidden import Hider, filled, names_of, shown
from silvercup.expressions import View
from silvercup.expressions.secrets import COMPUTED
from silvercup.expressions.views import Keyed
from silvercup.resources.secret_values import ProviderKeys, SecretReader
from silvercup.storage import Item, Key


@dataclass(frozen=True, slots=True)
class Secrets:
    """Gives the secrets of blocks.

    Attributes:
        reader: Gives what reads secrets; called by blocks that name some, or read a value that was made of some.
        provider_keys: Gives developers' own keys of models' providers; called by blocks that ask a model.
    """

    reader: Callable[[], SecretReader]
    provider_keys: Callable[[], ProviderKeys]

    def of(self, tenant: str, agent_id: str | None, names: Iterable[str], *, asks: bool) -> BlockSecrets:
        """The secrets of a block.

        Args:
            tenant: The developer.
            agent_id: The task's agent, whose own secrets go before the developer's.
            names: Those that its expressions name, and the tool that it calls.
            asks: Whether it asks a model.
        """
        return BlockSecrets(self, tenant, agent_id, frozenset(names), asks=asks)


class BlockSecrets:
    """The secrets that a block names, and those that the values hold which it has read.

    Attributes:
        keys: What has to be read before, with what else is read.
    """

    def __init__(
        self, access: Secrets, tenant: str, agent_id: str | None, names: frozenset[str], *, asks: bool
    ) -> None:
        self._access = access
        self._tenant = tenant
        self._agent_id = agent_id
        self._names = names
        self._found: dict[Key, Item] = {}
        self._known: dict[str, str] = {}
        self._hider: Hider | None = None
        self._of_tools: dict[str, str] = {}
        self._reading = threading.Lock()
        own = access.provider_keys().keys(tenant, agent_id) if asks else []
        named = access.reader().keys(tenant, names, agent_id) if names else []
        self.keys: tuple[Key, ...] = tuple(dict.fromkeys([*own, *named]))

    def take(self, found: Mapping[Key, Item]) -> None:
        """Take what was read of ``keys``."""
        self._found = {key: found[key] for key in self.keys if key in found}

    def provider_key(self, wanted: Callable[[], Iterable[str]]) -> str | None:
        """The developer's own key of a model's provider; see ``ProviderKeys.choose``.

        Args:
            wanted: Gives the names that it may have; asked where there is any such secret.
        """
        if not self._found:
            return None
        return self._access.provider_keys().choose(self._found, self._tenant, self._agent_id, wanted())

    def view(self) -> View:
        """``secrets``, as an expression sees it."""
        return _View(self)

    @property
    def known(self) -> Mapping[str, str]:
        """The values that the block has seen by now, by name."""
        return self._known

    def value(self, name: str) -> str | None:
        """The value of a secret that the block's expressions name; None when there is none of that name.

        Raises:
            ExpressionError: They do not name it.
            TransientError: KMS is throttled or does not answer.
        """
        if name not in self._names:
            raise ExpressionError(COMPUTED)
        if name not in self._known:
            self._learn(self._access.reader().opened(self._found, self._tenant, (name,), self._agent_id))
        return self._known.get(name)

    def values(self, tenant: str, names: Iterable[str], agent_id: str | None = None, /) -> dict[str, str]:
        """The values of secrets that definitions of tools name, each read once; what is of the block is of one developer and agent.

        Raises:
            TransientError: Secrets can't be read now.
        """
        del tenant, agent_id
        wanted = set(names)
        with self._reading:
            read = self._access.reader().opened(self._found, self._tenant, wanted & self._names, self._agent_id)
            self._of_tools |= read
            if missing := wanted - self._names - self._of_tools.keys():
                self._of_tools |= self._access.reader().values(self._tenant, missing, self._agent_id)
        return {name: value for name, value in self._of_tools.items() if name in wanted}

    def load(self, text: str) -> Any:
        """The value of a stored text.

        Raises:
            StepError: A secret that it was made of is gone.
            TransientError: Secrets can't be read now.
        """
        names = names_of(text)
        if missing := [name for name in names if name not in self._known]:
            self._learn(self._access.reader().values(self._tenant, missing, self._agent_id))
        if gone := [name for name in names if name not in self._known]:
            raise StepError(
                f"A value that an earlier step has made holds the secret {', '.join(gone)}, which was deleted since"
            )
        return values.loads(filled(text, self._known))

    def stored(self, value: Any) -> str:
        """The text of a JSON value as it is written down."""
        if not self._known:
            return values.dumps(value)
        if self._hider is None:
            self._hider = Hider(self._known)
        return self._hider.stored(value)

    def masked(self, value: Any) -> Any:
        """A JSON value as it is shown."""
        return values.loads(shown(self.stored(value))) if self._known else value

    def _learn(self, found: Mapping[str, str]) -> None:
        self._known |= found
        self._hider = None


class _View(Keyed):
    __slots__ = ("_secrets",)

    def __init__(self, secrets: BlockSecrets) -> None:
        self._secrets = secrets

    def __repr__(self) -> str:
        return "secrets"

    def view_getitem(self, key: object) -> object:
        """``secrets['NAME']``."""
        value = self._secrets.value(str(key))
        if value is None:
            raise KeyError(f"there is no secret {key}; create it with POST /secrets, or one of the agent's own")
        return value

    def view_json(self) -> object:
        """For what takes values out of messages."""
        return dict(self._secrets.known)
