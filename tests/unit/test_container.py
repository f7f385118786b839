"""The container: lazy, and one for the process unless another is installed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from silvercup import container
from silvercup.container import Container
from silvercup.errors import InternalError
from silvercup.settings import Settings


@pytest.fixture(autouse=True)
def nothing_installed() -> Iterator[None]:
    container.install(None)
    yield
    container.install(None)


def test_the_environment_is_read_once(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("SILVERCUP_CORE_TABLE", "mine")
    first = container.current()
    monkeypatch.setenv("SILVERCUP_CORE_TABLE", "other")
    assert container.current() is first
    assert first.settings.core_table == "mine"


def test_an_installed_one_wins_until_it_is_taken_away():
    mine = Container(Settings(core_table="mine"))
    container.install(mine)
    assert container.current() is mine
    container.install(None)
    assert container.current() is not mine


def test_a_part_is_made_once():
    mine = Container(Settings(endpoint_url="http://127.0.0.1:9"))
    assert mine.tables is mine.tables
    assert mine.signing_keys is mine.signing_keys


@pytest.mark.parametrize("text", ["", "x", "[]", '{"a": 1}'])
def test_addresses_of_providers_that_are_none_are_named(text: str):
    with pytest.raises(InternalError, match="SILVERCUP_TOOL_URLS must be a JSON object"):
        _ = Container(Settings(tool_urls=text)).tool_runner


@pytest.mark.parametrize(
    ("part", "not_imported"),
    [
        ("settings", {"botocore", "anthropic", "fastapi", "yaml"}),
        ("tables", {"boto3", "anthropic", "fastapi"}),
        ("models", {"botocore", "anthropic", "fastapi"}),
    ],
)
def test_a_part_imports_only_what_it_needs(part: str, not_imported: set[str]):
    code = (
        "import sys; from silvercup.container import Container; from silvercup.settings import Settings; "
        f"Container(Settings()).{part}; print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert not not_imported & set(done.stdout.split())
