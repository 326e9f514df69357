"""The core's witness: old copies that the server itself cannot know for old. One that is put back in its place, or runs beside
the original under the same pg_standin.instance, sends nothing; a restart and a failover go on by themselves."""

import contextlib
import shutil

import psycopg2
import pytest

from harness import postgres
from harness.await_ import await_
from harness.environment import Environment

# The core's booking function is harmless when it is called twice, so what was called is what tells.
CORE = """
CREATE TABLE call (number bigint GENERATED ALWAYS AS IDENTITY, key text);
CREATE FUNCTION counted_post(key text, operation text, payload jsonb, OUT status text, OUT reference text, OUT message text)
LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    INSERT INTO public.call (key) VALUES (counted_post.key);
    SELECT p.status, p.reference, p.message INTO counted_post.status, counted_post.reference, counted_post.message
    FROM public.core_post(key, operation, payload) p;
END $$;
GRANT EXECUTE ON FUNCTION counted_post TO bank_service;
"""
POSTGRES = """
CREATE SERVER core_bank FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '{port}', dbname 'bank');
CREATE USER MAPPING FOR standin_owner SERVER core_bank OPTIONS (user 'bank_service', password '{password}');
SELECT standin.core_define('core', server => 'core_bank', post_function => 'counted_post', probe_interval => '100 ms',
                           minimum_dwell => '100 ms', call_timeout => '2 s', witness_function => '{witness}');
"""
FUNCTION = """
CREATE EXTENSION dblink;
CREATE ROLE connector;
CREATE SCHEMA connector AUTHORIZATION connector;
SET ROLE connector;
CREATE FUNCTION connector.ask(sql text, OUT status text, OUT reference text, OUT message text) LANGUAGE sql AS
    $$ SELECT * FROM public.dblink('host=127.0.0.1 port={port} dbname=bank user=bank_service password={password} connect_timeout=2', sql)
       AS (a text, b text, c text) $$;
CREATE FUNCTION connector.post(text, text, jsonb, OUT status text, OUT reference text, OUT message text) LANGUAGE sql AS
    $$ SELECT * FROM connector.ask(format('SELECT * FROM counted_post(%L, %L, %L)', $1, $2, $3)) $$;
CREATE FUNCTION connector.probe() RETURNS boolean LANGUAGE sql AS $$ SELECT status = 'up' FROM connector.ask('SELECT ''up'', '''', ''''') $$;
CREATE FUNCTION connector.witness(text, text, text) RETURNS text LANGUAGE sql AS
    $$ SELECT status FROM connector.ask(format('SELECT core_witness(%L, %L, %L), '''', ''''', $1, $2, $3)) $$;
RESET ROLE;
SELECT standin.core_define('core', 'function', connector_role => 'connector', post_function => 'connector.post', inquire_function => '',
                           probe_function => 'connector.probe', probe_interval => '100 ms', minimum_dwell => '100 ms',
                           call_timeout => '2 s', witness_function => '{witness}');
"""
OPERATION = """
CREATE ROLE app LOGIN;
GRANT standin_app TO app;
SELECT standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
SELECT standin.operation_grant('core', '*', 'app', channel => '');
"""
MODE = "SELECT mode FROM standin.core_status"
WITNESS = "SELECT witness FROM standin.core_status"
REFUSED = psycopg2.errors.ObjectNotInPrerequisiteState


@contextlib.contextmanager
def a_bank(connector=POSTGRES, witness="core_witness", **settings):
    environment = Environment()
    try:
        core = environment.start_core()
        core.query(CORE)
        service = environment.start_service(settings={"wal_level": "replica", **settings})
        service.psql("-c", connector.format(port=core.cluster.port, password=core.SERVICE[1], witness=witness), "-c", OPERATION, dbname="bank")
        yield environment
    except BaseException:
        print(environment.logs())
        raise
    finally:
        environment.stop()


def calls(bank):
    return [key for (key,) in bank.core.query("SELECT key FROM call ORDER BY number")]


def value(cluster, sql):
    return cluster.value(sql, dbname="bank")


def await_witness(cluster, state="agreed"):
    await_(f"the witness: {state}", lambda: value(cluster, WITNESS) == state, 90)


def pay(cluster, key, account=1):
    """Through the live way; the row that the application gets."""
    return cluster.query("CALL standin.transaction_execute('core', 'payment', %s, %s)",
                         [key, f'{{"account": {account}, "amount": 1}}'], dbname="bank", user="app")[0]


def posted(bank, cluster, key, account=1):
    await_("online", lambda: value(cluster, MODE).endswith("online"), 90)
    pay(cluster, key, account)
    await_(f"{key} is posted", lambda: cluster.value(
        "SELECT state FROM standin.transactions WHERE key = %s", [key], dbname="bank") in ("posted", "reconciled"))
    assert key in calls(bank)


def copy_of(bank, cluster, name):
    """The data directory of a server that stands still."""
    copy = bank.directory / name
    postgres.run(["cp", "-a", cluster.data, copy])
    return copy


def put_back(cluster, copy):
    shutil.rmtree(cluster.data)
    postgres.run(["cp", "-a", copy, cluster.data])


def queue_in_stand_in(bank, cluster):
    """Five payments that whoever finds the core again posts at once; the server is stopped."""
    await_("the core answers", lambda: value(cluster, MODE) == "online")
    bank.core.stop()
    await_("stand-in", lambda: value(cluster, MODE) == "stand_in")
    for number in range(1, 6):
        cluster.query("SELECT standin.transaction_submit('core', 'payment', %s, %s)",
                      [f"queued-{number}", f'{{"account": {number}, "amount": 1}}'], dbname="bank", user="app")
    cluster.stop()


def go_on(bank, cluster):
    """The core and the newest copy run: the queue goes, and what comes later."""
    bank.core.start()
    cluster.start()
    await_("online again", lambda: value(cluster, MODE) == "online", 90)
    assert sorted(calls(bank))[-5:] == [f"queued-{number}" for number in range(1, 6)]
    posted(bank, cluster, "later", account=6)


def require_silent(bank, cluster, made):
    await_("all workers are refused", lambda: cluster.query(
        "SELECT DISTINCT state, detail LIKE 'not the newest copy of this database: the last one that core \"core\" heard of said%%' "
        "FROM standin.stat_worker WHERE kind <> 'supervisor'", dbname="bank") == [("refused", True)], 90)
    assert value(cluster, WITNESS) == "refused"
    assert value(cluster, "SELECT status FROM standin.preflight() WHERE check_name = 'instance'") == "error"
    with pytest.raises(REFUSED, match="was not adopted"):
        pay(cluster, "by-the-copy", account=7)
    assert calls(bank) == made


@pytest.mark.parametrize("connector,witness", [(POSTGRES, "core_witness"), (FUNCTION, "connector.witness")], ids=["postgres", "function"])
def test_an_old_copy_put_back_in_its_place_is_silent_until_adopted(connector, witness):
    with a_bank(connector, witness) as bank:
        service = bank.service
        await_witness(service)
        posted(bank, service, "first")
        queue_in_stand_in(bank, service)
        old = copy_of(bank, service, "old")
        go_on(bank, service)
        made, booked = calls(bank), bank.core.booked()

        service.stop()
        put_back(service, old)
        service.start()
        require_silent(bank, service, made)
        # A restart asks again, and is answered the same.
        service.restart()
        require_silent(bank, service, made)

        service.query("SELECT standin.instance_adopt('what came later is lost for good')", dbname="bank")
        await_witness(service)
        await_("the queue drained", lambda: value(service, MODE) == "online", 90)
        assert len(calls(bank)) == len(made) + 5 and bank.core.booked() == booked  # known by their keys
        posted(bank, service, "after", account=7)
        assert value(service, "SELECT balanced FROM standin.conservation")


def test_without_a_witness_nothing_tells_an_old_copy_from_the_original():
    with a_bank(witness="") as bank:
        service = bank.service
        assert value(service, WITNESS) == "none"
        assert service.query("SELECT status, found FROM standin.preflight() WHERE check_name = 'core_witness'", dbname="bank") == [
            ("warning", "none at core")]
        await_("the first probes", lambda: value(service, "SELECT good_probes FROM standin.core_status") > 1)
        posted(bank, service, "first")
        queue_in_stand_in(bank, service)
        old = copy_of(bank, service, "old")
        go_on(bank, service)
        made = calls(bank)
        service.stop()
        put_back(service, old)
        service.start()
        await_("online", lambda: value(service, MODE) == "online", 90)
        assert calls(bank)[len(made):] != []


def test_what_a_copy_did_while_it_could_not_ask_does_not_make_it_newer():
    """It starts again and again, and writes more log than the original ever did, before it finds the core."""
    with a_bank() as bank:
        service = bank.service
        await_witness(service)
        queue_in_stand_in(bank, service)
        old = copy_of(bank, service, "old")
        go_on(bank, service)
        made, end = calls(bank), value(service, "SELECT pg_current_wal_lsn()")
        service.stop()
        bank.core.stop()
        put_back(service, old)
        service.start()
        service.query("CREATE TABLE filler AS SELECT g, repeat('x', 500) FROM generate_series(1, 100000) g; DROP TABLE filler", dbname="bank")
        service.restart()
        assert value(service, f"SELECT pg_current_wal_lsn() > '{end}'")
        assert value(service, WITNESS) == "awaited"
        bank.core.start()
        require_silent(bank, service, made)


def test_nothing_is_sent_before_the_witness_was_heard():
    with a_bank() as bank:
        service = bank.service
        await_witness(service)
        posted(bank, service, "first")
        service.query("SELECT standin.core_switch('core', 'forced_online', 'a test')", dbname="bank")  # probes open no gate
        with contextlib.closing(bank.core.connect(autocommit=False)) as session, session.cursor() as cursor:
            cursor.execute("LOCK core_witness_mark")
            service.restart()
            assert pay(service, "second", account=2)[1:] == ("accepted", "09", "processing")
            await_("a witness in vain", lambda: value(service, "SELECT probe_failure FROM standin.core_status"))
            assert value(service, WITNESS) == "awaited"
            await_("replay waits", lambda: value(service, "SELECT state FROM standin.stat_worker WHERE kind = 'replay'") == "waiting")
            assert calls(bank) == ["first"]
        await_witness(service)
        await_("its posting", lambda: calls(bank) == ["first", "second"])


def test_of_two_copies_under_one_name_one_speaks():
    with a_bank(**{"pg_standin.instance": "bank"}) as bank:
        service = bank.service
        await_witness(service)
        posted(bank, service, "first")
        service.stop()
        clone = postgres.service("clone", bank.directory)
        postgres.run(["cp", "-a", service.data, clone.data])
        clone.configure(port=clone.port)
        service.start()
        await_witness(service)
        clone.start()
        try:
            require_silent(bank, clone, calls(bank))
            posted(bank, service, "second", account=2)

            clone.query("SELECT standin.instance_adopt('a test')", dbname="bank")
            await_witness(clone)
            require_silent(bank, service, calls(bank))
            posted(bank, clone, "third", account=3)
        finally:
            clone.stop()


def test_restarts_and_a_promotion_go_on_by_themselves():
    with a_bank(**{"pg_standin.instance": "bank"}) as bank:
        service = bank.service
        await_witness(service)
        posted(bank, service, "first")
        service.restart()
        await_witness(service)
        posted(bank, service, "restarted", account=2)
        service.kill9()
        service.start()
        await_witness(service)
        posted(bank, service, "killed", account=3)

        standby = postgres.service("standby", bank.directory)
        service.tool("pg_basebackup", "-D", standby.data, "-R", "-c", "fast")
        if standby.user:
            postgres.run(["chown", "-R", standby.user, standby.data])
        standby.configure(port=standby.port)
        standby.start()
        try:
            service.configure(synchronous_standby_names="*")
            service.reload()
            await_("a synchronous standby", lambda: value(service, "SELECT sync_state FROM pg_stat_replication") == "sync")
            posted(bank, service, "replicated", account=4)
            service.kill9()
            standby.query("SELECT pg_promote()")
            await_witness(standby)
            posted(bank, standby, "promoted", account=5)
            assert value(standby, "SELECT standin_private.instance_refusal()") is None
            assert value(standby, "SELECT count(*) FROM standin.instance") == 1
        finally:
            standby.stop()


def test_a_core_that_cannot_say_is_as_good_as_away_and_one_that_went_back_is_no_copy():
    with a_bank(witness="nowhere") as bank:
        service = bank.service
        await_("stand-in", lambda: value(service, MODE) == "stand_in")
        assert value(service, "SELECT probe_failure FROM standin.core_status").startswith("witness: function nowhere(text, text, text) does not exist")
        service.query("SELECT standin.core_define('core', witness_function => 'core_witness')", dbname="bank")
        await_witness(service)
        posted(bank, service, "first")
        mark = "SELECT claim FROM core_witness_mark"
        earlier = bank.core.value(mark)
        await_("a later claim", lambda: bank.core.value(mark) != earlier)
        bank.core.query("UPDATE core_witness_mark SET claim = %s", [earlier])
        await_("a later claim", lambda: bank.core.value(mark) != earlier)
        now = service.value("SELECT clock_timestamp()")
        await_("its answer", lambda: value(service, "SELECT witnessed_at FROM standin.core_status") > now)
        assert value(service, "SELECT standin_private.instance_refusal()") is None
        posted(bank, service, "second", account=2)
