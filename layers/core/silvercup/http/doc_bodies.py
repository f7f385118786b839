"""What the routes of docs share: the fields of a body, the warning for a language, the switch for embeddings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query

from silvercup.docs.documents import MAX_SOURCE
from silvercup.docs.languages import STANDARD, analyzer_of
from silvercup.errors import InvalidShape, Problem
from silvercup.http import models
from silvercup.http.bodies import fields
from silvercup.resources.file_fields import decoded
from silvercup.resources.files import FileService
from silvercup.values import JsonObject

WithEmbeddings = Annotated[bool, Query(alias="include_embeddings", description="Whether docs carry their vectors")]


def doc_fields(body: models.DocWrite | models.DocPatch | models.DocFile) -> JsonObject:
    """What a body says of a doc."""
    chunking = body.chunking
    return fields(body) | {"chunking": None if chunking is None else fields(chunking)}


@dataclass(frozen=True, slots=True)
class Source:
    """What a doc is made of.

    Attributes:
        data: The bytes of a file.
        name: Its name.
        mime_type: Its type; empty: it has to be told from the rest.
    """

    data: bytes
    name: str
    mime_type: str


def source_of(files: FileService, tenant: str, body: models.DocFile) -> Source:
    """The file that a body has in it, or names.

    Raises:
        InvalidShape: It has both or neither, or no name.
        NotFound, Conflict, TooLarge: There is no such file, it was not uploaded yet, or is over ``MAX_SOURCE``.
    """
    if (body.content is None) == (body.file_id is None):
        raise _wrong("content", "Send the file's content or the file_id of a file, one of them")
    if body.content is not None:
        if body.name is None:
            raise _wrong("name", "The file's name is missing")
        return Source(decoded(body.content), body.name, body.mime_type or "")
    file = files.find(tenant, str(body.file_id))
    mime_type = body.mime_type or file.shown["mime_type"] or ""
    return Source(files.read(file, MAX_SOURCE), body.name or file.shown["name"], mime_type)


def _wrong(loc: str, message: str) -> InvalidShape:
    return InvalidShape(f"{loc}: {message}", [Problem(loc, message)])


def unknown_language(tag: str | None, loc: str) -> list[JsonObject]:
    """The warning for a language that has no analysis of its own."""
    if tag is None or analyzer_of(tag, loc) != STANDARD:
        return []
    return [Problem(loc, f"{tag!r} has no analysis of its own: words are matched as they are written").as_dict()]
