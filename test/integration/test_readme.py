"""Every SQL example of the README, in the reader's order, on a fresh server."""

import re

from harness import postgres, scratch
from harness.postgres import REPOSITORY


def test_the_readme_runs():
    examples = re.findall(r"^```sql\n(.*?)^```", (REPOSITORY / "README.md").read_text(), re.MULTILINE | re.DOTALL)
    # The contract's query stands before the extension is created.
    created = next(i for i, text in enumerate(examples) if "CREATE EXTENSION" in text)
    script = "\n".join(examples[created:] + examples[:created])
    server = postgres.service("readme", scratch.scratch()).init().start()
    try:
        server.query("CREATE DATABASE bank")
        printed = server.psql(dbname="bank", script=script)
        assert "paid out" in server.value("SELECT state FROM loan WHERE id = 'loan-1'", dbname="bank"), printed
        assert server.value("SELECT balanced FROM standin.conservation", dbname="bank"), printed
        assert server.value("SELECT count(*) FROM standin.transactions", dbname="bank") == 2, printed
    finally:
        server.stop()
