"""The rules that hold for the tests themselves and for every file of the project."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from pathlib import Path

import pytest

from tests.conftest import NetworkForbidden, is_loopback

ROOT = Path(__file__).parent.parent.parent
MACHINE_PATH = re.compile(r"(?<![A-Za-z0-9_.$}~-])/(?:work|root|farm|home/[a-z]+)/[A-Za-z0-9_.]")
REGISTRY = re.compile(r"https?://[^ \"']+/(?:simple|packages/[0-9a-f]{2}/)|https?://(?:files|registry)\.[a-z]+\.")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost", None, b"localhost"])
def test_loopback_is_let_through(host: object):
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["10.0.0.1", "192.0.2.1", "example.com", "127.0.0.1.example.com", "fe80::1%lo"])
def test_anything_else_is_not(host: object):
    assert not is_loopback(host)


def test_a_connection_to_another_host_is_stopped_before_it_is_made():
    with socket.socket() as client, pytest.raises(NetworkForbidden, match=r"192\.0\.2\.1"):
        client.connect(("192.0.2.1", 80))
    with pytest.raises(NetworkForbidden, match=r"name\.invalid"):
        socket.getaddrinfo("name.invalid", 80)


def test_nothing_of_the_users_environment_leaks_in():
    assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"
    assert not [name for name in os.environ if name.startswith(("ANTHROPIC_", "SILVERCUP_"))]


def tracked_files() -> list[Path]:
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("not a git work tree")
    names = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [path for name in names.split("\0") if name and (path := ROOT / name).is_file()]


def test_no_tracked_file_holds_a_machine_path_or_a_registry_address():
    wrong: list[str] = []
    for path in tracked_files():
        if path == Path(__file__) or path.suffix in {".png", ".gz", ".zip"}:
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            if MACHINE_PATH.search(line) or REGISTRY.search(line):
                wrong.append(f"{path.relative_to(ROOT)}:{number}: {line.strip()[:120]}")
    assert not wrong, "\n".join(wrong)
