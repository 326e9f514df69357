"""Runs the SQL tests on a private server: `run.py regress [NAME...]` (pg_regress, expected/), `run.py pgtap [FILE...]`
(pg_prove). `run.py reference [--write]` holds docs/reference against the catalog. `run.py accept NAME...` writes what the
regress tests print to expected/, to be read before it is committed."""

import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
EXPECTED = HERE.parents[1] / "expected"
sys.path.insert(0, str(HERE.parent))

from harness import postgres, scratch  # noqa: E402

import reference  # noqa: E402

SETTINGS = {"pg_standin.allow_test_clock": "on", "max_prepared_transactions": "5"}


def regress(server, directory):
    """pg_regress creates the database, loads the extension, runs every test/sql/*.sql and compares with expected/."""
    inputs = directory / "regress"
    inputs.mkdir()
    (inputs / "sql").symlink_to(HERE)
    (inputs / "expected").symlink_to(EXPECTED)
    pkglibdir = subprocess.check_output([os.environ.get("PG_CONFIG", "pg_config"), "--pkglibdir"], text=True).strip()
    tests = sys.argv[2:] or sorted(path.stem for path in HERE.glob("*.sql"))
    outcome = subprocess.run([f"{pkglibdir}/pgxs/src/test/regress/pg_regress", f"--inputdir={inputs}", f"--outputdir={directory}", f"--bindir={server.bindir}",
                              "--host=127.0.0.1", f"--port={server.port}", "--user=postgres", "--dbname=regression",
                              "--load-extension=pg_standin", "--encoding=UTF8", "--no-locale", *tests], check=False)
    if outcome.returncode:
        differences = directory / "regression.diffs"
        print(differences.read_text() if differences.exists() else server.log_tail())
    return outcome.returncode


def accept(server, directory):
    for name in sys.argv[2:]:
        (EXPECTED / f"{name}.out").touch()
    regress(server, directory)
    for name in sys.argv[2:]:
        shutil.copy(directory / "results" / f"{name}.out", EXPECTED)
    return 0


def pgtap(server, _directory):
    """Each test/sql/pgtap/*.sql runs in one database with both extensions and rolls back what it did."""
    server.query("CREATE DATABASE tap")
    server.psql("-c", "CREATE EXTENSION pg_standin", "-c", "CREATE EXTENSION pgtap", dbname="tap")
    tests = sys.argv[2:] or sorted(HERE.glob("pgtap/*.sql"))
    command = ["pg_prove", "--verbose", "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres", "-d", "tap", *tests]
    return subprocess.run(command, check=False).returncode


def check_reference(server, _directory):
    return reference.check(server, HERE.parents[1] / "docs" / "reference", "--write" in sys.argv)


def main():
    directory = scratch.scratch()
    server = postgres.service("server", directory, settings=SETTINGS).init().start()
    try:
        return {"regress": regress, "pgtap": pgtap, "accept": accept, "reference": check_reference}[sys.argv[1]](server, directory)
    finally:
        server.stop()


sys.exit(main())
