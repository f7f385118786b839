"""``/agents|users/{id}/docs`` and ``/search``."""

from __future__ import annotations

import asyncio

from fastapi import Request
from starlette.responses import Response

from silvercup.docs.documents import DocOwner
from silvercup.docs.search import SearchRequest
from silvercup.http import models
from silvercup.http.answers import answer, page_answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import read_body
from silvercup.http.context import Page, Strict, claim, existing_id, services
from silvercup.http.doc_bodies import WithEmbeddings, doc_fields, source_of, unknown_language
from silvercup.http.openapi import json_body, shows, shows_items
from silvercup.http.rooms import new_router
from silvercup.resources.members import Role

router = new_router("Docs")


def _owner(role: Role, text: str) -> DocOwner:
    return DocOwner(role, existing_id(role.capitalize(), text))


def _wanted(body: models.DocSearch) -> SearchRequest:
    return SearchRequest(
        text=body.text,
        vector=body.vector,
        mode=body.mode,
        limit=body.limit,
        confidence=body.confidence,
        alpha=body.alpha,
        mmr_strength=body.mmr_strength,
        k_multiplier=body.k_multiplier,
        metadata_filter=body.metadata_filter or {},
        lang=body.lang,
        trigram_similarity_threshold=body.trigram_similarity_threshold,
        include_embeddings=body.include_embeddings,
    )


def _add_routes(role: Role) -> None:
    """The routes of one kind of owner."""
    at = f"/{role}s/{{id}}"

    async def create(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
        owner = _owner(role, id)
        body = await read_body(request, models.DocWrite, strict=strict)
        claimed = await claim(request, tenant)
        given = doc_fields(body.value)
        doc = services(request).docs.create(tenant, owner, given, doc_id=claimed.id, repeated=claimed.repeated)
        return answer(doc, 201, warnings=[*body.warnings, *unknown_language(body.value.language, "language")])

    async def create_of_file(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
        from silvercup.docs.extraction import extract

        owner = _owner(role, id)
        body = await read_body(request, models.DocFile, strict=strict)
        file = body.value
        source = await asyncio.to_thread(source_of, services(request).files, tenant, file)
        extracted = await asyncio.to_thread(extract, source.data, name=source.name, mime_type=source.mime_type)
        claimed = await claim(request, tenant)
        given = doc_fields(file) | {"title": file.title or extracted.title[:800], "content": extracted.text}
        doc = services(request).docs.create(tenant, owner, given, doc_id=claimed.id, repeated=claimed.repeated)
        return answer(doc, 201, warnings=[*body.warnings, *unknown_language(file.language, "language")])

    async def list_all(
        request: Request, tenant: Tenant, id: str, page: Page, *, include_embeddings: WithEmbeddings = True
    ) -> Response:
        found = services(request).docs.list(tenant, _owner(role, id), page, embeddings=include_embeddings)
        return page_answer(found)

    async def delete_many(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
        owner = _owner(role, id)
        body = await read_body(request, models.DocsDelete, strict=strict)
        wanted, everything = body.value.metadata_filter or {}, body.value.delete_all
        docs = services(request).docs
        gone = await asyncio.to_thread(docs.delete_many, tenant, owner, wanted, delete_all=everything)
        return answer({"items": gone}, 202, warnings=body.warnings)

    async def delete(request: Request, tenant: Tenant, id: str, doc_id: str) -> Response:
        return answer(services(request).docs.delete(tenant, existing_id("Doc", doc_id), _owner(role, id)), 202)

    async def search(request: Request, tenant: Tenant, id: str, *, strict: Strict = False) -> Response:
        owner = _owner(role, id)
        body = await read_body(request, models.DocSearch, strict=strict)
        wanted = _wanted(body.value)
        found = await asyncio.to_thread(services(request).doc_search.search, tenant, owner, wanted)
        return answer(found, warnings=[*body.warnings, *unknown_language(body.value.lang, "lang")])

    a = "an agent" if role == "agent" else "a user"
    router.post(
        f"{at}/docs",
        name=f"create_{role}_doc",
        description=f"Create a doc of {a}; it is found once its `embedding_status` is `ready`.",
        status_code=201,
        responses=shows("Doc", 201),
        openapi_extra=json_body(models.DocWrite),
    )(create)
    router.post(
        f"{at}/docs/file",
        name=f"create_{role}_doc_of_file",
        description=f"Create a doc of {a} of a file: plain text, Markdown, HTML or PDF.",
        status_code=201,
        responses=shows("Doc", 201),
        openapi_extra=json_body(models.DocFile),
    )(create_of_file)
    router.get(
        f"{at}/docs", name=f"list_{role}_docs", description=f"List the docs of {a}.", responses=shows_items("Doc")
    )(list_all)
    router.delete(
        f"{at}/docs",
        name=f"delete_{role}_docs",
        description=f"Delete the docs of {a} whose metadata contain a filter, or all of them.",
        status_code=202,
        responses=shows("DocsDeleted", 202),
        openapi_extra=json_body(models.DocsDelete),
    )(delete_many)
    router.delete(
        f"{at}/docs/{{doc_id}}",
        name=f"delete_{role}_doc",
        description=f"Delete a doc of {a}.",
        status_code=202,
        responses=shows("Deleted", 202),
    )(delete)
    router.post(
        f"{at}/search",
        name=f"search_{role}_docs",
        description=f"Search the docs of {a}: by words, by meaning, or by both.",
        responses=shows("DocsFound"),
        openapi_extra=json_body(models.DocSearch),
    )(search)


_add_routes("agent")
_add_routes("user")
