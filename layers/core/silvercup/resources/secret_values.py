"""The values of secrets, for what uses them: read by the names that somebody names, in the caller's own batch or in one of its own."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from silvercup.errors import InvalidRequest
from silvercup.resources.secret_items import Scope, Vault, is_name
from silvercup.storage import Item, Key, Tables


class SecretReader:
    """Opens secrets. Of two of one name the agent's counts, not the developer's.

    Args:
        tables: Where secrets are.
        vault: Gives what opens values; asked only where there is one to open.
    """

    def __init__(self, tables: Tables, vault: Callable[[], Vault]) -> None:
        self._tables = tables
        self._vault = vault

    def keys(self, tenant: str, names: Iterable[str], agent_id: str | None = None) -> list[Key]:
        """Where secrets of some names would be, to be read with what else is read; two keys a name where there is an agent."""
        scopes = _scopes(tenant, agent_id)
        return [scope.key(name) for name in dict.fromkeys(names) if is_name(name) for scope in scopes]

    def opened(
        self, found: Mapping[Key, Item], tenant: str, names: Iterable[str], agent_id: str | None = None
    ) -> dict[str, str]:
        """The values of those that are among some items: one call of KMS each, or none where it was opened a moment ago.

        Args:
            found: What was read, the items of ``keys`` among it.
            tenant: Whose.
            names: Which.
            agent_id: The agent that asks.

        Raises:
            TransientError: KMS is throttled or does not answer.
        """
        values: dict[str, str] = {}
        for name in dict.fromkeys(names):
            scopes = _scopes(tenant, agent_id) if is_name(name) else ()
            for scope in scopes:
                item = found.get(scope.key(name))
                if item is not None:
                    values[name] = self._vault().open(item["sealed"], scope.context(name))
                    break
        return values

    def values(self, tenant: str, names: Iterable[str], agent_id: str | None = None) -> dict[str, str]:
        """The values of some secrets by name, with one batch of reads; those that are not there are left out.

        Raises:
            TransientError: See ``opened``.
        """
        names = list(names)
        keys = self.keys(tenant, names, agent_id)
        return self.opened(self._tables.get_many(keys), tenant, names, agent_id) if keys else {}


class ProviderKeys:
    """The developer's own keys of models' providers: secrets that are named like the providers' variables.

    Args:
        reader: Reads secrets.
        variables: Every name that such a secret can have.
    """

    def __init__(self, reader: SecretReader, variables: Iterable[str]) -> None:
        self._reader = reader
        self._variables = tuple(variables)

    def keys(self, tenant: str, agent_id: str | None) -> list[Key]:
        """Where they would be, whichever model is asked in the end."""
        return self._reader.keys(tenant, self._variables, agent_id)

    def choose(self, found: Mapping[Key, Item], tenant: str, agent_id: str | None, wanted: Iterable[str]) -> str | None:
        """The first of the wanted ones that there is.

        Args:
            found: What was read, the items of ``keys`` among it.
            tenant: Whose.
            agent_id: The agent that asks the model.
            wanted: What ``Models.key_variables`` says of the model.

        Raises:
            InvalidRequest: Its value can be no key.
            TransientError: KMS is throttled or does not answer.
        """
        for name in wanted:
            value = self._reader.opened(found, tenant, (name,), agent_id).get(name)
            if value is None:
                continue
            key = value.strip()
            if not key or not key.isascii() or not key.isprintable() or " " in key:
                raise InvalidRequest(f"The secret {name} is no API key: it is empty, or has characters that no key has")
            return key
        return None


def _scopes(tenant: str, agent_id: str | None) -> tuple[Scope, ...]:
    return (Scope(tenant),) if agent_id is None else (Scope(tenant, agent_id), Scope(tenant))
