"""Operations on docs: of an agent, of a user, or of either where it is named."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from silvercup.errors import ToolFailed
from silvercup.tools.system.operation import Operation, Request
from silvercup.tools.system.schemas import LISTING, METADATA, choice, flag, number, obj, text, texts, uuid
from silvercup.values import JsonObject

if TYPE_CHECKING:
    from silvercup.docs.documents import DocOwner

_EMBEDDINGS: JsonObject = {
    "include_embeddings": flag("Whether vectors are shown, hundreds of numbers each; false when absent")
}
FIELDS: JsonObject = {
    "title": text("The doc's title", 800, shortest=1),
    "content": texts("Its text, or a list of texts"),
    "metadata": METADATA,
    "embed_instruction": text("Stands before each chunk when it is embedded", 1_000),
    "language": text("A BCP 47 tag; en-US when absent", 40),
    "chunking": obj("How a long text is split: {max_chars, overlap}"),
}
SEARCH: JsonObject = {
    "text": text("Words to look for; with mode vector or hybrid their meaning as well"),
    "vector": {"type": "array", "items": {"type": "number"}, "minItems": 1, "description": "A direction to look in"},
    "mode": choice("By what is given when absent: text searches words", "text", "vector", "hybrid"),
    "limit": number("How many chunks at most; 10 when absent", 1, 50, whole=True),
    "confidence": number("The smallest cosine that counts", -1, 1),
    "alpha": number("The weight of meaning against words; 0.75 when absent", 0, 1),
    "mmr_strength": number("Variety against nearness, below 1; 0 when absent", 0, 0.999_999),
    "k_multiplier": number("How much more is looked at before both are put in order", 1, 10, whole=True),
    "metadata_filter": obj("What a doc's metadata must contain"),
    "lang": text("The language of text, a BCP 47 tag; en-US when absent", 40),
    "trigram_similarity_threshold": number("With it, words spelled a little differently match as well", 0, 1),
    **_EMBEDDINGS,
}
_ID: JsonObject = {"doc_id": uuid("The doc's id")}
_OWNERS: JsonObject = {
    "agent": {"agent_id": uuid("The agent whose docs are meant; the calling agent when absent")},
    "user": {"user_id": uuid("The user whose docs are meant")},
}
_EITHER: JsonObject = {
    "agent_id": uuid("The agent whose docs are meant; the calling agent when no user is named either"),
    "user_id": uuid("The user whose docs are meant"),
}
_FILE: JsonObject = {
    "file_id": uuid("A stored file (plain text, Markdown, HTML or PDF) whose text becomes the doc, in place of content")
}
_IDS = ("agent_id", "user_id", "doc_id", "include_embeddings")


def _owner(request: Request) -> DocOwner:
    from silvercup.docs.documents import DocOwner

    agent, user = request.arguments.get("agent_id"), request.arguments.get("user_id")
    if agent and user:
        raise ToolFailed("docs belong to an agent or to a user: give agent_id or user_id, not both")
    if user:
        return DocOwner("user", user)
    agent = agent or request.call.agent_id
    if not agent:
        raise ToolFailed("docs belong to an agent or to a user: give agent_id or user_id")
    return DocOwner("agent", agent)


def _embeddings(request: Request) -> bool:
    return request.arguments.get("include_embeddings", False)


def _create(request: Request) -> JsonObject:
    owner, fields = _owner(request), request.fields(*_IDS, *_FILE)
    if "file_id" in request.arguments:
        fields = _text_of(request) | fields
    if missing := [name for name in ("title", "content") if name not in fields]:
        raise ToolFailed(f"{' and '.join(missing)} must be given, or a file_id, whose file's text and title they are")
    made = request.services.docs.create
    return made(request.tenant, owner, fields, doc_id=request.made_id, repeated=request.repeated)


def _text_of(request: Request) -> JsonObject:
    """The title and the text of the file that is named."""
    from silvercup.docs.documents import MAX_SOURCE
    from silvercup.docs.extraction import MAX_TITLE, extract

    if "content" in request.arguments:
        raise ToolFailed("content and file_id are both given; the text of a doc is one of them")
    files = request.services.files
    file = files.find(request.tenant, request.arguments["file_id"])
    data = files.read(file, MAX_SOURCE)
    extracted = extract(data, name=file.shown["name"], mime_type=file.shown["mime_type"] or "")
    return {"title": extracted.title[:MAX_TITLE], "content": extracted.text}


def _list(request: Request) -> list[JsonObject]:
    owner, embeddings = _owner(request), _embeddings(request)
    return request.services.docs.list(request.tenant, owner, request.page(), embeddings=embeddings).items


def _get(request: Request) -> JsonObject:
    return request.services.docs.get(request.tenant, request.arguments["doc_id"], embeddings=_embeddings(request))


def _replace(request: Request) -> JsonObject:
    return request.services.docs.replace(request.tenant, request.arguments["doc_id"], request.fields(*_IDS))


def _patch(request: Request) -> JsonObject:
    return request.services.docs.update(request.tenant, request.arguments["doc_id"], request.fields(*_IDS))


def _delete(request: Request) -> JsonObject:
    named = any(key in request.arguments for key in ("agent_id", "user_id"))
    owner = _owner(request) if named else None
    return request.services.docs.delete(request.tenant, request.arguments["doc_id"], owner)


def _search(request: Request) -> JsonObject:
    from silvercup.docs.search import SearchRequest

    defaults: JsonObject = {"alpha": 0.75, "mmr_strength": 0.0, "include_embeddings": False}
    asked: Any = SearchRequest(**{**defaults, **request.fields("agent_id", "user_id")})
    return request.services.doc_search.search(request.tenant, _owner(request), asked)


def _embed(request: Request) -> JsonObject:
    from silvercup.docs.documents import readable

    given: str | list[str] = request.arguments["text"]
    before = request.arguments.get("embed_instruction", "")
    several = [given] if isinstance(given, str) else given
    vectors = request.services.embedder.embed([before + one for one in several])
    return {"vectors": [readable(vector) for vector in vectors]}


def _of(owner: JsonObject, required: tuple[str, ...], *, own_agent: bool, whose: str) -> dict[str, Operation]:
    return {
        "list": Operation(
            f"List the docs of {whose}", _list, {**owner, **LISTING, **_EMBEDDINGS}, required, own_agent=own_agent
        ),
        "create": Operation(
            f"Create a doc of {whose}",
            _create,
            {**owner, **FIELDS, **_FILE},
            required,
            own_agent=own_agent,
        ),
        "delete": Operation(
            f"Delete a doc of {whose}", _delete, {**owner, **_ID}, (*required, "doc_id"), own_agent=own_agent
        ),
        "search": Operation(f"Search the docs of {whose}", _search, {**owner, **SEARCH}, required, own_agent=own_agent),
    }


def _named(prefix: str, operations: dict[str, Operation]) -> dict[str, Operation]:
    return {f"{prefix}.{name}": operation for name, operation in operations.items()}


OPERATIONS = {
    **_named("agent/doc", _of(_OWNERS["agent"], ("agent_id",), own_agent=True, whose="an agent")),
    **_named("user/doc", _of(_OWNERS["user"], ("user_id",), own_agent=False, whose="a user")),
    **_named("doc", _of(_EITHER, (), own_agent=False, whose="an agent or a user")),
    "doc.get": Operation("Get a doc", _get, _ID | _EMBEDDINGS, ("doc_id",)),
    "doc.update": Operation(
        "Write a doc anew: what is absent gets its default", _replace, _ID | FIELDS, ("doc_id", "title", "content")
    ),
    "doc.patch": Operation("Change what is given of a doc", _patch, _ID | FIELDS, ("doc_id",)),
    "doc.embed": Operation(
        "Make vectors of texts, as docs and searches have them",
        _embed,
        {
            "text": texts("A text, or a list of texts", 100),
            "embed_instruction": text("Stands before each text when it is embedded", 1_000),
        },
        ("text",),
    ),
}
