"""The local stack's start: seconds until it is ready, and its memory."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx

from bench.figure import Figure, against, table

ROOT = Path(__file__).parent.parent
ROUNDS = 3
BUDGET_SECONDS = 10
BUDGET_MB = 500
EXECUTIONS = 20
TASK = {"name": "Bench", "main": [{"evaluate": {"n": "$ _.n + 1"}}] * 5}


def measure() -> Figure:
    """Start it several times; run some executions in the last."""
    started = [_start(runs=0 if i < ROUNDS - 1 else EXECUTIONS) for i in range(ROUNDS)]
    seconds = min(ready for ready, _, _ in started)
    idle, busy = max(mb for _, mb, _ in started), started[-1][2]
    rows: list[list[object]] = [
        ["seconds until ready", f"{seconds:.1f}", against(seconds, BUDGET_SECONDS, " s")],
        ["memory when ready, MB", f"{idle:.0f}", against(idle, BUDGET_MB, " MB")],
        [f"memory after {EXECUTIONS} executions, MB", f"{busy:.0f}", against(busy, BUDGET_MB, " MB")],
    ]
    return Figure("The local stack", table(["silvercup dev", "", ""], rows))


def _start(runs: int) -> tuple[float, float, float]:
    """Seconds until ready; memory in MB then, and after some executions."""
    with tempfile.TemporaryDirectory() as state:
        command = [sys.executable, "-m", "local.cli", "dev", "--port", "0", "--state", state]
        env = {**os.environ, "SILVERCUP_MODEL": "offline"}
        began = time.perf_counter()
        process = subprocess.Popen(command, cwd=ROOT, env=env, stdout=subprocess.PIPE, text=True)
        try:
            url = _ready(process)
            ready = time.perf_counter() - began
            idle = _memory(process.pid)
            if runs:
                _execute(url, runs)
            return ready, idle, _memory(process.pid)
        finally:
            process.send_signal(signal.SIGINT)
            process.wait(timeout=30)
            assert process.stdout is not None
            process.stdout.close()


def _ready(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    for line in process.stdout:
        if found := re.match(r"ready: (\S+)", line):
            return found[1]
    raise RuntimeError("silvercup dev did not get ready")


def _execute(url: str, runs: int) -> None:
    with httpx.Client(base_url=url, headers={"authorization": "Bearer bench"}, timeout=30) as client:
        agent = client.post("/agents", json={"name": "Bench"}).json()["id"]
        task = client.post(f"/agents/{agent}/tasks", json=TASK).json()["id"]
        for n in range(runs):
            execution = client.post(f"/tasks/{task}/executions", json={"input": {"n": n}}).json()["id"]
            deadline = time.monotonic() + 60
            while client.get(f"/executions/{execution}").json()["status"] != "succeeded":
                if time.monotonic() > deadline:
                    raise RuntimeError("an execution of the benchmark did not succeed")
                time.sleep(0.05)


def _memory(pid: int) -> float:
    """Resident memory of a process, in MB."""
    kilobytes = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=True)
    return int(kilobytes.stdout) / 1024
