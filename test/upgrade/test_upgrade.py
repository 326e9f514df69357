"""ALTER EXTENSION pg_standin UPDATE: a database of version 0.1.0 becomes what a new one is, and keeps what it holds."""

import pathlib

import pytest

from harness import postgres, scratch

OLD = "0.1.0"
CATALOG = pathlib.Path(__file__).with_name("catalog.sql").read_text()
FILL = pathlib.Path(__file__).with_name(f"fill_{OLD}.sql")
# What workers write of themselves while they run.
RUNNING = ("standin_private.worker_mark", "standin_private.instance", "standin_private.core_mode")


@pytest.fixture(scope="module")
def server():
    server = postgres.service("server", scratch.scratch(), settings={"pg_standin.allow_test_clock": "on"}).init().start()
    yield server
    server.stop()


def catalog(server, database):
    """What the extension's objects are, a line each; the order of columns does not matter."""
    return [line for (line,) in server.query(CATALOG, dbname=database)]


def contents(server, database):
    tables = [name for (name,) in server.query(
        "select c.oid::regclass::text from pg_class c where relkind = 'r' and relnamespace = 'standin_private'::regnamespace order by 1", dbname=database)]
    return {name: [row for (row,) in server.query(f"select to_jsonb(t) from {name} t order by 1", dbname=database)]
            for name in tables if name not in RUNNING}


def test_upgrade(server):
    for database in ("fresh", "upgraded"):
        server.query(f"create database {database}")
    server.query("create extension pg_standin", dbname="fresh")
    server.query(f"create extension pg_standin version '{OLD}'", dbname="upgraded")
    server.psql("-v", "ON_ERROR_STOP=1", "-f", FILL, dbname="upgraded")
    before = contents(server, "upgraded")
    assert all(before[f"standin_private.{name}"] for name in
               ("kafka_consumer", "kafka_offset", "kafka_dead_letter", "cdc_source", "cdc_table", "cdc_progress", "core", "operation"))
    assert catalog(server, "upgraded") != catalog(server, "fresh")

    server.query("alter extension pg_standin update", dbname="upgraded")

    fresh, upgraded = catalog(server, "fresh"), catalog(server, "upgraded")
    assert [line for line in fresh if line not in upgraded] == []
    assert [line for line in upgraded if line not in fresh] == []
    after = contents(server, "upgraded")
    for name, rows in before.items():
        assert len(after[name]) == len(rows), name
        for row in rows:
            assert any(all(one.get(key) == value for key, value in row.items()) for one in after[name]), (name, row)
    # What was decided silently then is decided so still.
    assert server.query("select rounding, consistency, workers, message_format from standin.cdc_sources", dbname="upgraded") == [("truncate", "eventual", 1, "auto")]
    assert server.query("select kind, schema_evolution, foreign_keys, on_truncate from standin.cdc_tables order by topic", dbname="upgraded") == [
        ("current", "ignore", "enforce", "dead_letter"), ("current", "ignore", "enforce", "ignore")]
    assert server.value("select next_offset from standin.stat_cdc where topic = 'old.public.account'", dbname="upgraded") == 4711


def test_an_upgraded_database_works(server):
    """Its functions, views and constraints are those of the new version."""
    server.query("select standin.cdc_source_alter('old', rounding => 'error', dead_letter_limit => 7)", dbname="upgraded")
    assert server.query("select rounding, dead_letter_limit from standin.cdc_sources", dbname="upgraded") == [("error", 7)]
    server.query("create table later (id int primary key); alter table later owner to replica;"
                 "select standin.cdc_table_add('old', 'old.public.later', 'later', schema_evolution => 'add')", dbname="upgraded")
    server.query("select standin.cdc_dead_letter_discard('old', 'old.public.account', 0, 42, 'for the test')", dbname="upgraded")
    assert server.query("select record_offset, sqlstate, reason from standin_private.kafka_dead_letter_discarded", dbname="upgraded") == [(42, "22003", "for the test")]
    with pytest.raises(Exception, match="invalid rounding"):
        server.query("select standin.cdc_source_alter('old', rounding => 'maybe')", dbname="upgraded")
    server.query("drop extension pg_standin cascade", dbname="upgraded")
