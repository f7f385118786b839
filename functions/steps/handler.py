"""The function ``steps``: what state machines call."""

from __future__ import annotations

from typing import Any

from silvercup import container


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:
    """Run one block of an execution; see ``silvercup.runtime.dispatch.Runtime.invoke``."""
    del context
    return container.current().runtime.invoke(event)
