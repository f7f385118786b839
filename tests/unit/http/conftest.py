"""The app over fakes, called through real ASGI."""

from __future__ import annotations

import anyio
import httpx
import pytest

from silvercup.http.app import create_app
from tests.unit.http.fakes import FakeContainer


class Api:
    """Requests to the app, one after the other, with the fixed key unless told otherwise."""

    def __init__(self, container: FakeContainer, *, stream_seconds: float = 840.0) -> None:
        self.container = container
        self.app = create_app(lambda: container, stream_seconds=stream_seconds)

    def __call__(self, method: str, path: str, **options) -> httpx.Response:
        options.setdefault("headers", {})
        options["headers"] = {"authorization": "Bearer fixed-key", **options["headers"]}
        return anyio.run(self._send, method, path, options)

    async def _send(self, method: str, path: str, options) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(method, path, **options)


@pytest.fixture
def container() -> FakeContainer:
    return FakeContainer()


@pytest.fixture
def api(container: FakeContainer) -> Api:
    return Api(container)
