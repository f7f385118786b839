"""Chats and histories as system tools ask for them."""

from __future__ import annotations

from dataclasses import replace

from silvercup.chat.bodies import request_of
from silvercup.chat.history import MAX_LIMIT, SOURCES, HistoryQuery, HistoryService
from silvercup.chat.service import ChatService
from silvercup.ids import uuid7
from silvercup.paging import ListQuery
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

    def history(self, tenant: str, session_id: str, query: ListQuery) -> JsonObject:
        """A page of a history, with the traffic of tools.

        Raises:
            NotFound: There is no such session.
        """
        limit = min(query.limit, MAX_LIMIT)
        wanted = HistoryQuery(limit, query.offset, query.direction == "desc", SOURCES, query.cursor)
        return self._histories.list(tenant, session_id, wanted)
