"""cdc_verify: compares targets with a real core under load; no false difference, and each true one found."""

import pytest

from harness.await_ import await_

TABLES = {"pgbench_branches": "bid", "pgbench_tellers": "tid", "pgbench_accounts": "aid"}


@pytest.fixture(scope="module")
def replica(bank):
    """The service follows the core's tables and sees them through postgres_fdw, too."""
    bank.start_bank(partitions=1)
    bank.define_cdc()
    bank.query("create extension postgres_fdw; create schema core;"
               "create server core_fdw foreign data wrapper postgres_fdw options (host '127.0.0.1', port '%s', dbname 'bank', fetch_size '10000');"
               "create user mapping for public server core_fdw options (user 'postgres', password_required 'false')" % bank.core.cluster.port)
    bank.query("import foreign schema public limit to (%s) from server core_fdw into core" % ", ".join(TABLES))
    for table in TABLES:
        await_("the snapshot", lambda: bank.value(f"select count(*) from {table}") == bank.core.value(f"select count(*) from {table}"), 120, 0.5)
    return bank.query("select distinct source, topic, target::text from standin.cdc_tables")


def verify(bank, replica, table, **options):
    source, topic = next((source, topic) for source, topic, target in replica if target == table)
    words = "".join(f", {name} => {value}" for name, value in options.items())
    run = bank.value(f"call standin.cdc_verify(%s, %s, 'core.{table}'{words})", [source, topic])
    found = bank.query("select key, kind, columns from standin.cdc_differences where run = %s order by key", [run])
    return bank.query("select state, rows_compared, differences, unsettled from standin.cdc_verifications where run = %s", [run])[0], found


def test_no_false_difference_under_load(bank, replica):
    load = bank.core.load(rate=200, clients=2, seconds=30)
    runs = 0
    while load.alive():
        for table in TABLES:
            (state, rows, differences, _), found = verify(bank, replica, table, wait="'5 s'")
            assert (state, differences) == ("finished", 0), found
            assert rows > 0
        runs += 1
    assert runs > 0
    for table in TABLES:
        (state, rows, differences, unsettled), found = verify(bank, replica, table, wait="'5 s'", chunk=777)
        assert (state, differences, unsettled) == ("finished", 0, 0), found
        assert rows == bank.core.value(f"select count(*) from {table}")


def test_each_true_difference_is_found(bank, replica):
    # Accounts that pgbench does not touch: the event of one that it does would repair the row.
    bank.core.query("insert into pgbench_accounts select aid, 1, 0, '' from generate_series(-3, -1) aid")
    await_("them here", lambda: bank.value("select count(*) from pgbench_accounts where aid < 0") == 3, 60)
    last = bank.core.value("select max(aid) from pgbench_accounts")
    bank.query("update pgbench_accounts set abalance = abalance + 1, filler = 'x' where aid = -2; delete from pgbench_accounts where aid in (-3, -1);"
               f"insert into pgbench_accounts (aid, bid, abalance) values (-7, 1, 0), ({last} + 7, 1, 0)")
    load = bank.core.load(rate=50, clients=1, seconds=10)
    (state, _, differences, _), found = verify(bank, replica, "pgbench_accounts", chunk=1000, wait="'3 s'")
    await_("the load's end", lambda: not load.alive(), 60)
    assert state == "finished"
    expected = [({"aid": str(aid)}, kind) for aid, kind in
                [(-7, "extra"), (-3, "missing"), (-2, "different"), (-1, "missing"), (last + 7, "extra")]]
    assert sorted([(key, kind) for key, kind, _ in found if kind != "unsettled"], key=lambda one: int(one[0]["aid"])) == expected
    assert next(columns for key, _, columns in found if key == {"aid": "-2"}) == ["abalance", "filler"]
    assert differences == 5


def test_what_cannot_be_compared(bank, replica):
    source, topic = replica[0][:2]
    for words, message in [(f"'nowhere', '{topic}', 'core.pgbench_accounts'", "does not exist"),
                           (f"'{source}', 'nowhere', 'core.pgbench_accounts'", "has no topic"),
                           (f"'{source}', '{topic}', null", "a reference must be given"),
                           (f"'{source}', '{topic}', 'pg_class'", "has no column for the key"),
                           (f"'{source}', '{topic}', 'core.pgbench_accounts', 0", "chunk and wait are positive")]:
        with pytest.raises(Exception, match=message):
            bank.query(f"call standin.cdc_verify({words})")
    with pytest.raises(Exception, match="standin.cdc_verify cannot run inside a transaction block"):
        bank.query(f"begin; call standin.cdc_verify('{source}', '{topic}', 'core.pgbench_accounts')")
    bank.query("create role bystander; grant standin_operator to bystander")
    with pytest.raises(Exception, match="permission denied"):
        bank.service.psql("-c", "set role bystander", "-c", f"call standin.cdc_verify('{source}', '{topic}', 'core.pgbench_accounts')", dbname="bank")


def test_a_stream_that_stands_still_says_nothing(bank, replica):
    source = replica[0][0]
    await_("equality", lambda: bank.value("select sum(tbalance) from pgbench_tellers") == bank.core.value("select sum(tbalance) from pgbench_tellers"), 60)
    bank.query("select standin.cdc_pause(%s)", [source])
    await_("the pause", lambda: bank.value("select state from standin.cdc_sources where source = %s", [source]) == "paused", 30)
    bank.core.query("update pgbench_tellers set tbalance = tbalance + 1 where tid = 3")
    (state, _, differences, unsettled), found = verify(bank, replica, "pgbench_tellers", wait="'500 ms'")
    assert (state, differences, unsettled) == ("finished", 0, 1)
    assert found == [({"tid": "3"}, "unsettled", ["tbalance"])]
    bank.query("select standin.cdc_resume(%s)", [source])
    await_("the rest", lambda: verify(bank, replica, "pgbench_tellers", wait="'2 s'")[1] == [], 60)
