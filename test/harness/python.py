"""A Python of its own with packages from PyPI, which Debian does not have: made once and cached, as Maven's jars are."""

import hashlib
import subprocess
import sys

from . import cache

CONFLUENT = "confluent-kafka[avro,schemaregistry]==2.16.1"  # one list for all who need it: one download


class PackagesUnavailable(Exception):
    """pip could not deliver; the message says what was wanted, and pip's own last words."""


def interpreter(*packages):
    """The path of a Python that can import the packages ("name==version"); downloads them at the first call."""
    digest = hashlib.sha256("\n".join([sys.version, *packages]).encode()).hexdigest()[:16]
    return cache.kept(cache.root() / f"python-{digest}", lambda work: _download(packages, work)) / "python"


def _download(packages, work):
    new = work / "new"
    _run([sys.executable, "-m", "venv", f"{work}/venv"], packages)
    _run([f"{work}/venv/bin/pip", "install", "-q", "--disable-pip-version-check", "--target", new / "packages",
          *packages], packages)
    launcher = new / "python"
    launcher.write_text(f'#!/bin/sh\nPYTHONPATH="${{0%/*}}/packages" exec {sys.executable} "$@"\n')
    launcher.chmod(0o755)
    return new


def _run(argv, packages):
    done = subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise PackagesUnavailable(f"{', '.join(packages)} could not be installed; pip said:\n{done.stdout[-2000:]}")
