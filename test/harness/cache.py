"""What Debian does not package is downloaded once on a machine, and kept."""

import os
import pathlib
import tempfile


def root():
    base = os.environ.get("PG_STANDIN_CACHE")
    return pathlib.Path(base) if base else pathlib.Path.home() / ".cache" / "pg_standin"


def kept(target, fetch):
    """The folder target; at the first call on this machine fetch(work) makes it, in a folder of its own, and says where."""
    if not target.is_dir():
        target.parent.mkdir(parents=True, exist_ok=True)
        # Not in its place: an interrupted download must not pass for a complete one.
        with tempfile.TemporaryDirectory(dir=target.parent) as work:
            new = fetch(pathlib.Path(work))
            try:
                os.rename(new, target)
            except OSError:
                if not target.is_dir():  # another process was faster: its copy is as good
                    raise
    return target
