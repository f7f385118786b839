"""Settings that can't work are refused."""

from __future__ import annotations

from typing import Any

import pytest

from silvercup.adapters.opensearch.settings import Engine, OpenSearchSettings, Service


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"endpoint": "search.example"}, "is a URL"),
        ({"service": "s3"}, "es, aoss or empty"),
        ({"engine": "nmslib"}, "lucene, faiss or none"),
        ({"service": "aoss", "region": "eu-west-1", "engine": "lucene"}, "choose none"),
        ({"service": "es"}, "a region is needed"),
        ({"attempts": 0}, "1 or more"),
    ],
)
def test_what_cant_work_is_refused(wrong: dict[str, Any], message: str):
    whole: dict[str, Any] = {"endpoint": "https://search.example"} | wrong
    with pytest.raises(ValueError, match=message):
        OpenSearchSettings(**whole)


@pytest.mark.parametrize(
    ("service", "engine", "chosen", "makes_ids"),
    [
        ("", None, "lucene", False),
        ("es", None, "lucene", False),
        ("es", "faiss", "faiss", False),
        ("aoss", None, "none", True),
        ("aoss", "faiss", "faiss", True),
    ],
)
def test_the_service_decides_what_is_not_said(service: Service, engine: Engine | None, chosen: Engine, makes_ids: bool):
    settings = OpenSearchSettings("https://search.example", service, engine, region="eu-west-1")
    assert (settings.chosen_engine, settings.makes_ids) == (chosen, makes_ids)


def test_a_password_is_not_shown():
    assert "secret" not in repr(OpenSearchSettings("https://admin:secret@search.example"))
