"""The indexes of a deployment."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import cached_property
from typing import Any, Self

from silvercup.adapters.opensearch.client import Refused, Requests, make_client
from silvercup.adapters.opensearch.index import OpenSearchIndex
from silvercup.adapters.opensearch.mapping import index_body, spec_of
from silvercup.adapters.opensearch.settings import OpenSearchSettings
from silvercup.docs.index import IndexSpec
from silvercup.errors import Conflict, InternalError, TransientError

_NAME = re.compile(r"[a-z0-9-]{1,200}")


class OpenSearchIndexes:
    """``DocIndexes`` over the indexes of one endpoint whose names start with the prefix; it connects when it is first used."""

    def __init__(self, settings: OpenSearchSettings, *, sleep: Callable[[float], None] = time.sleep) -> None:
        """The indexes of an endpoint.

        Args:
            settings: Which.
            sleep: What waits between two attempts of one request.
        """
        self._settings = settings
        self._sleep = sleep

    @cached_property
    def _requests(self) -> Requests:
        return Requests(make_client(self._settings), self._settings.attempts, self._sleep)

    def create(self, name: str, spec: IndexSpec) -> None:
        """See ``DocIndexes.create``.

        Raises:
            Conflict: It is there with another spec.
            InternalError: There is an index of that name that was not made here.
            TransientError: Somebody is making it right now, too.
        """
        there = self.open(name)
        if there is None:
            if self._made(name, spec):
                return
            there = self.open(name)
            if there is None:
                raise TransientError(f"index {name} is being made; it may work later")
        if there.spec != spec:
            raise Conflict(
                f"index {name} holds vectors of {there.spec.model} with {there.spec.dimensions} dimensions, not of "
                f"{spec.model} with {spec.dimensions}; run `silvercup reindex` to make it anew"
            )

    def _made(self, name: str, spec: IndexSpec) -> bool:
        """Make an index; False when it is there already."""
        body = index_body(spec, self._settings.chosen_engine)
        whole = self._whole(name)
        try:
            self._requests.send("create", lambda: self._requests.client.indices.create(index=whole, body=body))
        except Refused as refused:
            if refused.kind == "resource_already_exists_exception":
                return False
            raise
        return True

    def open(self, name: str) -> OpenSearchIndex | None:
        """See ``DocIndexes.open``.

        Raises:
            InternalError: There is an index of that name that was not made here.
        """
        whole = self._whole(name)
        try:
            answer: dict[str, Any] = self._requests.send(
                "get_mapping", lambda: self._requests.client.indices.get_mapping(index=whole)
            )
        except Refused as refused:
            if refused.status == 404:
                return None
            raise
        spec = spec_of(answer.get(whole, {}).get("mappings", {}))
        if spec is None:
            raise InternalError(
                f"the OpenSearch index {whole} was not made by silvercup; drop it or choose another prefix"
            )
        return OpenSearchIndex(self._requests, whole, spec, makes_ids=self._settings.makes_ids)

    def drop(self, name: str) -> None:
        """See ``DocIndexes.drop``."""
        whole = self._whole(name)
        try:
            self._requests.send("delete", lambda: self._requests.client.indices.delete(index=whole))
        except Refused as refused:
            if refused.status != 404:
                raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        if "_requests" in self.__dict__:
            self._requests.client.close()

    def _whole(self, name: str) -> str:
        """An index's whole name.

        Raises:
            ValueError: The name has other characters than lower-case letters, digits and hyphens; ``*`` would be every index.
        """
        if not _NAME.fullmatch(name):
            raise ValueError(f"an index's name has lower-case letters, digits and hyphens, not {name!r}")
        return f"{self._settings.prefix}{name}"
