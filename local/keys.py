"""``silvercup keys``: make, list and revoke API keys of a running local stack, or of a deployed one."""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING, Any

from local import target
from silvercup.errors import SilvercupError
from silvercup.settings import DEFAULT_TENANT

if TYPE_CHECKING:
    from silvercup.resources.keys import KeyInfo, KeyService


def add_parser(commands: Any) -> None:
    """Add the command to the parser of ``silvercup``."""
    keys: argparse.ArgumentParser = commands.add_parser("keys", help="make, list and revoke API keys")
    target.add_arguments(keys)
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
    except (target.NoStack, SilvercupError, ValueError) as problem:
        print(f"silvercup: {problem}", file=sys.stderr)
        return 1


def _service(options: argparse.Namespace) -> KeyService:
    from silvercup.container import Container

    return Container(target.settings_of(options)).keys


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
