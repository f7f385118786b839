"""What each function takes along."""

from __future__ import annotations

import re

import pytest

from local.template import TEMPLATE

LOCKED = TEMPLATE.parent / "requirements"


def packages(name: str) -> set[str]:
    return set(re.findall(r"^([a-z0-9-]+)==", (LOCKED / f"{name}.txt").read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("function", ["stream", "prompts"])
def test_who_asks_models_has_their_sdks(function: str):
    assert {"anthropic", "openai", "boto3"} <= packages(function) | packages("core")
