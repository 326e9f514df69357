"""Every SQL and shell example of the README and of docs/, in the reader's order, in one database."""

import os
import subprocess

import pytest

from harness import manual, postgres, scratch

PAGES = manual.pages()
# What a page's examples have brought about, besides running without an error.
OUTCOMES = {
    "README.md": ("SELECT array_agg(state ORDER BY ticket) FROM standin.transactions WHERE core = 'toy'", ["posted", "declined", "posted"]),
    "stand-in.md": ("SELECT array_agg(state ORDER BY key) FROM standin.transactions WHERE core = 'core'",
                    ["posted", "posted", "rejected", "declined", "cancelled"]),
    "workflows.md": ("SELECT array_agg(status ORDER BY workflow_id) FROM standin.workflows", ["completed", "completed", "completed", "failed"]),
}
# A core's password has to be asked for: see docs/security.md.
HBA = """host all bank_service 127.0.0.1/32 scram-sha-256
local all all trust
host all all 127.0.0.1/32 trust
"""


@pytest.fixture(scope="module")
def server():
    cluster = postgres.service("manual", scratch.scratch(), hba=HBA).init().start()
    cluster.query("CREATE DATABASE bank")
    yield cluster
    cluster.stop()


def run(server, blocks):
    """Blocks of SQL that follow each other share a session."""
    script, printed = "", ""
    for block in [*blocks, None]:
        if block and block.language == "sql":
            script += block.text
            continue
        if script:
            printed += server.psql(dbname="bank", script=script)
            script = ""
        if block:
            done = subprocess.run(["sh", "-eu", "-c", block.text], check=False, text=True, capture_output=True, timeout=120,
                                  env={**os.environ, "PATH": f"{server.bindir}:{os.environ['PATH']}", "PGHOST": "127.0.0.1",
                                       "PGPORT": str(server.port), "PGUSER": "postgres", "PGDATABASE": "bank"})
            assert done.returncode == 0, f"line {block.line}:\n{done.stdout}{done.stderr}"
    return printed


@pytest.mark.parametrize("page", PAGES, ids=[page.name for page in PAGES])
def test_the_examples_run(server, page):
    printed = run(server, [block for block in manual.blocks(page) if block.language in ("sql", "sh")])
    query, expected = OUTCOMES.get(page.name, ("SELECT true", True))
    assert server.value(query, dbname="bank") == expected, printed
    assert server.value("SELECT bool_and(balanced) FROM standin.conservation", dbname="bank"), printed


def test_the_manual_has_every_option(server):
    text = "".join(page.read_text() for page in PAGES)
    options = server.query("SELECT object, name FROM standin_private.option", dbname="bank")
    missing = [f"{name} of a {kind}" for kind, name in options if f"`{name}`" not in text]
    assert not missing
