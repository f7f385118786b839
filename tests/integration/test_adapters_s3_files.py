"""Bytes of files over a real client and moto's S3, and what a signed address binds."""

from __future__ import annotations

import hashlib
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import httpx
import pytest

from silvercup.adapters.aws import Clients
from silvercup.adapters.s3_files import S3FileStore
from silvercup.resources.file_store import CHUNK_BYTES, Stored
from tests.support.moto_aws import BUCKET

BODY = b"0123456789" * 100_000


@pytest.fixture
def store(aws: Clients) -> S3FileStore:
    return S3FileStore(aws.get("s3"), BUCKET)


@pytest.fixture
def name() -> str:
    return f"test/{uuid4()}/ü"


def test_bytes_come_back_in_parts(store: S3FileStore, name: str):
    store.put(name, BODY, hashlib.sha256(BODY).hexdigest())
    parts = [*(store.chunks(name) or ())]
    assert (len(parts[0]), b"".join(parts)) == (CHUNK_BYTES, BODY)
    found = store.look(name)
    assert found is not None
    assert (found.size, found.sha256 in {None, hashlib.sha256(BODY).hexdigest()}) == (len(BODY), True)


def test_what_is_not_there_is_none(store: S3FileStore, name: str):
    assert (store.look(name), store.chunks(name)) == (None, None)
    store.delete([name])


def test_an_upload_is_taken_once(store: S3FileStore, name: str):
    signed = store.upload(name, 5, None, 60)
    assert httpx.put(signed.url, content=b"hello", headers=dict(signed.headers)).status_code == 200
    assert httpx.put(signed.url, content=b"jello", headers=dict(signed.headers)).status_code == 412
    assert store.look(name) == Stored(5)
    got = httpx.get(store.download(name, mime_type="text/x", disposition='attachment; filename="a b"', seconds=60))
    assert (got.content, got.headers["content-type"]) == (b"hello", "text/x")
    assert got.headers["content-disposition"] == 'attachment; filename="a b"'


def test_on_aws_a_signed_address_names_its_region_and_binds_length_hash_and_once():
    store = S3FileStore(Clients(region="eu-central-1").get("s3"), "some-bucket")
    signed = store.upload("t/files/1/a", 5, hashlib.sha256(b"hello").hexdigest(), 3600)
    address = urlsplit(signed.url)
    assert (address.scheme, address.hostname) == ("https", "some-bucket.s3.eu-central-1.amazonaws.com")
    query = parse_qs(address.query)
    assert query["X-Amz-Algorithm"] == ["AWS4-HMAC-SHA256"]
    assert query["X-Amz-Expires"] == ["3600"]
    assert query["X-Amz-SignedHeaders"] == ["content-length;host;if-none-match;x-amz-checksum-sha256"]
    assert signed.headers == {
        "If-None-Match": "*",
        "x-amz-checksum-sha256": "LPJNul+wow4m6DsqxbninhsWHlwfp0JecwQzYpOLmCQ=",
    }
    assert "checksum" not in urlsplit(store.upload("t/files/1/a", 5, None, 3600).url).query
