"""Write ``docs/openapi.json``: what ``GET /openapi.json`` answers. Run it as ``make openapi`` after a change to the routes or their models."""

from __future__ import annotations

import json
from pathlib import Path

from silvercup.http.app import create_app

FILE = Path(__file__).parent.parent / "docs" / "openapi.json"


def text() -> str:
    """The document as it is committed."""
    return json.dumps(create_app(object).openapi(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
