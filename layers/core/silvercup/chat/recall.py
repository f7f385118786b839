"""The docs that a chat recalls: what its last messages are about, looked for among the docs of the active agent and of all users."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from silvercup.docs.documents import DocOwner
from silvercup.docs.languages import analyzer_of
from silvercup.docs.query import Clause, TextQuery
from silvercup.docs.search import DocSearch, SearchRequest
from silvercup.storage import Item
from silvercup.values import JsonObject

DEFAULTS: JsonObject = {
    "mode": "vector",
    "limit": 10,
    "lang": "en-US",
    "metadata_filter": {},
    "num_search_messages": 4,
    "max_query_length": 1000,
    "include_embeddings": True,
    "confidence": None,
    "mmr_strength": 0.5,
    "alpha": 0.5,
    "k_multiplier": 7,
    "trigram_similarity_threshold": None,
}
"""v1's, but for ``confidence``: None is the embedder's own."""


class Recall:
    """Looks for docs.

    Args:
        search: Finds them.
    """

    def __init__(self, search: DocSearch) -> None:
        self._search = search

    def find(
        self,
        tenant: str,
        owners: Sequence[DocOwner],
        options: JsonObject | None,
        messages: Sequence[JsonObject],
        pointer: Item | None,
    ) -> list[JsonObject]:
        """The docs for a conversation.

        Args:
            tenant: Whose.
            owners: Whose docs are looked through.
            options: The session's ``recall_options``.
            messages: What was said, ending with what is new.
            pointer: The item ``docs.generations.POINTER``, as just read.

        Returns:
            ``DocReference``s as the API shows them, the best first.

        Raises:
            InvalidRequest, Conflict, ModelRejected, ModelUnavailable: As ``DocSearch.find``.
        """
        if pointer is None or not owners:
            return []
        chosen = {**DEFAULTS, **(options or {})}
        said = spoken(messages)[-int(chosen["num_search_messages"]) :]
        if not said:
            return []
        request = search_request(chosen, said)
        if request is None:
            return []
        return self._search.references(tenant, owners, request, pointer)


def spoken(messages: Sequence[JsonObject]) -> list[JsonObject]:
    """The messages of users and agents that say something in text."""
    return [
        {**message, "content": text}
        for message in messages
        if message["role"] in {"user", "assistant"} and (text := text_of(message.get("content"))).strip()
    ]


def text_of(content: Any) -> str:
    """The text of a message's content, without its images."""
    if isinstance(content, str):
        return content
    parts: list[Any] = content or []
    return "\n".join(part if isinstance(part, str) else str(part.get("text") or "") for part in parts)


def search_request(options: JsonObject, said: Sequence[JsonObject]) -> SearchRequest | None:
    """What is looked for; None where the last message has no word that says something and words are all there is to look for.

    The direction is that of all the messages, ``name: text`` each, their last ``max_query_length`` characters; the words are those of the
    last message, its first ``max_query_length`` characters (v1's rules).
    """
    most = int(options["max_query_length"])
    mode = options["mode"]
    last = str(said[-1]["content"]).strip()[:most]
    talk = "\n\n".join(f"{message.get('name') or message['role']}: {message['content']}" for message in said)[-most:]
    words = None
    if mode != "vector":
        from silvercup.docs.keywords import keywords

        names = keywords(last)
        clauses = tuple(Clause(name, phrase=" " in name) for name in names)
        words = TextQuery(optional=clauses, language=analyzer_of(options["lang"]))
        if not names and mode == "text":
            return None
    return SearchRequest(
        text=last if mode != "vector" else talk,
        embed=talk,
        words=words,
        mode=mode,
        limit=int(options["limit"]),
        confidence=options["confidence"],
        alpha=options["alpha"],
        mmr_strength=0.0 if mode == "text" else options["mmr_strength"],
        k_multiplier=max(1, min(int(options["k_multiplier"]), 10)),
        metadata_filter=options["metadata_filter"] or {},
        lang=options["lang"],
        trigram_similarity_threshold=options["trigram_similarity_threshold"],
        include_embeddings=options["include_embeddings"],
    )
