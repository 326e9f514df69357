"""ALTER EXTENSION pg_standin UPDATE: a database of an earlier version becomes what a new one is, and keeps what it holds."""

import pathlib

import pytest

from harness import postgres, scratch

EARLIER = ("0.1.0", "0.2.0")
CATALOG = pathlib.Path(__file__).with_name("catalog.sql").read_text()
# What workers write of themselves while they run.
RUNNING = ("standin_private.worker_mark", "standin_private.instance", "standin_private.core_mode")


FILLED = ("kafka_consumer", "kafka_offset", "kafka_dead_letter", "cdc_source", "cdc_table", "cdc_progress", "core", "operation")


@pytest.fixture(scope="module", params=EARLIER)
def old(request):
    return request.param


@pytest.fixture(scope="module")
def server(old):
    directory = scratch.scratch()
    server = postgres.service(f"server_{old.replace('.', '_')}", directory, settings={"pg_standin.allow_test_clock": "on"}).init().start()
    yield server
    server.stop()


# Version 0.2.0 put new columns among those of 0.1.0, which no view can follow.
MOVED = {"0.1.0": ("cdc_dead_letters", "cdc_sources", "cdc_tables", "stat_cdc", "stat_worker"), "0.2.0": ()}


def catalog(server, database):
    """What the extension's objects are, a line each; the order of columns does not matter."""
    return [line for (line,) in server.query(CATALOG, dbname=database)]


def contents(server, database):
    tables = [name for (name,) in server.query(
        "select c.oid::regclass::text from pg_class c where relkind = 'r' and relnamespace = 'standin_private'::regnamespace order by 1", dbname=database)]
    return {name: [row for (row,) in server.query(f"select to_jsonb(t) from {name} t order by 1", dbname=database)]
            for name in tables if name not in RUNNING}


def qualified(row):
    """As version 0.3.0 keeps it: the name of a function for logical messages, or of a signal table, is the same whoever reads it;
    a field whose name begins as a path does stands in quotes."""
    def quoted(field):
        return f'$."{field}"' if field.startswith("$.") else field

    return {key: f"public.{value}" if key in ("message_function", "signal_table") and value and "." not in value
            else quoted(value) if key in ("account_field", "amount_field")
            else {quoted(field): kind for field, kind in value.items()} if key == "required" else value
            for key, value in row.items()}


def test_upgrade(server, old):
    for database in ("fresh", "upgraded"):
        server.query(f"create database {database}")
    server.query("create extension pg_standin", dbname="fresh")
    server.query("select standin.workflow_define('first')", dbname="fresh")  # with the binding its foreign keys come
    server.query(f"create extension pg_standin version '{old}'", dbname="upgraded")
    server.psql("-v", "ON_ERROR_STOP=1", "-f", pathlib.Path(__file__).with_name(f"fill_{old}.sql"), dbname="upgraded")
    views = [name for (name,) in server.query("select relname from pg_class where relnamespace = 'standin'::regnamespace and relkind = 'v'"
                                              " and relname <> all (%s)", [list(MOVED[old])], dbname="upgraded")]
    assert len(views) > 10
    for name in views:  # as users have them
        server.query(f"create view public.my_{name} as select * from standin.{name}; create view public.your_{name} as select * from my_{name}", dbname="upgraded")
    before = contents(server, "upgraded")
    assert all(before[f"standin_private.{name}"] for name in FILLED)
    assert catalog(server, "upgraded") != catalog(server, "fresh")

    server.query("alter extension pg_standin update", dbname="upgraded")

    fresh, upgraded = catalog(server, "fresh"), catalog(server, "upgraded")
    assert [line for line in fresh if line not in upgraded] == []
    assert [line for line in upgraded if line not in fresh] == []
    for name in views:
        read = [server.value(f"select count(*) from {view}", dbname="upgraded") for view in (f"your_{name}", f"standin.{name}")]
        assert read[0] == read[1], name
    after = contents(server, "upgraded")
    for name, rows in before.items():
        assert len(after[name]) == len(rows), name
        for row in map(qualified, rows):
            assert any(all(one.get(key) == value for key, value in row.items()) for one in after[name]), (name, row)
    # Applications go on as before, until they are given less.
    assert server.query("select core, operation, role, channel from standin.operation_grants", dbname="upgraded") == [("core", "*", "standin_app", "")]
    # What was decided silently then is decided so still.
    assert server.query("select rounding, consistency, workers, message_format from standin.cdc_sources", dbname="upgraded") == [
        ("truncate" if old == "0.1.0" else "round", "eventual", 1, "auto")]
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
    with pytest.raises(Exception, match='invalid value for option "rounding"'):
        server.query("select standin.cdc_source_alter('old', rounding => 'maybe')", dbname="upgraded")
    server.query("drop extension pg_standin cascade", dbname="upgraded")
