"""Larger bodies in one S3 bucket."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import batched
from typing import TYPE_CHECKING

from silvercup.adapters.aws import Refused, call
from silvercup.errors import InternalError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

BATCH = 1000
"""Names that one DeleteObjects takes."""


class S3Blobs:
    """``silvercup.storage.Blobs`` over an S3 client.

    S3 answers 403 instead of 404 to a role that may not list the bucket, so a role that reads needs ``s3:ListBucket`` too.
    """

    def __init__(self, client: S3Client, bucket: str) -> None:
        self._client = client
        self._bucket = bucket

    def get(self, name: str) -> bytes | None:
        """See ``Blobs.get``."""
        try:
            answer = call(self._client.get_object, Bucket=self._bucket, Key=name)
        except Refused as refused:
            if refused.aws_code == "NoSuchKey":
                return None
            raise
        with answer["Body"] as body:
            return call(body.read)

    def put(self, name: str, body: bytes) -> None:
        """See ``Blobs.put``."""
        call(self._client.put_object, Bucket=self._bucket, Key=name, Body=body)

    def names(self, prefix: str, limit: int) -> list[str]:
        """See ``Blobs.names``; one request."""
        answer = call(self._client.list_objects_v2, Bucket=self._bucket, Prefix=prefix, MaxKeys=limit)
        return [entry["Key"] for entry in answer.get("Contents", []) if "Key" in entry]

    def delete(self, names: Iterable[str]) -> None:
        """See ``Blobs.delete``; 1,000 names a request.

        Raises:
            InternalError: S3 did not delete some of them; the message has its first code.
        """
        for batch in batched(names, BATCH):
            objects: list[ObjectIdentifierTypeDef] = [{"Key": name} for name in batch]
            answer = call(self._client.delete_objects, Bucket=self._bucket, Delete={"Objects": objects, "Quiet": True})
            if errors := answer.get("Errors"):
                code = errors[0].get("Code", "Unknown")
                raise InternalError(f"s3:delete_objects left {len(errors)} of {len(objects)} bodies there: {code}")
