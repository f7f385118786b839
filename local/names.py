"""Names of the local stack: the account, the region, and what CloudFormation would have called a resource."""

from __future__ import annotations

import re
import uuid

ACCOUNT = "123456789012"
"""moto's default account."""

REGION = "us-west-2"
"""Not the default one: other users of moto in the process (tests) keep their resources apart from ours."""

STACK = "silvercup-local"

STACK_ID = f"arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{STACK}/10ca1000-0000-4000-8000-000000000000"

_KINDS = ("Table", "Bucket", "Function", "Secret", "Role", "Api", "Layer", "Failures", "Policy", "Logs")


def local_name(logical_id: str) -> str:
    """The physical name of a resource: ``CoreTable`` is ``silvercup-local-core``."""
    for kind in _KINDS:
        if logical_id.endswith(kind) and logical_id != kind:
            logical_id = logical_id.removesuffix(kind)
            break
    kebab = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "-", logical_id).lower()
    return f"{STACK}-{kebab}"


def key_id(logical_id: str) -> str:
    """The id of a KMS key: a UUID, always the same."""
    return str(uuid.uuid5(uuid.NAMESPACE_URL, local_name(logical_id)))


def arn(service: str, resource: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    """An ARN; S3 and IAM take an empty region, S3 an empty account."""
    return f"arn:aws:{service}:{region}:{account}:{resource}"
