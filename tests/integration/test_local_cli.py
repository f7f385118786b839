"""``silvercup dev``, ``keys`` and ``demo`` as a user runs them: in processes of their own."""

from __future__ import annotations

import itertools
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

_numbers = itertools.count()
ROOT = Path(__file__).parents[2]
START_SECONDS = 40.0  # a budget of 10 on a quiet machine; tests run beside others


def environment(**extra: str) -> dict[str, str]:
    return os.environ | {"PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'layers/core'}"} | extra


def silvercup(*arguments: str | Path, **extra: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "local.cli", *map(str, arguments)]
    return subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=environment(**extra), timeout=90, check=False
    )


class Dev:
    """A running ``silvercup dev``."""

    def __init__(self, state: Path, *arguments: str, **extra: str) -> None:
        self.log = state.with_name(f"{state.name}-{next(_numbers)}.log")
        self._output = self.log.open("w")
        command = [sys.executable, "-m", "local.cli", "dev", "--port", "0", "--state", str(state), *arguments]
        self.process = subprocess.Popen(
            command, stdout=self._output, stderr=subprocess.STDOUT, cwd=ROOT, env=environment(**extra)
        )
        self.url = ""

    def wait_until_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while not (found := re.findall(r"^ready: (\S+)$", self.log.read_text(), re.MULTILINE)):
            assert self.process.poll() is None, self.log.read_text()
            assert time.monotonic() < deadline, self.log.read_text()
            time.sleep(0.05)
        self.url = found[-1]

    def end(self, number: signal.Signals) -> int:
        self.process.send_signal(number)
        code = self.process.wait(timeout=20)
        self._output.close()
        return code


@contextmanager
def dev(state: Path, *arguments: str, **extra: str) -> Generator[Dev]:
    running = Dev(state, *arguments, **extra)
    try:
        running.wait_until_ready()
        yield running
    finally:
        if running.process.poll() is None:
            running.end(signal.SIGKILL)
        running._output.close()


def resident_kilobytes(process: int) -> int:
    status = Path(f"/proc/{process}/status")
    found = re.search(r"VmRSS:\s+(\d+)", status.read_text()) if status.exists() else None
    return int(found[1]) if found else 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_starts_with_clear_lines_and_stops_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    with dev(tmp_path / "state") as running:
        text = running.log.read_text()
        assert re.search(r"API +http://127\.0\.0\.1:\d+/api\n", text)
        assert re.search(r"Console +http://127\.0\.0\.1:\d+/console/\n", text)
        assert "any key is accepted" in text
        assert "offline" in text
        assert str(tmp_path / "state") in text
        assert httpx.get(f"{running.url}/healthz").status_code == 200
        assert resident_kilobytes(running.process.pid) < 500_000
        assert running.end(number) == 0
        assert "Traceback" not in running.log.read_text()
        assert running.log.read_text().endswith("silvercup: stopping\n")


def test_data_and_keys_outlive_a_kill(tmp_path: Path) -> None:
    headers = {"Authorization": "Bearer anything"}
    with dev(tmp_path / "state") as running:
        made = httpx.post(f"{running.url}/agents", json={"name": "Kept", "model": "gpt-4o"}, headers=headers)
        assert made.status_code == 201
        created = silvercup("keys", "--state", tmp_path / "state", "create", "--name", "mine")
        assert created.returncode == 0, created.stderr
        key = re.search(r"^ +(sc_\S+)$", created.stdout, re.MULTILINE)
        assert key
        running.end(signal.SIGKILL)
    gone = silvercup("keys", "--state", tmp_path / "state", "list")
    assert gone.returncode == 1
    assert "has ended; start it again" in gone.stderr
    with dev(tmp_path / "state", SILVERCUP_API_KEY="fixed") as running:
        for text, status in ((key[1], 200), ("fixed", 200), ("other", 403)):
            answer = httpx.get(f"{running.url}/agents/{made.json()['id']}", headers={"Authorization": f"Bearer {text}"})
            assert answer.status_code == status
        listed = silvercup("keys", "--state", tmp_path / "state", "list")
        assert "mine" in listed.stdout
        assert key[1] not in listed.stdout
        key_id = listed.stdout.split()[0]
        assert silvercup("keys", "--state", tmp_path / "state", "revoke", key_id).returncode == 0
        again = silvercup("keys", "--state", tmp_path / "state", "revoke", key_id)
        assert again.returncode == 1
        assert "not found" in again.stderr


def test_a_second_one_on_the_same_state_or_port_is_told_so(tmp_path: Path) -> None:
    with dev(tmp_path / "state") as running:
        second = silvercup("dev", "--port", "0", "--state", tmp_path / "state")
        assert second.returncode == 2
        assert "another silvercup dev uses the state" in second.stderr
        port = str(httpx.URL(running.url).port)
        other = silvercup("dev", "--port", port, "--state", tmp_path / "other")
        assert other.returncode == 2
        assert f"port {port} on 127.0.0.1 is in use" in other.stderr
        assert "--port" in other.stderr
        assert "Traceback" not in second.stderr + other.stderr
        assert httpx.get(f"{running.url}/healthz").status_code == 200


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["dev", "--host", "0.0.0.0"], "set SILVERCUP_API_KEY"),
        (["dev", "--port", "99999"], "not a port"),
        (["dev", "--port", "http"], "not a port"),
        ([], "required: command"),
        (["keys"], "required: action"),
    ],
)
def test_what_can_not_start_says_why_and_ends_with_2(arguments: list[str], message: str, tmp_path: Path) -> None:
    ended = silvercup(*arguments)
    assert ended.returncode == 2
    assert message in ended.stderr


def test_keys_without_a_stack_say_what_to_do(tmp_path: Path) -> None:
    ended = silvercup("keys", "--state", tmp_path, "list")
    assert ended.returncode == 1
    assert "no silvercup dev runs with the state" in ended.stderr


def test_a_bad_setting_names_its_variable(tmp_path: Path) -> None:
    ended = silvercup("dev", "--port", "0", "--state", tmp_path / "state", SILVERCUP_WAIT_DAYS="many")
    assert ended.returncode == 2
    assert "SILVERCUP_WAIT_DAYS is 'many'" in ended.stderr


def test_an_open_stream_does_not_hold_up_the_end(tmp_path: Path) -> None:
    with dev(tmp_path / "state") as running:
        url = httpx.URL(running.url)
        with socket.create_connection((url.host, url.port or 0), timeout=20) as stream:
            stream.sendall(
                b"POST /api/agents HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: 100\r\n\r\n{"
            )
            began = time.monotonic()
            assert running.end(signal.SIGTERM) == 0
            assert time.monotonic() - began < 10
        assert "Traceback" not in running.log.read_text()


def test_the_demo_runs_to_its_end() -> None:
    ended = silvercup("demo")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert re.search(r"status: awaiting_input\n(.*\n)+ *status: succeeded", ended.stdout)
    assert "Ada, your order of 130.0 euros goes out today." in ended.stdout
    assert "Traceback" not in ended.stderr
