"""A real OpenSearch node for tests, put together from what Maven Central has of it.

Maven fetches the server without plugins, k-NN, and two modules that a distribution would bring: painless, which k-NN extends, and the
analyzers of languages. The native libraries of k-NN are not among it, so vectors are searched by the engine ``lucene`` only: a document
with a vector of ``faiss``, or of an engine left to the node, ends the whole process.

The distribution is kept in a cache (``TEST_OPENSEARCH_CACHE``, else ``silvercup/opensearch`` in the user's cache directory). Each run works
in a copy of it, with data of its own, so that runs at the same time don't meet, and as root the copy is run by nobody: OpenSearch refuses
root.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

VERSION = "2.19.1"
PLUGIN_VERSION = "2.19.1.0"
MAVEN_PLUGIN = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1"
HEAP = "512m"
START_SECONDS = 180
STOP_SECONDS = 30
NOBODY = 65534
CACHE = "TEST_OPENSEARCH_CACHE"

SETTINGS = """\
cluster.name: silvercup-tests
node.name: node
network.host: 127.0.0.1
http.port: 0
transport.port: 0
discovery.type: single-node
cluster.routing.allocation.disk.threshold_enabled: false
"""
DESCRIPTOR = """\
description={name}
version={version}
name={name}
classname={classname}
java.version=11
opensearch.version={version}
extended.plugins={extended}
has.native.controller=false
"""
PAINLESS_POLICY = """\
grant {
  permission java.lang.RuntimePermission "createClassLoader";
  permission java.lang.RuntimePermission "getClassLoader";
};
"""
PUBLISHED = re.compile(r"AbstractHttpServerTransport.*publish_address \{(?:[^/}]*/)?(127\.0\.0\.1:\d+)\}")


@dataclass(frozen=True, slots=True)
class Artifact:
    """A file of Maven Central, and where it goes."""

    group: str
    name: str
    version: str
    type: str
    folder: str


ARTIFACTS = (
    Artifact("org.opensearch.distribution.integ-test-zip", "opensearch", VERSION, "zip", "zips"),
    Artifact("org.opensearch.plugin", "opensearch-knn", PLUGIN_VERSION, "zip", "zips"),
    Artifact("org.opensearch.plugin", "lang-painless", VERSION, "jar", "lang-painless"),
    Artifact("org.opensearch.plugin", "opensearch-scripting-painless-spi", VERSION, "jar", "lang-painless"),
    Artifact("org.antlr", "antlr4-runtime", "4.13.1", "jar", "lang-painless"),
    *(
        Artifact("org.ow2.asm", name, "9.7", "jar", "lang-painless")
        for name in ("asm", "asm-analysis", "asm-commons", "asm-tree", "asm-util")
    ),
    Artifact("org.opensearch.plugin", "analysis-common", VERSION, "jar", "analysis-common"),
)
MODULES = (
    ("lang-painless", "org.opensearch.painless.PainlessPlugin", ""),
    ("analysis-common", "org.opensearch.analysis.common.CommonAnalysisPlugin", "lang-painless"),
)


class NodeFailed(Exception):
    """The node could not be fetched or started; the message has the end of what it printed."""


def missing() -> str | None:
    """What this machine lacks, or None."""
    if os.name != "posix":
        return "an OpenSearch node is run on Linux and macOS only"
    java = _java()
    if java is None:
        return "an OpenSearch node needs Java 11 to 21 (JAVA_HOME, or java on the PATH)"
    printed = subprocess.run([java / "bin/java", "-version"], capture_output=True, text=True, check=False).stderr
    found = re.search(r'version "(\d+)', printed)
    if found is None or not 11 <= int(found[1]) <= 21:
        return f"an OpenSearch node needs Java 11 to 21, not {printed.partition(chr(10))[0] or 'what is here'}"
    if not (_cache() / f"opensearch-{VERSION}").is_dir() and shutil.which("mvn") is None:
        return "fetching an OpenSearch node needs Maven (mvn on the PATH)"
    return None


@contextmanager
def running_node() -> Generator[str]:
    """The node's address, on loopback, until the block ends.

    Raises:
        NodeFailed: It could not be fetched or started.
    """
    distribution = _fetched()
    home = Path(tempfile.mkdtemp(prefix="silvercup-opensearch-"))
    try:
        shutil.copytree(distribution, home, dirs_exist_ok=True)
        (home / "config/opensearch.yml").write_text(SETTINGS)
        (home / "tmp").mkdir()
        if os.geteuid() == 0:
            for path in [home, *home.rglob("*")]:
                os.chown(path, NOBODY, NOBODY)
        with _started(home) as process:
            yield _healthy(process, home)
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _java() -> Path | None:
    """The home of Java."""
    if home := os.environ.get("JAVA_HOME"):
        return Path(home) if (Path(home) / "bin/java").exists() else None
    found = shutil.which("java")
    return Path(found).resolve().parent.parent if found else None


def _cache() -> Path:
    if override := os.environ.get(CACHE):
        return Path(override)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "silvercup/opensearch"


def _fetched() -> Path:
    """The distribution in the cache; one process at a time fetches it, whole or not at all."""
    cache = _cache()
    cache.mkdir(parents=True, exist_ok=True)
    distribution = cache / f"opensearch-{VERSION}"
    with (cache / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not distribution.is_dir():
            with tempfile.TemporaryDirectory(dir=cache) as scratch:
                _fetch(Path(scratch))
                _assemble(Path(scratch)).rename(distribution)
    return distribution


def _fetch(folder: Path) -> None:
    items = "".join(
        f"<artifactItem><groupId>{artifact.group}</groupId><artifactId>{artifact.name}</artifactId>"
        f"<version>{artifact.version}</version><type>{artifact.type}</type>"
        f"<outputDirectory>{escape(str(folder / artifact.folder))}</outputDirectory></artifactItem>"
        for artifact in ARTIFACTS
    )
    group, name, version = MAVEN_PLUGIN.split(":")
    (folder / "pom.xml").write_text(
        '<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
        "<groupId>silvercup</groupId><artifactId>opensearch-node</artifactId><version>1</version><packaging>pom</packaging>"
        f"<build><plugins><plugin><groupId>{group}</groupId><artifactId>{name}</artifactId><version>{version}</version>"
        f"<configuration><artifactItems>{items}</artifactItems></configuration></plugin></plugins></build></project>"
    )
    command = ["mvn", "-B", "-q", "-f", str(folder / "pom.xml"), f"{MAVEN_PLUGIN}:copy"]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        raise NodeFailed(f"Maven could not fetch OpenSearch:\n{(ran.stdout + ran.stderr)[-3000:]}")


def _assemble(folder: Path) -> Path:
    _unzip(folder / f"zips/opensearch-{VERSION}.zip", folder)
    home = folder / f"opensearch-{VERSION}"
    _unzip(folder / f"zips/opensearch-knn-{PLUGIN_VERSION}.zip", home / "plugins/opensearch-knn")
    for command in (home / "bin").iterdir():
        command.chmod(0o755)
    for name, classname, extended in MODULES:
        module = home / "modules" / name
        shutil.copytree(folder / name, module)
        described = DESCRIPTOR.format(name=name, version=VERSION, classname=classname, extended=extended)
        (module / "plugin-descriptor.properties").write_text(described)
    (home / "modules/lang-painless/plugin-security.policy").write_text(PAINLESS_POLICY)
    return home


def _unzip(archive: Path, folder: Path) -> None:
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(folder)


@contextmanager
def _started(home: Path) -> Generator[subprocess.Popen[bytes]]:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home / "tmp"),
        "OPENSEARCH_JAVA_HOME": str(_java()),
        "OPENSEARCH_JAVA_OPTS": f"-Xms{HEAP} -Xmx{HEAP}",
        "OPENSEARCH_TMPDIR": str(home / "tmp"),
    }
    identity = NOBODY if os.geteuid() == 0 else None
    groups = [] if os.geteuid() == 0 else None
    with (home / "stdout.log").open("wb") as printed:
        process = subprocess.Popen(
            [home / "bin/opensearch"],
            cwd=home,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            user=identity,
            group=identity,
            extra_groups=groups,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _healthy(process: subprocess.Popen[bytes], home: Path) -> str:
    """The node's address, as soon as it takes requests."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        published = PUBLISHED.search((home / "stdout.log").read_text(errors="replace"))
        if published and _answers(url := f"http://{published[1]}"):
            return url
        time.sleep(0.2)
    state = "stopped" if process.poll() is not None else f"did not start in {START_SECONDS} s"
    raise NodeFailed(f"the OpenSearch node {state}:\n{(home / 'stdout.log').read_text(errors='replace')[-3000:]}")


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_cluster/health?wait_for_status=yellow&timeout=5s", timeout=10) as answer:
            return answer.status == 200
    except (urllib.error.URLError, OSError):
        return False
