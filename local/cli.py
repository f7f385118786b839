"""``silvercup``: the local stack, API keys, the index of docs, the demo, taking a deployed stack away."""

from __future__ import annotations

import argparse
import ipaddress
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from local import destroy, keys, reindex
from local.journal import StateError
from local.target import RUNNING
from local.template import TemplateError

USAGE_ERROR = 2


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Returns:
        The exit code: 0, 1 when it failed, 2 when it could not start as it was called.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s", stream=sys.stderr)
    return int(options.run(options))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="silvercup", description="A serverless backend for AI agents on your own AWS account."
    )
    commands = parser.add_subparsers(required=True, metavar="command")

    dev = commands.add_parser("dev", help="start the whole stack on this machine: no Docker, no AWS account")
    dev.add_argument(
        "--port", type=_port, default=8080, help="where the API listens; 0 takes a free one (default: %(default)s)"
    )
    dev.add_argument(
        "--host",
        default="127.0.0.1",
        help="on which address; any but loopback needs SILVERCUP_API_KEY (default: %(default)s)",
    )
    dev.add_argument(
        "--state",
        type=Path,
        default=Path(".silvercup"),
        help="the directory in which data outlive a restart (default: %(default)s)",
    )
    dev.add_argument("--skip-waits", action="store_true", help="let 'sleep' steps end at once")
    dev.set_defaults(run=_dev)

    demo = commands.add_parser("demo", help="run a task end to end on a local stack of its own")
    demo.set_defaults(run=_demo)

    keys.add_parser(commands)
    reindex.add_parser(commands)
    destroy.add_parser(commands)
    return parser


def _port(text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port; give a number from 0 to 65535")
    return int(text)


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _dev(options: argparse.Namespace) -> int:
    from local.stack import PortTaken, Stack

    api_key = os.environ.get("SILVERCUP_API_KEY", "")
    if not _is_loopback(options.host) and not api_key:
        print(
            f"silvercup: --host {options.host} can be reached by others: set SILVERCUP_API_KEY to a key of your choice first",
            file=sys.stderr,
        )
        return USAGE_ERROR
    stopping = threading.Event()

    def stop(_number: int, _frame: object) -> None:
        if stopping.is_set():
            os._exit(130)
        stopping.set()

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    print("silvercup: starting", flush=True)
    try:
        env = {"SILVERCUP_SKIP_WAITS": "1"} if options.skip_waits else {}
        stack = Stack(port=options.port, host=options.host, state=options.state, env=env)
        stack.start()
    except (PortTaken, StateError, TemplateError, ValueError) as problem:
        print(f"silvercup: {problem}", file=sys.stderr)
        return USAGE_ERROR
    running = options.state / RUNNING
    settings = stack.container.settings
    found = {
        "endpoint": stack.aws.endpoint,
        "core_table": settings.core_table,
        "docs_table": settings.docs_table,
    }
    running.write_text(json.dumps(found), encoding="utf-8")
    try:
        print(f"  API      {stack.url}/api")
        print(f"  Console  {stack.url}/console/")
        print(
            f"  API key  {'the one in SILVERCUP_API_KEY, and those of silvercup keys' if api_key else 'any key is accepted'}"
        )
        print(f"  Models   {_models(stack.container.models.catalog.provider())}")
        print(f"  State    {options.state.resolve()}")
        print("Stop with Ctrl-C.")
        print(f"ready: {stack.url}/api", flush=True)
        stopping.wait()
    finally:
        print("silvercup: stopping", flush=True)
        running.unlink(missing_ok=True)
        stack.stop()
    return 0


def _models(provider: str) -> str:
    return (
        "offline: every answer is made up; set ANTHROPIC_API_KEY or OPENAI_API_KEY for real ones"
        if provider == "offline"
        else provider
    )


def _demo(_: argparse.Namespace) -> int:
    from local.demo import run

    return run()


if __name__ == "__main__":
    sys.exit(main())
