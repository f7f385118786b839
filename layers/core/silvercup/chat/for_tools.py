"""Chats and histories as system tools ask for them."""

from __future__ import annotations

from dataclasses import replace

from silvercup.chat.bodies import request_of
from silvercup.chat.history import MAX_LIMIT, SOURCES, HistoryQuery, HistoryService
from silvercup.chat.service import ChatService
from silvercup.ids import uuid7
from silvercup.values import JsonObject


class ChatsForTools:
    """What a system tool can do with the chats of sessions.

    Args:
        chats: Chats.
        histories: Histories.
    """

    def __init__(self, chats: ChatService, histories: HistoryService) -> None:
        self._chats = chats
        self._histories = histories

    def chat(self, tenant: str, session_id: str, body: JsonObject) -> JsonObject:
        """A chat, with the body of a request; it is never streamed.

        Raises:
            NotFound, InvalidRequest, ContextOverflow, ModelRejected, ModelUnavailable: As ``ChatService.chat``.
        """
        return self._chats.chat(tenant, session_id, replace(request_of(body, id_=uuid7()), by_model=True))

    def history(
        self, tenant: str, session_id: str, *, limit: int | None = None, offset: int = 0, newest_first: bool = False
    ) -> JsonObject:
        """A history or a part of it, with the traffic of tools.

        Raises:
            NotFound: There is no such session.
            InvalidRequest: ``limit`` or ``offset`` is out of range.
        """
        wanted = HistoryQuery(MAX_LIMIT if limit is None else limit, offset, newest_first, SOURCES)
        return self._histories.list(tenant, session_id, wanted)
