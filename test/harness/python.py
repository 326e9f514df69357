"""A Python of its own with packages from PyPI, which Debian does not have: made once and cached, as Maven's jars are."""

import hashlib
import os
import pathlib
import subprocess
import sys
import tempfile

from .maven import cache_root

CONFLUENT = "confluent-kafka[avro,schemaregistry]==2.16.1"  # one list for all who need it: one download


class PackagesUnavailable(Exception):
    """pip could not deliver; the message says what was wanted, and pip's own last words."""


def interpreter(*packages):
    """The path of a Python that can import the packages ("name==version"); downloads them at the first call."""
    digest = hashlib.sha256("\n".join([sys.version, *packages]).encode()).hexdigest()[:16]
    target = cache_root() / f"python-{digest}"
    if not (target / "packages").is_dir():
        _download(packages, target)
    return target / "python"


def _download(packages, target):
    target.parent.mkdir(parents=True, exist_ok=True)
    # Into a folder of our own first: an interrupted download must not pass for a complete one.
    with tempfile.TemporaryDirectory(dir=target.parent) as work:
        new = pathlib.Path(work) / "new"
        _run([sys.executable, "-m", "venv", f"{work}/venv"], packages)
        _run([f"{work}/venv/bin/pip", "install", "-q", "--disable-pip-version-check", "--target", new / "packages",
              *packages], packages)
        launcher = new / "python"
        launcher.write_text(f'#!/bin/sh\nPYTHONPATH="${{0%/*}}/packages" exec {sys.executable} "$@"\n')
        launcher.chmod(0o755)
        try:
            os.rename(new, target)
        except OSError:
            if not target.is_dir():  # another process was faster: its copy is as good
                raise


def _run(argv, packages):
    done = subprocess.run([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        raise PackagesUnavailable(f"{', '.join(packages)} could not be installed; pip said:\n{done.stdout[-2000:]}")
