"""Which stack a command works on: a deployed one, or the one that ``silvercup dev`` runs."""

from __future__ import annotations

import argparse
import json
import os
import socket
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from local.names import REGION
from silvercup.settings import Settings

RUNNING = "running.json"
"""In the state directory while the stack runs: where its AWS and its tables are."""

_DEFAULT_STATE = Path(".silvercup")


class NoStack(Exception):
    """There is no stack to work on; the message says what to do."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which."""
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--stack", help="a deployed stack's name in CloudFormation; the AWS credentials are the environment's"
    )
    where.add_argument(
        "--state", type=Path, help=f"the state directory of a running silvercup dev (default: {_DEFAULT_STATE})"
    )


def settings_of(options: argparse.Namespace) -> Settings:
    """Where its tables are.

    Raises:
        NoStack: There is none of that name, or none runs.
    """
    if options.stack:
        return _deployed(options.stack)
    if options.state is None and os.environ.get("SILVERCUP_CORE_TABLE"):
        return Settings.from_env()
    return _running(options.state or _DEFAULT_STATE)


def _deployed(stack: str) -> Settings:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = cast("Any", boto3.client("cloudformation"))  # pyright: ignore[reportUnknownMemberType]
        outputs = client.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    except (BotoCoreError, ClientError) as problem:
        raise NoStack(f"the stack {stack!r} can't be read: {problem}") from problem
    found = {output["OutputKey"]: output["OutputValue"] for output in outputs}
    for needed in ("CoreTableName", "DocsTableName"):
        if needed not in found:
            raise NoStack(f"{stack!r} is no stack of Silvercup: it has no output {needed}")
    return Settings(
        core_table=found["CoreTableName"], docs_table=found["DocsTableName"], region=client.meta.region_name
    )


def _running(state: Path) -> Settings:
    try:
        found = json.loads((state / RUNNING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NoStack(
            f"no silvercup dev runs with the state {state}: start it, or name its directory by --state, or a deployed stack by --stack"
        ) from None
    if not _answers(found["endpoint"]):
        raise NoStack(f"the silvercup dev that used the state {state} has ended; start it again")
    os.environ.update({"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"})
    return Settings(
        core_table=found["core_table"], docs_table=found["docs_table"], endpoint_url=found["endpoint"], region=REGION
    )


def _answers(endpoint: str) -> bool:
    address = urlsplit(endpoint)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=2).close()
    except OSError:
        return False
    return True
