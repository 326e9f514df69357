"""The folder in which one environment keeps its data, logs and sockets."""

import atexit
import os
import pathlib
import shutil
import tempfile

_kept = []


def scratch(prefix="pg_standin.", keep=False):
    """A new folder that the servers' user can traverse; removed at exit unless kept (or PG_STANDIN_KEEP is set)."""
    path = pathlib.Path(tempfile.mkdtemp(prefix=prefix))
    path.chmod(0o755)
    if not keep:
        # registered before any process is, hence run after all of them are stopped
        atexit.register(_remove, path)
    return path


def keep(path):
    """Spare the folder at exit: a failed test's logs are worth more than the disk."""
    _kept.append(pathlib.Path(path))


def _remove(path):
    if not os.environ.get("PG_STANDIN_KEEP") and path not in _kept:
        shutil.rmtree(path, ignore_errors=True)
