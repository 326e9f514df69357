"""Resolves Kafka, Connect and Debezium from Maven artifacts, once: Debian packages none of them.

A pom in `maven/` names what is wanted; the jars land in a cache folder named by the pom's hash, so that a changed
version is fetched anew and a second run needs no network.
"""

import hashlib
import pathlib
import shutil
import subprocess

from . import cache

POMS = pathlib.Path(__file__).with_name("maven")
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"

# Connect loads these itself; a second copy in a plugin folder dies with "not a subtype" (ServiceConfigurationError).
CONNECT_HAS = ("jackson-", "connect-api", "kafka-clients", "slf4j-api", "jakarta.ws", "lz4", "snappy", "zstd")


class ArtifactsUnavailable(Exception):
    """Maven could not deliver; the message says what was wanted, and Maven's own last words."""


def resolve(name, plugin=False):
    """The folder with all jars of maven/<name>.xml; downloads it at the first call on this machine."""
    pom = POMS / f"{name}.xml"
    digest = hashlib.sha256(pom.read_bytes() + (b"plugin" if plugin else b"")).hexdigest()[:16]
    return cache.kept(cache.root() / "maven" / f"{name}-{digest}", lambda work: _download(pom, work, plugin))


def _download(pom, work, plugin):
    if not shutil.which("mvn"):
        raise ArtifactsUnavailable(f"{pom.name}: mvn is not installed (Debian package maven)")
    shutil.copy(pom, f"{work}/pom.xml")
    done = subprocess.run(
        ["mvn", "-B", "-q", COPY, "-DincludeScope=runtime", f"-DoutputDirectory={work}/libs"],
        cwd=work, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        raise ArtifactsUnavailable(
            f"the Maven artifacts of {pom} could not be resolved (no network, or no such version); "
            f"mvn said:\n{done.stdout[-2000:]}")
    if plugin:
        for jar in pathlib.Path(f"{work}/libs").iterdir():
            if jar.name.startswith(CONNECT_HAS):
                jar.unlink()
    return work / "libs"
