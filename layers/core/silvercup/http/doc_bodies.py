"""What the routes of docs share: the fields of a body, the warning for a language, the switch for embeddings."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from silvercup.docs.languages import STANDARD, analyzer_of
from silvercup.errors import Problem
from silvercup.http import models
from silvercup.http.bodies import fields
from silvercup.values import JsonObject

WithEmbeddings = Annotated[bool, Query(alias="include_embeddings", description="Whether docs carry their vectors")]


def doc_fields(body: models.DocWrite | models.DocPatch | models.DocFile) -> JsonObject:
    """What a body says of a doc."""
    chunking = body.chunking
    return fields(body) | {"chunking": None if chunking is None else fields(chunking)}


def unknown_language(tag: str | None, loc: str) -> list[JsonObject]:
    """The warning for a language that has no analysis of its own."""
    if tag is None or analyzer_of(tag, loc) != STANDARD:
        return []
    return [Problem(loc, f"{tag!r} has no analysis of its own: words are matched as they are written").as_dict()]
