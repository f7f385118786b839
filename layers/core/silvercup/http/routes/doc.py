"""``/docs/{id}`` and ``/embed``."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.responses import Response

from silvercup.docs.documents import readable
from silvercup.http import models
from silvercup.http.answers import answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import read_body
from silvercup.http.context import Strict, existing_id, services
from silvercup.http.doc_bodies import WithEmbeddings, doc_fields, unknown_language
from silvercup.http.openapi import json_body, shows
from silvercup.http.rooms import new_router

router = new_router("Docs")


@router.get("/docs/{id}", responses=shows("Doc"))
async def get_doc(request: Request, tenant: Tenant, id: str, *, include_embeddings: WithEmbeddings = True) -> Response:
    """Get a doc."""
    return answer(services(request).docs.get(tenant, existing_id("Doc", id), embeddings=include_embeddings))


@router.put("/docs/{id}", responses=shows("Doc"), openapi_extra=json_body(models.DocWrite))
async def replace_doc(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Write a doc anew: what is absent gets its default."""
    doc_id = existing_id("Doc", id)
    body = await read_body(request, models.DocWrite, strict=strict)
    doc = services(request).docs.replace(tenant, doc_id, doc_fields(body.value))
    return answer(doc, warnings=[*body.warnings, *unknown_language(body.value.language, "language")])


@router.patch("/docs/{id}", responses=shows("Doc"), openapi_extra=json_body(models.DocPatch))
async def update_doc(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
    """Change what is given; metadata is merged."""
    doc_id = existing_id("Doc", id)
    body = await read_body(request, models.DocPatch, strict=strict)
    doc = services(request).docs.update(tenant, doc_id, doc_fields(body.value))
    return answer(doc, warnings=[*body.warnings, *unknown_language(body.value.language, "language")])


@router.delete("/docs/{id}", status_code=202, responses=shows("Deleted", 202))
async def delete_doc(request: Request, tenant: Tenant, id: str) -> Response:
    """Delete a doc."""
    return answer(services(request).docs.delete(tenant, existing_id("Doc", id)), 202)


@router.post("/embed", responses=shows("Vectors"), openapi_extra=json_body(models.Embed))
async def embed(request: Request, tenant: Tenant, *, strict: Strict = False) -> Response:
    """Embed texts, as docs and queries are."""
    del tenant
    body = await read_body(request, models.Embed, strict=strict)
    texts = [body.value.text] if isinstance(body.value.text, str) else body.value.text
    before = body.value.embed_instruction or ""
    vectors = await asyncio.to_thread(services(request).embedder.embed, [before + text for text in texts])
    return answer({"vectors": [readable(vector) for vector in vectors]}, warnings=body.warnings)
