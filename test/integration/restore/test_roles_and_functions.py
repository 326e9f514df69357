"""Roles and functions that go away: no number of theirs is in a dump, what was theirs waits and says for whom."""

import pytest

from copies import await_refused
from harness.await_ import await_

SETUP = """
CREATE ROLE leaver LOGIN;
CREATE ROLE other LOGIN;
GRANT standin_app TO leaver, other;
CREATE TABLE gate (id integer);
GRANT SELECT, UPDATE ON gate TO leaver;
CREATE PROCEDURE work(input jsonb) LANGUAGE plpgsql AS $$ BEGIN PERFORM FROM public.gate FOR UPDATE; END $$;
SELECT standin.workflow_define('work', 'public.work(jsonb)'), standin.workflow_define('external');
CREATE ROLE replica;
CREATE FUNCTION hear(prefix text, content bytea, lsn text) RETURNS void LANGUAGE sql AS $$ $$;
CREATE TABLE dropped (id integer PRIMARY KEY);
CREATE TABLE signal (id text PRIMARY KEY, type text, data text);
CREATE TABLE kept (id integer PRIMARY KEY);
ALTER FUNCTION hear OWNER TO replica;
ALTER TABLE dropped OWNER TO replica;
ALTER TABLE kept OWNER TO replica;
CREATE SERVER kafka FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" '127.0.0.1:1');
SELECT standin.cdc_source_create('source', 'kafka', on_message => 'call', message_function => 'hear(text, bytea, text)', signal_table => 'signal');
SELECT standin.cdc_table_add('source', 'a.dropped', 'dropped'), standin.cdc_table_add('source', 'a.kept', 'kept'),
       standin.cdc_column_map('source', 'a.dropped', 'id', 'number');
"""
EXECUTOR = "SELECT state || ': ' || detail FROM standin.stat_worker WHERE kind = 'executor' AND key = 'leaver'"
STATUS = "SELECT status FROM standin.workflows WHERE workflow_id = 'one'"


@pytest.fixture(scope="module")
def server(bank):
    bank.start_service()
    bank.service.psql("-c", SETUP, dbname="bank")
    return bank.service


def test_the_workflows_of_a_dropped_role_wait_for_one_of_its_name(server, bank):
    holder = server.connect("bank", autocommit=False)
    try:
        with holder.cursor() as cursor:
            cursor.execute("INSERT INTO gate VALUES (1)")
            holder.commit()
            cursor.execute("SELECT FROM gate FOR UPDATE")
        server.query("SELECT standin.workflow_start('work', 'one')", dbname="bank", user="leaver")
        server.query("SELECT standin.workflow_start('external', 'two')", dbname="bank", user="leaver")
        await_("it runs", lambda: bank.value(STATUS) == "running")
        server.psql("-c", "DROP OWNED BY leaver; DROP ROLE leaver; SELECT standin_private.wake('supervisor')", dbname="bank")
        await_("its executor left and says why", lambda: bank.value(EXECUTOR) == "refused: the role does not exist")
    finally:
        holder.close()
    # Everybody else reads on.
    assert bank.query("SELECT submitter_name FROM standin.workflows ORDER BY 1") == [("leaver",), ("leaver",)]
    assert server.query("SELECT * FROM standin.workflows", dbname="bank", user="other") == []
    dump = server.tool("pg_dump", "-a", "-t", "standin_private.workflow*", "--extension", "pg_standin", "bank")
    rows = [line for line in dump.splitlines() if line.startswith(("one\t", "two\t"))]
    assert len(rows) == 4 and all("\tleaver\t" in line for line in rows), rows

    server.psql("-c", "CREATE ROLE leaver LOGIN; GRANT standin_app TO leaver; GRANT SELECT, UPDATE ON gate TO leaver;"
                "SELECT standin_private.wake('supervisor')", dbname="bank")
    await_("it goes on", lambda: bank.value(STATUS) == "completed")


def test_a_dropped_function_and_table_leave_no_number_in_a_dump(server, bank):
    server.psql("-c", "DROP FUNCTION hear; DROP TABLE dropped, signal; CREATE TABLE innocent (id integer PRIMARY KEY)", dbname="bank")
    assert bank.value("SELECT message_function_name FROM standin.cdc_sources") == "public.hear(text,bytea,text)"
    with pytest.raises(Exception, match="function public.hear.* does not exist"):
        bank.query("SELECT standin.cdc_source_alter('source', batch_records => 7)")
    with pytest.raises(Exception, match="signal_table of source .* does not exist"):
        bank.query("SELECT standin.cdc_snapshot('source', 'a.kept')")
    dump = bank.directory / "dropped.dump"
    server.tool("pg_dump", "-Fc", "-f", dump, "bank")
    server.query("CREATE DATABASE without_number")
    server.tool("pg_restore", "--exit-on-error", "-d", "without_number", dump)
    assert server.query("SELECT target::text FROM standin.cdc_tables", dbname="without_number") == [("kept",)]
    assert server.value("SELECT signal_table_name FROM standin.cdc_sources", dbname="without_number") == "public.signal"
    await_refused(server, "without_number", kinds=("cdc",))
