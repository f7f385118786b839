"""The same API for the Lambda Web Adapter, which streams answers as they come; started by ``run.sh``."""

from __future__ import annotations

from silvercup import container
from silvercup.http.app import create_app

app = create_app(container.current)
