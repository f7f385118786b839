"""Compile ``requirements/*.in`` to pinned, hashed ``*.txt`` that name no package index.

Run it as ``make lock`` after a change to an ``.in`` file. ``dev.txt`` is solved first; the functions' files take their
versions from it, so that what is tested is what is deployed. ``--upgrade`` looks for newer versions.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

REQUIREMENTS = Path(__file__).parent.parent / "requirements"
PYTHON = "3.12"


def lock(name: str, *options: str) -> None:
    """Compile one file."""
    uv = Path(sys.executable).parent / "uv"
    command = [str(uv), "pip", "compile", f"{name}.in", "-o", f"{name}.txt", "--generate-hashes", "--no-emit-index-url"]
    command += [
        "--no-emit-find-links",
        "--universal",
        "--python-version",
        PYTHON,
        "--quiet",
        "--custom-compile-command",
        "make lock",
    ]
    subprocess.run([*command, *options], cwd=REQUIREMENTS, check=True)


def main() -> None:
    """Compile them all."""
    options = sys.argv[1:]
    lock("dev", *options)
    for name in ("core", "api", "stream", "prompts"):
        lock(name, "-c", "dev.txt", *options)
    lock("sam", *options)
    lock("node", *options)


if __name__ == "__main__":
    main()
