"""What ``sam build`` made: each artefact holds what its requirements name and nothing else, is small enough, and imports.

    python scripts/artefacts.py [.aws-sam/build]

Handlers are imported in a clean interpreter, from the artefact and the layer alone; that takes the interpreter and the
processor that were built for, and is left out (and said) elsewhere. Sizes are those of DESIGN: a zip of the API of 30 MB,
150 MB for everything unzipped.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import zipfile
from pathlib import Path

ROOT = Path(__file__).parent.parent
ARTEFACTS = {
    "CoreLayer": ("core", None),
    "ApiFunction": ("api", "handler"),
    "StreamFunction": ("stream", "app"),
    "StepsFunction": (None, "handler"),
    "PromptsFunction": ("prompts", "handler"),
    "LifecycleFunction": (None, "handler"),
}
"""Of each: its requirements, and the module that Lambda or the web server imports."""
MAX_ZIP = 30_000_000
MAX_WHOLE = 150_000_000
OWN = {"silvercup", "statemachines"}
LEFT_OUT = {"boto3", "moto", "pytest", "local", "tests", "bench"}


def normal(name):
    return re.sub(r"[-_.]+", "-", name).lower()


def required(requirements):
    """The packages of a compiled file that a machine of Lambda needs (others carry a marker)."""
    names = set()
    text = (ROOT / "requirements" / f"{requirements}.txt").read_text(encoding="utf-8")
    for line in text.splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==[^;\\]+(;.*)?", line)
        if match and not re.search(r"== ?'(win32|emscripten|nt|Windows)'", match.group(2) or ""):
            names.add(normal(match.group(1)))
    return names


def installed(folder):
    return {normal(found.name.split("-")[0]) for found in folder.glob("*.dist-info")}


def size_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def zipped(folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*"):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return len(buffer.getvalue())


def check(build):
    """The problems of a build."""
    problems = []
    whole = 0
    for name, (requirements, module) in ARTEFACTS.items():
        folder = build / name / "python" if name == "CoreLayer" else build / name
        if not folder.is_dir():
            problems.append(f"{name}: {folder} is not there")
            continue
        found, wanted = installed(folder), required(requirements) if requirements else set()
        whole += size_of(folder)
        print(f"{name}: {len(found)} packages, {size_of(folder) / 1e6:.1f} MB, zipped {zipped(folder) / 1e6:.1f} MB")
        problems += [f"{name} lacks {package}" for package in sorted(wanted - found)]
        problems += [f"{name} has {package}, which nothing asks for" for package in sorted(found - wanted)]
        problems += [f"{name} has {part}" for part in sorted(LEFT_OUT) if (folder / part).exists()]
        if name == "CoreLayer":
            problems += [
                f"{name} lacks {part}" for part in sorted(OWN) if not (folder / part / "__init__.py").is_file()
            ]
        elif requirements is None and {path.name for path in folder.iterdir()} - {
            "__init__.py",
            "handler.py",
            "requirements.txt",
        }:
            problems.append(f"{name} holds more than its handler")
        if name == "ApiFunction" and zipped(folder) > MAX_ZIP:
            problems.append(f"{name}: the zip is over {MAX_ZIP:,} bytes")
        if module:
            problems += imported(name, folder, build / "CoreLayer" / "python", module)
    print(f"everything: {whole / 1e6:.1f} MB")
    if whole > MAX_WHOLE:
        problems.append(f"everything unzipped is over {MAX_WHOLE:,} bytes")
    return problems


def imported(name, folder, layer, module):
    """Import a handler with nothing but the artefact and the layer."""
    script = (
        f"import sys; sys.path[:0] = [{str(folder)!r}, {str(layer)!r}]\n"
        f"import {module}\n"
        "from silvercup import container\n"
        "parts = container.current(); parts.runtime; parts.executions; parts.caretaker\n"
    )
    environment = {
        "SILVERCUP_STEPS_ARN": "arn:aws:lambda:us-east-1:123456789012:function:steps",
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "x",
    }
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-B", "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode == 0:
        return []
    last = done.stderr.strip().splitlines()[-1]
    if "pydantic_core._pydantic_core" in last or "wrong ELF class" in last or "cannot open shared object" in last:
        print(f"{name}: built for another machine; not imported")
        return []
    return [f"{name}: {module} does not import: {last}"]


if __name__ == "__main__":
    told = check(Path(sys.argv[1]) if len(sys.argv) > 1 else ROOT / ".aws-sam" / "build")
    for problem in told:
        print(f"artefacts: {problem}", file=sys.stderr)
    sys.exit(1 if told else 0)
