"""The same API for the Lambda Web Adapter, which streams answers as they come; started by ``run.sh``."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fastapi import FastAPI


def _make() -> FastAPI:
    """The app; what is imported for it stays for good, so the collector neither looks for garbage meanwhile nor looks through it later."""
    gc.disable()
    try:
        from silvercup import container
        from silvercup.http.app import create_app

        return create_app(container.current)
    finally:
        gc.freeze()
        gc.enable()


app = _make()
