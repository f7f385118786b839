"""Canonical names: unique per tenant and kind whatever their case, and made up where the caller gives none."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from silvercup.errors import ConditionFailed, Conflict
from silvercup.ids import hash128, now_us
from silvercup.resources.idempotency import RETRY_SECONDS
from silvercup.storage import Item, Key, Tables

GRACE_US = 60_000_000
"""How long a name is held for an entity that is not there (yet): its maker may still be at it."""
_TABLE = "core"
_FIRST = "amber bold brave bright calm clear crisp deep eager early fair fine fresh gentle glad golden grand green keen kind light lively lucky merry mild neat noble proud quick quiet rapid ready silver soft steady still sunny swift warm wise".split()
_SECOND = "aspen badger beacon birch brook canyon cedar cliff cloud comet coral crane creek dune eagle ember falcon fern finch fjord forest grove harbor hazel heron island lagoon lark maple meadow otter pine raven reef ridge river robin spruce summit willow".split()
_ATTEMPTS = 5
_LETTERS = "0123456789abcdefghijklmnopqrstuvwxyz"


def generated(entity_id: str, attempt: int = 0) -> str:
    """Two words and a suffix of three characters, always the same for one id, so that a repeated POST agrees with itself."""
    number = int.from_bytes(hash128("name", entity_id, str(attempt)))
    number, first = divmod(number, len(_FIRST))
    number, second = divmod(number, len(_SECOND))
    suffix = ""
    for _ in range(3):
        number, letter = divmod(number, len(_LETTERS))
        suffix += _LETTERS[letter]
    return f"{_FIRST[first]}_{_SECOND[second]}_{suffix}"


class Names:
    """The names of one kind of entity: an item per name that says who holds it.

    Args:
        tables: Where they are kept.
        kind: ``agent``, ...
        held: (tenant, entity id, name) -> whether that entity exists and carries the name; asked only when a name is taken.
        field: What the API calls the name.
        fold: Whether case does not matter.
    """

    def __init__(
        self,
        tables: Tables,
        kind: str,
        held: Callable[[str, str, str], bool],
        *,
        field: str = "canonical_name",
        fold: bool = True,
    ) -> None:
        self._tables = tables
        self._kind = kind
        self._held = held
        self._field = field
        self._fold = fold

    def take(self, tenant: str, name: str, entity_id: str, scope: str = "", once: str = "") -> None:
        """Reserve a name; taking one's own again changes nothing.

        Args:
            tenant: Whose.
            name: The name.
            entity_id: Who will carry it.
            scope: Inside what it has to be unique, where that is not the tenant.
            once: See ``Claim.once``.

        Raises:
            Conflict: Another entity has it.
        """
        item: Item = {
            "pk": self._pk(tenant, name, scope),
            "kind": "name",
            "id": entity_id,
            "name": name,
            "at": now_us(),
            **({"once": once} if once else {}),
        }
        try:
            self._tables.put(_TABLE, item, if_absent=True)
        except ConditionFailed as failure:
            found = failure.found or {}
        else:
            return
        owner, at = str(found.get("id", "")), int(found.get("at", 0))
        if owner == entity_id:
            return
        case = " (case does not matter)" if self._fold else ""
        taken = Conflict(f"The {self._field} {name!r} belongs to another {self._kind}{case}")
        if owner and (item["at"] - at < GRACE_US or self._held(tenant, owner, name)):
            raise taken
        try:
            self._tables.put(_TABLE, item, condition="#id = :owner AND #at = :at", args={"owner": owner, "at": at})
        except ConditionFailed:
            raise taken from None

    def take_generated(self, tenant: str, entity_id: str) -> str:
        """Reserve a made-up name, and return it."""
        for attempt in range(_ATTEMPTS):
            name = generated(entity_id, attempt)
            try:
                self.take(tenant, name, entity_id)
            except Conflict:
                continue
            return name
        raise Conflict("No free canonical_name was found; give one", should_retry=True)

    def owner(self, tenant: str, name: str) -> str | None:
        """The id of the entity that holds a name."""
        found = self._tables.get(Key(_TABLE, self._pk(tenant, name)))
        return None if found is None else str(found["id"])

    def first(self, tenant: str, name: str, once: str, scope: str = "") -> str | None:
        """The id under which an earlier attempt of the same POST has reserved a name."""
        found = self._tables.get(Key(_TABLE, self._pk(tenant, name, scope))) or {}
        fresh = now_us() - int(found.get("at", 0)) < RETRY_SECONDS * 1_000_000
        return str(found["id"]) if fresh and found.get("once") == once else None

    def release(self, tenant: str, name: str, entity_id: str, scope: str = "") -> None:
        """Give a name back, if the entity still holds it."""
        key = Key(_TABLE, self._pk(tenant, name, scope))
        with suppress(ConditionFailed):
            self._tables.delete(key, condition="#id = :owner", args={"owner": entity_id})

    def _pk(self, tenant: str, name: str, scope: str = "") -> str:
        within = f"{scope}#" if scope else ""
        return f"{tenant}#name#{self._kind}#{within}{name.lower() if self._fold else name}"
