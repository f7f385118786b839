"""``silvercup keys``: make, list and revoke API keys of a running local stack, or of a deployed one."""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from local.names import REGION
from silvercup.errors import SilvercupError
from silvercup.settings import DEFAULT_TENANT, Settings

if TYPE_CHECKING:
    from silvercup.resources.keys import KeyInfo, KeyService

RUNNING = "running.json"
"""In the state directory while the stack runs: where its AWS and its tables are."""

_DEFAULT_STATE = Path(".silvercup")


class _NoStack(Exception):
    """There is no stack to work on; the message says what to do."""


def add_parser(commands: Any) -> None:
    """Add the command to the parser of ``silvercup``."""
    keys: argparse.ArgumentParser = commands.add_parser("keys", help="make, list and revoke API keys")
    where = keys.add_mutually_exclusive_group()
    where.add_argument(
        "--stack", help="a deployed stack's name in CloudFormation; the AWS credentials are the environment's"
    )
    where.add_argument(
        "--state", type=Path, help=f"the state directory of a running silvercup dev (default: {_DEFAULT_STATE})"
    )
    actions = keys.add_subparsers(required=True, metavar="action")

    create = actions.add_parser("create", help="make a key and show it, once")
    create.add_argument("--name", default="default", help="what you call it (default: %(default)s)")
    _add_tenant(create)
    create.set_defaults(run=_run, act=_create)

    listing = actions.add_parser("list", help="show a developer's keys, newest first")
    _add_tenant(listing)
    listing.set_defaults(run=_run, act=_list)

    revoke = actions.add_parser("revoke", help="take a key away")
    revoke.add_argument("id", help="the key's id, as list shows it")
    _add_tenant(revoke)
    revoke.set_defaults(run=_run, act=_revoke)


def _add_tenant(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--tenant",
        default=DEFAULT_TENANT,
        help="the developer, a UUID; a new one comes into being with its first key (default: %(default)s)",
    )


def _run(options: argparse.Namespace) -> int:
    try:
        return int(options.act(_service(options), options))
    except (_NoStack, SilvercupError, ValueError) as problem:
        print(f"silvercup: {problem}", file=sys.stderr)
        return 1


def _service(options: argparse.Namespace) -> KeyService:
    from silvercup.container import Container

    if options.stack:
        settings = _deployed(options.stack)
    elif options.state is None and os.environ.get("SILVERCUP_CORE_TABLE"):
        settings = Settings.from_env()
    else:
        settings = _running(options.state or _DEFAULT_STATE)
    return Container(settings).keys


def _deployed(stack: str) -> Settings:
    import boto3
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        client = cast("Any", boto3.client("cloudformation"))  # pyright: ignore[reportUnknownMemberType]
        outputs = client.describe_stacks(StackName=stack)["Stacks"][0].get("Outputs", [])
    except (BotoCoreError, ClientError) as problem:
        raise _NoStack(f"the stack {stack!r} can't be read: {problem}") from problem
    for output in outputs:
        if output["OutputKey"] == "CoreTableName":
            return Settings(core_table=output["OutputValue"], region=client.meta.region_name)
    raise _NoStack(f"{stack!r} is no stack of Silvercup: it has no output CoreTableName")


def _running(state: Path) -> Settings:
    try:
        found = json.loads((state / RUNNING).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise _NoStack(
            f"no silvercup dev runs with the state {state}: start it, or name its directory by --state, or a deployed stack by --stack"
        ) from None
    if not _answers(found["endpoint"]):
        raise _NoStack(f"the silvercup dev that used the state {state} has ended; start it again")
    os.environ.update({"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"})
    return Settings(core_table=found["core_table"], endpoint_url=found["endpoint"], region=REGION)


def _answers(endpoint: str) -> bool:
    address = urlsplit(endpoint)
    try:
        socket.create_connection((address.hostname or "", address.port or 0), timeout=2).close()
    except OSError:
        return False
    return True


def _create(keys: KeyService, options: argparse.Namespace) -> int:
    info, text = keys.create(options.tenant, options.name)
    print(f"{_line(info)}\n\n  {text}\n\nKeep it now: it is not shown again.")
    return 0


def _list(keys: KeyService, options: argparse.Namespace) -> int:
    found = keys.list(options.tenant).items
    for info in found:
        print(_line(info))
    if not found:
        print(f"developer {options.tenant} has no keys")
    return 0


def _revoke(keys: KeyService, options: argparse.Namespace) -> int:
    keys.revoke(options.tenant, options.id)
    print(f"revoked {options.id}; a function that has just used it may take it for a minute more")
    return 0


def _line(info: KeyInfo) -> str:
    used = f"last used {info.used_at}" if info.used_at else "not used yet"
    return f"{info.id}  {info.created_at}  {used}  {info.name}"
