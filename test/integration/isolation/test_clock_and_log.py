"""A clock that is put back by a day, and what the server's log says of changes."""

import pytest

from harness.await_ import await_

SETUP = """
create server core_bank foreign data wrapper standin_postgres options (host '127.0.0.1', port '{port}', dbname 'bank');
create user mapping for standin_owner server core_bank options (user 'bank_service', password '{password}');
select standin.core_define('core', server => 'core_bank', probe_interval => '100 ms', rise => 2, fall => 3,
                           minimum_dwell => '0', call_timeout => '2 s');
select standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
create role app login;
grant standin_app to app;
select standin.operation_grant('core', '*', 'app', channel => '');
create procedure nothing(input jsonb) language plpgsql as $$ begin null; end $$;
select standin.workflow_define('nothing', 'public.nothing(jsonb)');
select standin.workflow_define('outside');
"""
MODE = "select mode from standin.core_status"


@pytest.fixture(scope="module")
def service(bank):
    bank.start_core()
    bank.start_service(settings={"pg_standin.allow_test_clock": "on", "max_prepared_transactions": "2"})
    bank.service.psql("-c", SETUP.format(port=bank.core.cluster.port, password=bank.core.SERVICE[1]), dbname="bank")
    await_("online", lambda: bank.value(MODE) == "online")
    return bank.service


def lines(bank, text, least=1):
    """The log's lines with the text, once there are as many as expected."""
    found = lambda: [line for line in bank.service.process.log.read_text().splitlines() if text in line]
    await_(f"log lines with {text}", lambda: len(found()) >= least, timeout=20)
    return found()


def executed(bank, key, account):
    return bank.query("call standin.transaction_execute('core', 'payment', %s, %s)", [key, f'{{"account": {account}, "amount": 1}}'])[0][1]


def test_a_change_of_mode_is_one_line_when_it_commits(service, bank):
    session = bank.service.connect("bank", autocommit=False)
    with session, session.cursor() as cursor:
        cursor.execute("select standin.core_switch('core', 'forced_stand_in', 'never happened')")
        session.rollback()
        cursor.execute("savepoint s; select standin.core_switch('core', 'forced_stand_in', 'taken back'); rollback to s;"
                       "select standin.core_switch('core', 'forced_stand_in', 'maintenance of the core')")
        session.commit()
    session.close()
    [line] = lines(bank, "maintenance of the core")
    assert 'LOG:  pg_standin core "core" changed mode of "payments" from online to forced_stand_in: maintenance of the core' in line
    bank.query("select standin.core_switch('core', 'online', 'after it')")
    assert len(lines(bank, "after it")) == 1
    text = service.process.log.read_text()
    assert "never happened" not in text and "taken back" not in text


def test_a_pause_is_one_line(service, bank):
    bank.query('create server kafka foreign data wrapper standin_kafka options ("bootstrap.servers" \'127.0.0.1:1\')')
    bank.query("select standin.cdc_source_create('source', 'kafka')")
    for _ in range(2):
        bank.query("select standin.cdc_pause('source', 'until Monday')")
    bank.query("select standin.cdc_resume('source')")
    lines(bank, 'source "source" resumed by postgres')
    assert len(lines(bank, 'source "source" paused by postgres: until Monday')) == 1


def test_a_refused_worker_is_one_line(service, bank):
    bank.query("alter table standin_private.instance disable trigger append_only_update; update standin_private.instance set system_identifier = '1'; select standin_private.wake('supervisor')")
    await_("the refusal", lambda: bank.value("select state from standin.stat_worker where kind = 'replay'") == "refused")
    bank.query("select standin_private.wake('supervisor')")
    assert len(lines(bank, 'worker "replay core" is refused: bound to system identifier 1')) == 1
    bank.query("select standin.instance_adopt('test')")
    await_("a probe", lambda: bank.value("select prober from standin.core_status") == "core answers")


def test_a_clock_put_back_by_a_day_holds_nothing_up(service, bank):
    """The test clock is ahead by a day until the restart, which takes that back."""
    bank.query("select standin_private.clock_advance('1 day'), standin_private.wake('supervisor')")
    await_("the time noted", lambda: bank.value("select highest > clock_timestamp() + interval '23 hours' from standin_private.clock_mark"))
    bank.query("select standin.workflow_start('outside', 'claimed')")
    bank.query("select standin.workflow_start('outside', 'ready')")
    assert bank.query("select id from standin.workflow_claim('worker', '{outside}', '1 min')") == [("claimed",)]
    bank.query("select standin.core_switch('core', 'forced_stand_in', 'a day ahead')")
    bank.query("select standin.transaction_submit('core', 'payment', 'queued', '{\"account\": 11, \"amount\": 1}')")
    bank.query("update standin_private.pending_transaction set state = 'in_flight' where key = 'queued';"
               "update standin_private.pending_transaction set state = 'retry_wait', due_at = standin_private.clock_now() + interval '1 s' where key = 'queued'")
    bank.query("select standin.core_switch('core', 'stand_in', 'a day ahead')")
    # Started and not begun: its executor may not come before the restart.
    with service.connect("bank", autocommit=False, user="app") as session, session.cursor() as cursor:
        cursor.execute("select standin.workflow_start('nothing', 'inside'); prepare transaction 'inside'")
    session.close()
    service.restart()
    bank.query("commit prepared 'inside'")
    await_("the end of what runs inside", lambda: bank.value("select status from standin.workflows where workflow_id = 'inside'") == "completed")
    assert bank.query("select id from standin.workflow_claim('worker', '{outside}', '1 min', 9)")[0] == ("ready",)
    assert len(lines(bank, "finds the clock put back by")) == 1
    assert "put back by" in bank.value("select detail from standin.stat_worker where kind = 'supervisor'")
    assert ("clock", "warning") in bank.query("select check_name, status from standin.preflight()")
    await_("the payment", lambda: bank.value("select state from standin.transactions where key = 'queued'") == "posted")
    await_("online", lambda: bank.value(MODE) == "online")
    await_("the lease of yesterday's clock", lambda: bank.value("select available_at < clock_timestamp() + interval '5 min' from standin_private.workflow_task"
                                                               " where workflow_id = 'claimed'"))


def test_without_a_prober_failed_calls_bring_stand_in_and_good_ones_forgive(service, bank):
    view = bank.value("select pg_get_viewdef('standin_private.standin_workers'::regclass)")
    bank.query("create or replace view standin_private.standin_workers as " + view.replace("('prober'::text), ", "")
               + " select standin_private.wake('supervisor')")
    await_("no prober", lambda: bank.value("select prober from standin.core_status") is None)
    try:
        for _ in range(2):
            bank.core.stop()
            executed(bank, f"failed {_}", 21 + _)
            bank.core.start()
            assert bank.value("select bad_probes from standin.core_status") >= 1  # replay may have tried as well
            for number in range(2):
                assert executed(bank, f"good {_} {number}", 31 + 2 * _ + number) == "posted"
            assert bank.query("select mode, bad_probes from standin.core_status") == [("online", 0)]
        bank.core.stop()
        for number in range(3):
            executed(bank, f"dead {number}", 41 + number)
        await_("stand-in", lambda: bank.value(MODE) == "stand_in")
    finally:
        bank.query("create or replace view standin_private.standin_workers as " + view)
        if not bank.core.alive():
            bank.core.start()
    bank.query("select standin_private.wake('supervisor')")
    await_("online again", lambda: bank.value(MODE) == "online")
