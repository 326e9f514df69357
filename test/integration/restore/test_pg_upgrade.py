"""pg_upgrade of a server with a running source, a queue and workflows: nothing runs meanwhile, nor after it before adoption."""

from copies import await_refused, contents, episode, make_bank, require_equal, rows
from harness import postgres
from harness.await_ import await_
from harness.process import run
from streams import kafka  # noqa: F401

MESSAGES = """
CREATE FUNCTION hear(prefix text, content bytea, lsn text) RETURNS void LANGUAGE sql AS $$ $$;
ALTER FUNCTION hear OWNER TO replica;
SELECT standin.cdc_source_alter('source_0', on_message => 'call', message_function => 'hear(text, bytea, text)');
"""


def test_pg_upgrade_keeps_everything_and_the_new_server_waits_to_be_adopted(kafka, bank):
    streams = make_bank(bank, sources=1, records=200)
    stream = streams[0]
    bank.service.psql("-c", MESSAGES, dbname="bank")
    stream.applied(200)
    old = bank.service
    with episode(bank):
        state = contents(old)
        old.stop()  # in the middle of a workflow's step
    rows(stream, 10, first=200)
    new = postgres.service("upgraded", bank.directory).init()
    run([new.bindir / "pg_upgrade", "-b", old.bindir, "-B", new.bindir, "-d", old.data, "-D", new.data, "-U", "postgres",
         "-p", old.port, "-P", new.port, "-s", bank.directory / "sockets"], user=new.user, cwd=new.data)
    new.start()
    try:
        await_refused(new, "bank")
        require_equal(new, "bank", state)
        assert new.value("SELECT standin_private.instance_refusal()", dbname="bank").startswith("bound to system identifier")
        new.query("SELECT standin.instance_adopt('upgraded')", dbname="bank")
        await_("the source goes on", lambda: new.value("SELECT count(*) FROM source_0", dbname="bank") == 210)
        assert new.value("SELECT message_function::text FROM standin.cdc_sources"
                         " WHERE source = 'source_0'", dbname="bank") == "hear(text,bytea,text)"
        await_("the workflows end", lambda: new.value(
            "SELECT count(*) FROM standin.workflows WHERE name = 'gated' AND status = 'completed'", dbname="bank") == 3)
        # The step that was recorded was not done again.
        assert new.query("SELECT count(*), count(DISTINCT seq) FROM effect", dbname="bank") == [(6, 6)]
        assert bank.core.booked() == []  # forced stand-in, as before
    finally:
        new.stop()
