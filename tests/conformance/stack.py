"""The stack that the cases drive: a ``silvercup dev`` of their own, or a deployed one."""

from __future__ import annotations

import os
import queue
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from silvercup.ids import uuid7

ROOT = Path(__file__).parent.parent.parent
READY_SECONDS = 60.0
STOP_SECONDS = 20.0


@dataclass(frozen=True)
class Running:
    """A stack that answers.

    Attributes:
        url: With ``/api``.
        key: An API key.
        other_key: A key of another developer (None: there is none).
    """

    url: str
    key: str
    other_key: str | None


def deployed() -> Running | None:
    """The stack that ``tests.e2e`` names."""
    url = os.environ.get("SILVERCUP_E2E_URL")
    return (
        Running(url.rstrip("/"), os.environ["SILVERCUP_E2E_KEY"], os.environ.get("SILVERCUP_E2E_OTHER_KEY"))
        if url
        else None
    )


def start(
    state: Path, env: Mapping[str, str] | None = None, printed: list[str] | None = None
) -> tuple[subprocess.Popen[str], str]:
    """Start ``silvercup dev``.

    Args:
        state: Its state directory.
        env: Further variables.
        printed: Takes the lines that it prints.

    Returns:
        The process, and the API's address.
    """
    command = [sys.executable, "-m", "local.cli", "dev", "--port", "0", "--state", str(state)]
    process = subprocess.Popen(
        command,
        cwd=ROOT,
        env={**os.environ, **(env or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        return process, _ready(process, [] if printed is None else printed)
    except BaseException:
        kill(process)
        raise


def kill(process: subprocess.Popen[str]) -> None:
    """End it at once, as ``kill -9`` does."""
    process.kill()
    process.wait(STOP_SECONDS)
    assert process.stdout
    process.stdout.close()


@contextmanager
def local(state: Path, printed: list[str] | None = None) -> Generator[Running]:
    """Start ``silvercup dev``, and stop it as Ctrl-C does; ``printed`` takes what it prints."""
    process, url = start(state, printed=printed)
    try:
        yield Running(url, "any-key", _other_key(state))
    finally:
        process.send_signal(signal.SIGINT)
        try:
            code = process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise
        finally:
            assert process.stdout
            process.stdout.close()
    assert code == 0, f"silvercup dev ended with {code}"


def _ready(process: subprocess.Popen[str], printed: list[str]) -> str:
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        assert process.stdout
        for line in process.stdout:
            printed.append(line)
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    deadline = time.monotonic() + READY_SECONDS
    while (left := deadline - time.monotonic()) > 0:
        try:
            line = lines.get(timeout=left)
        except queue.Empty:
            break
        if line is None:
            break
        if match := re.match(r"ready: (http://127\.0\.0\.1:\d+/api)\s", line):
            return match[1]
    raise AssertionError(f"silvercup dev did not get ready in {READY_SECONDS:.0f} s:\n{''.join(printed)}")


def _other_key(state: Path) -> str:
    command = [
        sys.executable,
        "-m",
        "local.cli",
        "keys",
        "--state",
        str(state),
        "create",
        "--name",
        "other",
        "--tenant",
        uuid7(),
    ]
    made = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert made.returncode == 0, made.stderr
    match = re.search(r"sc_[0-9a-f]{32}_\S+", made.stdout)
    assert match, made.stdout
    return match[0]
