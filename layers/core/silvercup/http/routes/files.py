"""``/files``."""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query, Request
from starlette.responses import Response, StreamingResponse

from silvercup.errors import TooLarge
from silvercup.http import models
from silvercup.http.answers import answer
from silvercup.http.auth import Tenant
from silvercup.http.bodies import fields, read_body
from silvercup.http.context import Page, Strict, claim, existing_id, services
from silvercup.http.downloads import MAX_STREAMED, content_headers, disposition, with_content
from silvercup.http.openapi import json_body, shows, shows_list
from silvercup.http.rooms import new_router

router = new_router("Files")
_BYTES = {"description": "The file's bytes", "content": {"*/*": {"schema": {"type": "string", "format": "binary"}}}}
_ELSEWHERE = {"description": "A large file: the `Location` gives its bytes, without a key, for a quarter of an hour"}


@router.post("/files", status_code=201, responses=shows("File", 201), openapi_extra=json_body(models.FileWrite))
async def create_file(request: Request, tenant: Tenant, *, strict: Strict = False) -> Response:
    """Create a file: with its content, or with the `size` of what is uploaded then, to where the answer's `upload` says."""
    body = await read_body(request, models.FileWrite, strict=strict)
    claimed = await claim(request, tenant)
    made = services(request).files.create
    file = await asyncio.to_thread(made, tenant, fields(body.value), file_id=claimed.id, repeated=claimed.repeated)
    return answer(file, 201, warnings=body.warnings)


@router.get("/files", responses=shows_list("File"))
async def list_files(
    request: Request,
    tenant: Tenant,
    page: Page,
    project: Annotated[str | None, Query(description="The canonical name of the project they belong to")] = None,
) -> Response:
    """List files, without their content. The next page is found by `offset`."""
    return answer(services(request).files.list(tenant, page, project=project).items)


@router.get("/files/{id}", responses=shows("File"))
async def get_file(
    request: Request,
    tenant: Tenant,
    id: str,
    *,
    content: Annotated[bool, Query(description="Whether its content is shown, in base64")] = True,
) -> Response:
    """Get a file; while it is `pending`, with an `upload` and without content."""
    files = services(request).files
    file = await asyncio.to_thread(files.find, tenant, existing_id("File", id))
    if not content or not file.ready:
        return answer(file.shown)
    if file.size > MAX_STREAMED:
        raise TooLarge(
            f"The file has {file.size:,} bytes; over {MAX_STREAMED:,} its content is not shown as JSON: "
            f"GET /files/{id}/content gives it, and ?content=false leaves it out"
        )
    length, parts = with_content(file.shown, await asyncio.to_thread(files.chunks, file))
    headers = {"content-length": str(length)}
    return StreamingResponse(parts, headers=headers, media_type="application/json")


@router.get("/files/{id}/content", responses={200: _BYTES, 307: _ELSEWHERE})
async def get_file_content(request: Request, tenant: Tenant, id: str) -> Response:
    """Get a file's bytes, to be saved under its name."""
    files = services(request).files
    file = await asyncio.to_thread(files.find, tenant, existing_id("File", id))
    if file.size > MAX_STREAMED:
        url = files.download_url(file, disposition(file.shown["name"]))
        return Response(status_code=307, headers={"location": url, "cache-control": "no-store"})
    chunks = await asyncio.to_thread(files.chunks, file)
    return StreamingResponse(chunks, headers=content_headers(file.shown))


@router.post("/files/{id}/complete", responses=shows("File"))
async def complete_file(request: Request, tenant: Tenant, id: str) -> Response:
    """Say that a file was uploaded: its size and hash are checked, and it is `ready`. Reading it does the same."""
    file = await asyncio.to_thread(services(request).files.complete, tenant, existing_id("File", id))
    return answer(file)


@router.delete("/files/{id}", status_code=202, responses=shows("Deleted", 202))
async def delete_file(request: Request, tenant: Tenant, id: str) -> Response:
    """Delete a file."""
    return answer(services(request).files.delete(tenant, existing_id("File", id)), 202)
