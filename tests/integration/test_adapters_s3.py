"""Bodies over a real client and moto's S3."""

from __future__ import annotations

from uuid import uuid4

import pytest

from silvercup.adapters.aws import Clients, Refused
from silvercup.adapters.s3 import S3Blobs
from tests.support.moto_aws import BUCKET


@pytest.fixture
def blobs(aws: Clients) -> S3Blobs:
    return S3Blobs(aws.get("s3"), BUCKET)


@pytest.fixture
def name() -> str:
    return f"test/{uuid4()}/ü ?#%2F.json"


@pytest.mark.parametrize("body", [b"", b"\x00\xff\r\n", b"x" * 6_000_000], ids=["empty", "binary", "six megabytes"])
def test_a_body_is_read_as_it_was_written(blobs: S3Blobs, name: str, body: bytes):
    blobs.put(name, body)
    assert blobs.get(name) == body


def test_the_last_one_written_stays(blobs: S3Blobs, name: str):
    blobs.put(name, b"one")
    blobs.put(name, b"two")
    assert blobs.get(name) == b"two"


def test_what_is_not_there_is_none_and_may_be_deleted(blobs: S3Blobs, name: str):
    assert blobs.get(name) is None
    blobs.delete([name])
    blobs.delete([])


def test_only_what_is_named_is_deleted_also_over_a_thousand(blobs: S3Blobs, name: str):
    for n in (0, 999, 1000, 1001):
        blobs.put(f"{name}-{n}", b"x")
    blobs.delete(f"{name}-{n}" for n in range(1001))
    assert [blobs.get(f"{name}-{n}") for n in (0, 999, 1000, 1001)] == [None, None, None, b"x"]


def test_a_bucket_that_is_not_there_is_no_missing_body(aws: Clients):
    with pytest.raises(Refused, match="s3:get_object failed with NoSuchBucket"):
        S3Blobs(aws.get("s3"), "no-such-bucket").get("a")
