"""What ``make build`` made: each artefact holds what its requirements name and nothing else, is small enough, and imports.

    python scripts/artefacts.py [.aws-sam/build]            looks at them
    python scripts/artefacts.py --prune [.aws-sam/build]    takes away first what packages bring and nothing imports

Whatever the sources import, also late, must be in the artefact or the layer. Handlers are imported in a clean interpreter, from the artefact and the layer alone; that takes the interpreter and the
processor that were built for, and is left out (and said) elsewhere. Sizes are those of DESIGN: a zip of the API of 30 MB,
150 MB for everything unzipped.
"""

from __future__ import annotations

import ast
import csv
import io
import re
import shutil
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
    "IndexerFunction": (None, "handler"),
}
"""Of each: its requirements, and the module that Lambda or the web server imports."""
SOURCES = {name: name.removesuffix("Function").lower() for name in ARTEFACTS}
ONLY = {
    "silvercup/http/": {"ApiFunction", "StreamFunction"},
    "silvercup/adapters/anthropic": {"PromptsFunction"},
    "silvercup/adapters/embedders/local": set(),
    "silvercup/adapters/sqlite_index": set(),
}
"""Sources that only these functions use; none: only the local stack."""
PRUNED = {"grpcio": "grpc", "protobuf": "google", "opensearch-protobufs": "opensearch"}
"""Packages that opensearch-py names for its gRPC transport, and what they install: 20 MB that the REST client does not import."""
BOTOCORE = Path("botocore") / "data"
"""botocore's descriptions of over 400 services: 20 MB of services that nothing here calls are taken away."""
CREDENTIALS = {"sts"}
"""What botocore may call by itself."""
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


def strays(folder, name):
    """What is at the top of an artefact and neither ours nor in the record of a package."""
    recorded = {
        line.split("/")[0].split(",")[0]
        for record in folder.glob("*.dist-info/RECORD")
        for line in record.read_text(encoding="utf-8").splitlines()
    }
    ours = OWN if name == "CoreLayer" else {path.name for path in (ROOT / "functions" / SOURCES[name]).iterdir()}
    there = {path.name for path in folder.iterdir()}
    return sorted(there - recorded - ours - {"__pycache__", "requirements.txt"})


def without_bytecode(folder):
    """The modules that would be compiled anew in every cold start."""
    return [
        path.relative_to(folder)
        for path in sorted(folder.rglob("*.py"))
        if not any((path.parent / "__pycache__").glob(f"{path.stem}.cpython-*.pyc"))
    ]


def zipped(folder):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in folder.rglob("*"):
            if path.is_file():
                archive.write(path, path.relative_to(folder))
    return len(buffer.getvalue())


def prune(build):
    """Take what nothing imports out of the layer, and what the layer has out of the functions."""
    layer = build / "CoreLayer" / "python"
    for package, folder in PRUNED.items():
        for found in (layer / folder, *layer.glob(f"{package.replace('-', '_')}-*.dist-info")):
            shutil.rmtree(found, ignore_errors=True)
    kept = services() | CREDENTIALS
    for found in (layer / BOTOCORE).iterdir():
        if found.is_dir() and found.name not in kept:
            shutil.rmtree(found)
    for name in SOURCES:
        folder = build / name
        for found in folder.glob("*.dist-info") if name != "CoreLayer" else ():
            if (layer / found.name).is_dir():
                take_out(found)


def take_out(info):
    """Delete the files of an installed package, their bytecode and the folders that are empty then."""
    folder = info.parent
    record = (info / "RECORD").read_text(encoding="utf-8").splitlines()
    files = [folder / next(csv.reader([line]))[0] for line in record if line]
    for path in [path for path in files if path.resolve().is_relative_to(folder.resolve())]:
        for compiled in (
            (path.parent / "__pycache__").glob(f"{path.stem}.cpython-*.pyc") if path.suffix == ".py" else ()
        ):
            compiled.unlink()
        path.unlink(missing_ok=True)
    for path in sorted(
        {parent for file in files for parent in (file.parent / "__pycache__", *file.parents)}, reverse=True
    ):
        if path.is_relative_to(folder) and path != folder and path.is_dir() and not any(path.iterdir()):
            path.rmdir()


def services():
    """The services of AWS that have a client: those of ``Service`` in ``adapters/aws.py``."""
    source = (ROOT / "layers/core/silvercup/adapters/aws.py").read_text(encoding="utf-8")
    for node in ast.parse(source).body:
        if isinstance(node, (ast.Assign, ast.TypeAlias)) and ast.unparse(node).startswith(
            ("Service =", "type Service =")
        ):
            return {each.value for each in ast.walk(node.value) if isinstance(each, ast.Constant)}
    raise SystemExit("adapters/aws.py has no Service that names the services of AWS")


def check(build):
    """The problems of a build."""
    problems = []
    whole = 0
    for name, (requirements, module) in ARTEFACTS.items():
        folder = build / name / "python" if name == "CoreLayer" else build / name
        if not folder.is_dir():
            problems.append(f"{name}: {folder} is not there")
            continue
        left_out = set(PRUNED) if name == "CoreLayer" else required("core")
        found, wanted = installed(folder), required(requirements) - left_out if requirements else set()
        whole += size_of(folder)
        print(f"{name}: {len(found)} packages, {size_of(folder) / 1e6:.1f} MB, zipped {zipped(folder) / 1e6:.1f} MB")
        problems += [f"{name} lacks {package}" for package in sorted(wanted - found)]
        problems += [f"{name} has {package}, which nothing asks for" for package in sorted(found - wanted)]
        problems += [f"{name} has {part}" for part in sorted(LEFT_OUT) if (folder / part).exists()]
        if name == "CoreLayer":
            problems += [
                f"{name} lacks {part}" for part in sorted(OWN) if not (folder / part / "__init__.py").is_file()
            ]
            described = {path.name for path in (folder / BOTOCORE).iterdir()}
            problems += [f"{name} lacks botocore's {part}" for part in sorted(services() - described)]
        problems += [f"{name} has {part}, which is no package's" for part in strays(folder, name)]
        problems += [f"{name} lacks the bytecode of {path}" for path in without_bytecode(folder)[:3]]
        if name == "ApiFunction" and zipped(folder) > MAX_ZIP:
            problems.append(f"{name}: the zip is over {MAX_ZIP:,} bytes")
        if module:
            problems += [f"{name} lacks {part}" for part in lacking(name, folder, build / "CoreLayer" / "python")]
            problems += imported(name, folder, build / "CoreLayer" / "python", module)
    print(f"everything: {whole / 1e6:.1f} MB")
    if whole > MAX_WHOLE:
        problems.append(f"everything unzipped is over {MAX_WHOLE:,} bytes")
    return problems


def lacking(name, folder, layer):
    """What the sources import that neither the artefact nor the layer has."""
    there = {path.name.removesuffix(".py") for place in (folder, layer) for path in place.iterdir()}
    wanted = set()
    for source in [
        *(folder / path.name for path in (ROOT / "functions" / SOURCES[name]).glob("*.py")),
        *(path for part in OWN for path in (layer / part).rglob("*.py")),
    ]:
        inside = str(source.relative_to(folder if source.is_relative_to(folder) else layer))
        used_by = next((users for start, users in ONLY.items() if inside.startswith(start)), None)
        if used_by is None or name in used_by:
            wanted |= set(imports(ast.parse(source.read_text(encoding="utf-8"))))
    return sorted(wanted - there - set(sys.stdlib_module_names))


def imports(node):
    """The top-level packages that a module imports, wherever in it, but for those that only type checkers see."""
    if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        return
    if isinstance(node, ast.Import):
        yield from (alias.name.partition(".")[0] for alias in node.names)
    if isinstance(node, ast.ImportFrom) and node.module:
        yield node.module.partition(".")[0]
    for child in ast.iter_child_nodes(node):
        yield from imports(child)


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
    paths = [argument for argument in sys.argv[1:] if argument != "--prune"]
    made = Path(paths[0]) if paths else ROOT / ".aws-sam" / "build"
    if "--prune" in sys.argv:
        prune(made)
    told = check(made)
    for problem in told:
        print(f"artefacts: {problem}", file=sys.stderr)
    sys.exit(1 if told else 0)
