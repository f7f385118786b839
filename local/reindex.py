"""``silvercup reindex``: a new index of docs, made from the table while the old one answers."""

from __future__ import annotations

import argparse
import sys
import time
from typing import TYPE_CHECKING, Any

from local import target
from silvercup.errors import SilvercupError

if TYPE_CHECKING:
    from silvercup.docs.reindex import Progress

_WIDTH = 40


def add_parser(commands: Any) -> None:
    """Add the command to the parser of ``silvercup``."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "reindex",
        help="make the index of docs anew while it is searched: after another embedder was set, or docs were not indexed",
    )
    target.add_arguments(parser)
    parser.add_argument(
        "--skip-failed", action="store_true", help="switch to the new index even if some docs do not come into it"
    )
    parser.set_defaults(run=_run)


def _run(options: argparse.Namespace) -> int:
    from silvercup.container import Container
    from silvercup.docs.reindex import Reindex

    bar = Bar(sys.stderr.isatty())
    began = time.monotonic()
    try:
        tables = Container(target.settings_of(options)).tables
        done = Reindex(tables, bar.show).run(skip_failed=options.skip_failed)
    except (target.NoStack, SilvercupError) as problem:
        bar.end()
        print(f"silvercup: {problem}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        bar.end()
        print("silvercup: stopped; the old index still answers, and reindex goes on from here", file=sys.stderr)
        return 130
    bar.end()
    if done is None:
        print("there are no docs yet, so there is no index to make anew")
    else:
        print(f"{done.total:,} docs are in {done.index}, which answers now ({time.monotonic() - began:.0f} s)")
    return 0


class Bar:
    """A progress bar on a terminal, a line now and then elsewhere; both on standard error.

    Args:
        live: Whether it is a terminal.
    """

    def __init__(self, live: bool) -> None:
        self._live = live
        self._said = 0.0

    def show(self, progress: Progress) -> None:
        """Show how far it is."""
        share = progress.done / progress.total if progress.total else 1.0
        text = f"{progress.index}  {progress.done:,} of {progress.total:,} docs"
        if self._live:
            filled = "█" * int(share * _WIDTH)
            print(f"\r{filled:░<{_WIDTH}} {share:4.0%}  {text}\033[K", end="", file=sys.stderr, flush=True)
        elif time.monotonic() - self._said > 5:
            self._said = time.monotonic()
            print(f"{share:4.0%}  {text}", file=sys.stderr, flush=True)

    def end(self) -> None:
        """Leave the line of the bar."""
        if self._live:
            print(file=sys.stderr)
