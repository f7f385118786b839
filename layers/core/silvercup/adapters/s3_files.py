"""The bytes of files in an S3 bucket, and signed addresses of them."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from silvercup.adapters.aws import Refused, call
from silvercup.adapters.s3 import S3Blobs
from silvercup.resources.file_store import CHUNK_BYTES, Signed, Stored

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_ONCE = "*"


class S3FileStore:
    """``silvercup.resources.file_store.FileStore`` over an S3 client.

    A signed upload binds the length, the hash and ``If-None-Match: *``: S3 refuses other bytes, and a second upload.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket
        self._blobs = S3Blobs(client, bucket)

    def put(self, name: str, body: bytes, sha256: str) -> None:
        """See ``FileStore.put``; S3 checks the hash."""
        call(self._client.put_object, Bucket=self._bucket, Key=name, Body=body, ChecksumSHA256=_base64(sha256))

    def look(self, name: str) -> Stored | None:
        """See ``FileStore.look``; one request."""
        try:
            found = call(self._client.head_object, Bucket=self._bucket, Key=name, ChecksumMode="ENABLED")
        except Refused as refused:
            if refused.aws_code == "404":
                return None
            raise
        return Stored(found["ContentLength"], _hex(found.get("ChecksumSHA256", "")))

    def chunks(self, name: str) -> Iterator[bytes] | None:
        """See ``FileStore.chunks``; one request."""
        try:
            found = call(self._client.get_object, Bucket=self._bucket, Key=name)
        except Refused as refused:
            if refused.aws_code == "NoSuchKey":
                return None
            raise
        return _parts(found["Body"])

    def delete(self, names: Iterable[str]) -> None:
        """See ``FileStore.delete``."""
        self._blobs.delete(names)

    def upload(self, name: str, size: int, sha256: str | None, seconds: int) -> Signed:
        """See ``FileStore.upload``; no request."""
        params: dict[str, Any] = {"Bucket": self._bucket, "Key": name, "ContentLength": size, "IfNoneMatch": _ONCE}
        headers = {"If-None-Match": _ONCE}
        if sha256 is not None:
            params["ChecksumSHA256"] = headers["x-amz-checksum-sha256"] = _base64(sha256)
        return Signed(self._signed("put_object", params, seconds), headers)

    def download(self, name: str, *, mime_type: str, disposition: str, seconds: int) -> str:
        """See ``FileStore.download``; no request."""
        headers = {"ResponseContentType": mime_type, "ResponseContentDisposition": disposition}
        return self._signed("get_object", {"Bucket": self._bucket, "Key": name, **headers}, seconds)

    def _signed(self, operation: str, params: dict[str, Any], seconds: int) -> str:
        return call(self._client.generate_presigned_url, operation, Params=params, ExpiresIn=seconds)


def _parts(body: Any) -> Iterator[bytes]:
    with body:
        while part := call(body.read, CHUNK_BYTES):
            yield part


def _base64(sha256: str) -> str:
    return base64.b64encode(bytes.fromhex(sha256)).decode()


def _hex(checksum: str) -> str | None:
    """A checksum of all bytes; that of a multipart upload (``...-3``) is none."""
    try:
        return base64.b64decode(checksum, validate=True).hex() or None
    except binascii.Error:
        return None
