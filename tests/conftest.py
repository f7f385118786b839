"""What holds for every test: loopback only, an environment of its own, deterministic hypothesis."""

from __future__ import annotations

import ipaddress
import os
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

FOREIGN = ("AWS_", "ANTHROPIC_", "OPENAI_", "JULEP_", "SILVERCUP_", "MOTO_")
E2E = "SILVERCUP_E2E_URL"
"""The address of a deployed stack: with it, ``python -m tests.e2e`` runs the conformance cases there."""
DUMMY_AWS = {
    "AWS_ACCESS_KEY_ID": "testing",
    "AWS_SECRET_ACCESS_KEY": "testing",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_CONFIG_FILE": os.devnull,
    "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
    "AWS_EC2_METADATA_DISABLED": "true",
}


class NetworkForbidden(BaseException):
    """A test reached for something beyond loopback. No ``except Exception`` can swallow it."""


def is_loopback(host: object) -> bool:
    """Whether a host, as given to ``connect`` or ``getaddrinfo``, is this machine (None is: it means any local address)."""
    name = host.decode() if isinstance(host, bytes) else host
    if name is None or name in {"", "localhost"}:
        return True
    try:
        return isinstance(name, str) and ipaddress.ip_address(name.partition("%")[0]).is_loopback
    except ValueError:
        return False


def guard(event: str, args: tuple[Any, ...]) -> None:
    """An audit hook: it sees every connection and look-up of this process, also those that C code makes."""
    if event in {"socket.connect", "socket.sendto"}:
        address = args[1]
        if isinstance(address, tuple) and not is_loopback(address[0]):
            raise NetworkForbidden(f"{event} {address[0]}: tests reach loopback only")
    elif event in {"socket.getaddrinfo", "socket.gethostbyname"} and not is_loopback(args[0]):
        raise NetworkForbidden(f"{event} {args[0]}: tests reach loopback only")


if E2E not in os.environ:
    sys.addaudithook(guard)

for variable in [name for name in os.environ if name.startswith(FOREIGN) and not name.startswith("SILVERCUP_E2E_")]:
    del os.environ[variable]
os.environ.update(DUMMY_AWS)

settings.register_profile(
    "silvercup",
    derandomize=True,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("silvercup")


def pytest_sessionfinish(session: pytest.Session) -> None:
    """In CI nothing may be skipped: a test that can't run there is never run."""
    reporter: Any = session.config.pluginmanager.get_plugin("terminalreporter")
    if os.environ.get("CI") and reporter is not None and reporter.stats.get("skipped"):
        reporter.write_line("CI: tests were skipped (see the summary); here none may be", red=True)
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


STACKS = frozenset({"conformance", "e2e", "integration"})
"""Tests that start whole stacks and servers: with several workers one of them runs these, so that they share their servers and no clock."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        room = item.path.relative_to(Path(__file__).parent).parts[0]
        item.add_marker(pytest.mark.xdist_group("stacks" if room in STACKS else str(item.path.name)))
