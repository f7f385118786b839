"""Make ``.venv`` with everything that the project needs, from any Python 3.

    python3 scripts/setup.py          the local stack, the tests, the checks, and the project itself (editable)
    python3 scripts/setup.py sam      ``.venv-sam`` with the AWS SAM CLI
    python3 scripts/setup.py node     ``.venv-node`` with Node.js and npm
    python3 scripts/setup.py build    ``.venv-build`` with the Python that template.yaml builds for, and nothing else

A Python of 3.12 or newer is looked for on PATH and under pyenv; where there is none, uv fetches one. Nothing is done when
the environment is there and its requirements have not changed. Written for Python 3.6, since that may be all there is.
"""

import glob
import hashlib
import os
import re
import shutil
import subprocess
import sys
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MINIMUM = (3, 12)
PREFERRED = ((3, 13), (3, 12))
PROBE = "import sys, venv, ensurepip; print('%d.%d' % sys.version_info[:2])"


def say(text):
    print("setup: " + text)
    sys.stdout.flush()


def run(command, **options):
    subprocess.check_call(command, cwd=ROOT, **options)


def version_of(python):
    """The (major, minor) of an interpreter that can make environments, or None."""
    try:
        text = subprocess.check_output([python, "-c", PROBE], stderr=subprocess.DEVNULL, timeout=30).decode().strip()
    except (OSError, subprocess.SubprocessError):
        return None
    return tuple(int(part) for part in text.split("."))


def runtime():
    """The (major, minor) of the Python that ``sam build`` needs for the layer."""
    with open(os.path.join(ROOT, "template.yaml"), encoding="utf-8") as file:
        match = re.search(r"BuildMethod: python(\d+)\.(\d+)", file.read())
    if match is None:
        sys.exit("setup: template.yaml does not say which Python it builds for (BuildMethod)")
    return int(match.group(1)), int(match.group(2))


def find_python(wanted=None):
    """The path of a Python, or None: of the wanted version, else 3.13 (the functions' runtime), 3.12, or the newest."""
    found = {}
    on_path = [
        shutil.which(name) for name in ("python3.13", "python3.12", "python3.15", "python3.14", "python3", "python")
    ]
    pyenv = os.environ.get("PYENV_ROOT") or os.path.join(os.path.expanduser("~"), ".pyenv")
    under_pyenv = sorted(glob.glob(os.path.join(pyenv, "versions", "*", "bin", "python3")), reverse=True)
    for python in [sys.executable] + on_path + under_pyenv:
        version = version_of(python) if python else None
        if version and version >= MINIMUM:
            found.setdefault(version, python)
            if version == (wanted or PREFERRED[0]):
                break
    if wanted:
        return found.get(wanted)
    order = [version for version in PREFERRED if version in found] + sorted(found, reverse=True)
    return found[order[0]] if order else None


def scripts_of(env):
    return os.path.join(env, "Scripts" if os.name == "nt" else "bin")


def fetch_python(env, wanted):
    """Make ``env`` with a Python that uv fetches."""
    version = "%d.%d" % (wanted or PREFERRED[0])
    missing = "no Python %s here" % (version if wanted else "3.12 or newer")
    uv = shutil.which("uv")
    if uv is None or subprocess.call([uv, "--version"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) != 0:
        small = os.path.join(ROOT, ".venv-uv")
        say("%s; installing uv to fetch one" % missing)
        run([sys.executable, "-m", "venv", "--clear", small])
        run([os.path.join(scripts_of(small), "python"), "-m", "pip", "install", "--quiet", "uv"])
        uv = os.path.join(scripts_of(small), "uv")
    shutil.rmtree(env, ignore_errors=True)
    if subprocess.call([uv, "venv", "--quiet", "--seed", "--python", version, env]) != 0:
        sys.exit("setup: %s, and uv could not fetch one; install one and try again" % missing)


def make_environment(env, wanted=None):
    python = find_python(wanted)
    if python is None:
        fetch_python(env, wanted)
    else:
        say("making %s with %s" % (os.path.basename(env), python))
        run([python, "-m", "venv", "--clear", env])


def pinned(requirements, name):
    """The lines of one package in a compiled file, hashes included."""
    with open(requirements, encoding="utf-8") as file:
        match = re.search(r"^%s==.*(?:\n +--hash.*)*" % re.escape(name), file.read(), re.MULTILINE)
    return match.group(0) + "\n" if match else None


def install_uv(python):
    """Install the pinned uv; return its path, or None where it can't be had."""
    with tempfile.TemporaryDirectory() as folder:
        only = os.path.join(folder, "uv.txt")
        with open(only, "w", encoding="utf-8") as file:
            file.write(pinned(os.path.join(ROOT, "requirements", "dev.txt"), "uv"))
        if (
            subprocess.call([python, "-m", "pip", "install", "--quiet", "--no-deps", "--require-hashes", "-r", only])
            != 0
        ):
            return None
    return os.path.join(os.path.dirname(python), "uv")


def install(env, requirements, editable):
    python = os.path.join(scripts_of(env), "python")
    uv = install_uv(python)
    target = ["--quiet", "--python", python]
    if (
        uv is None
        or subprocess.call([uv, "pip", "install"] + target + ["--require-hashes", "-r", requirements], cwd=ROOT) != 0
    ):
        say("uv could not install everything; trying pip")
        run([python, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", requirements])
    if editable:
        project = ["--no-build-isolation", "--no-deps", "--editable", "."]
        run([python, "-m", "pip", "install", "--quiet"] + project)


def digest(paths):
    state = hashlib.sha256()
    for path in paths:
        with open(path, "rb") as file:
            state.update(file.read())
    return state.hexdigest()


def make_build():
    """Make ``.venv-build``, with an interpreter of exactly the runtime's version and no packages."""
    env, wanted = os.path.join(ROOT, ".venv-build"), runtime()
    if version_of(os.path.join(scripts_of(env), "python")) != wanted:
        make_environment(env, wanted)


def main(what):
    if what == "build":
        make_build()
        return
    name = {"dev": ".venv", "sam": ".venv-sam", "node": ".venv-node"}[what]
    env = os.path.join(ROOT, name)
    requirements = os.path.join(ROOT, "requirements", what + ".txt")
    inputs = [requirements, os.path.abspath(__file__)] + (
        [os.path.join(ROOT, "pyproject.toml")] if what == "dev" else []
    )
    stamp, now = os.path.join(env, "silvercup.stamp"), digest(inputs)
    if os.path.exists(stamp):
        with open(stamp, encoding="utf-8") as file:
            if file.read() == now:
                return
    python = os.path.join(scripts_of(env), "python")
    if (version_of(python) or (0, 0)) < MINIMUM:
        make_environment(env)
    say("installing requirements/%s.txt" % what)
    install(env, requirements, editable=what == "dev")
    with open(stamp, "w", encoding="utf-8") as file:
        file.write(now)
    say("%s is ready" % name)


if __name__ == "__main__":
    try:
        main(sys.argv[1] if len(sys.argv) > 1 else "dev")
    except subprocess.CalledProcessError as failed:
        sys.exit("setup: failed (exit %d): %s" % (failed.returncode, " ".join(failed.cmd)))
    except OSError as failed:
        sys.exit("setup: failed: %s" % failed)
