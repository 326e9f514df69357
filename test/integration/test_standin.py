"""Stand-in against a real PostgreSQL core that dies, hangs and loses answers; judged by the core's own log."""

import collections
import contextlib
import threading

import psycopg2
import pytest

from harness.await_ import await_
from proxy import Proxy

MODE = "select mode from standin.core_status where core = 'core'"
EXECUTE = "call standin.transaction_execute('core', %s, %s, %s)"
SUBMIT = "select ticket, status, code from standin.transaction_submit('core', %s, %s, %s)"
SETUP = """
create server core_bank foreign data wrapper standin_postgres options (host '127.0.0.1', port '{port}', dbname 'bank');
create user mapping for standin_owner server core_bank options (user 'bank_service', password '{password}');
select standin.core_define('core', server => 'core_bank', probe_interval => '100 ms', rise => 2, fall => 3,
                           minimum_dwell => '200 ms', call_timeout => '2 s');
select standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
select standin.operation_define('core', 'inquired', standin_allowed => true, dedup => 'inquiry');
select standin.operation_define('core', 'blind', standin_allowed => true, dedup => 'none');
create role app login;
grant standin_app to app;
select standin.operation_grant('core', '*', 'app', channel => '');
"""


def payload(account, amount=1):
    return f'{{"account": {account}, "amount": {amount}}}'


class Bank:
    """Core, wire and service; keys and accounts that no other test uses."""

    def __init__(self, environment):
        self.environment = environment
        self.core = environment.start_core()
        self.proxy = Proxy(self.core.cluster.port)
        self.service = environment.start_service(settings={"track_commit_timestamp": "on", "max_prepared_transactions": "5"})
        self.password = self.core.SERVICE[1]
        self.service.psql("-c", SETUP.format(port=self.proxy.port, password=self.password), dbname="bank")
        self.numbers = iter(range(1, 100000))
        self.await_mode("online")

    def query(self, sql, params=None, **more):
        return self.environment.query(sql, params, **more)

    def value(self, sql, params=None):
        return self.environment.value(sql, params)

    def connect(self, **more):
        return self.service.connect("bank", **more)

    def new(self):
        number = next(self.numbers)
        return f"key-{number}", number

    def await_mode(self, mode):
        await_(f"mode {mode}", lambda: self.value(MODE) == mode)

    def state(self, key):
        return self.value("select status from standin.transaction_status('core', %s)", [key])

    def booked(self, key):
        return sum(1 for row in self.core.booked() if row[1] == key)

    def balanced(self):
        assert self.query("select * from standin.conservation_faults") == []
        return self.value("select balanced from standin.conservation where core = 'core'")

    def switch(self, mode):
        self.query("select standin.core_switch('core', %s, 'a test')", [mode])


@pytest.fixture(scope="module")
def bank_(bank):
    the_bank = Bank(bank)
    yield the_bank
    the_bank.proxy.close()


@pytest.fixture
def standin(bank_):
    """The bank, online at the start and at the end of each test."""
    bank_.await_mode("online")
    yield bank_
    bank_.proxy.mode = "pass"
    if not bank_.core.alive():
        bank_.core.start()
    if bank_.value(MODE).startswith("forced"):
        bank_.switch("recovering")
    bank_.await_mode("online")


def submit_many(bank, keys_and_accounts, connections=4):
    """Each connection takes its accounts in order; a changed mode (40001) is retried, as an application would."""
    answers = {}

    def client(part):
        with contextlib.closing(bank.connect(user="app")) as session, session.cursor() as cursor:
            for key, account in part:
                while key not in answers:
                    with contextlib.suppress(psycopg2.errors.SerializationFailure):
                        cursor.execute(SUBMIT, ("payment", key, payload(account)))
                        answers[key] = cursor.fetchone()

    by_client = [[pair for pair in keys_and_accounts if pair[1] % connections == number] for number in range(connections)]
    threads = [threading.Thread(target=client, args=(part,)) for part in by_client]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
        assert not thread.is_alive()
    return answers


def test_online_the_core_answers(standin):
    key, account = standin.new()
    with contextlib.closing(standin.connect(user="app")) as session, session.cursor() as cursor:
        cursor.execute(EXECUTE, ("payment", key, payload(account)))
        assert cursor.fetchone()[1:] == ("posted", "00", "done")
        poor, _ = standin.new()
        cursor.execute(EXECUTE, ("payment", poor, payload(account, 1_000_000)))
        assert cursor.fetchone()[1:] == ("rejected", "05", "insufficient funds")
    assert standin.booked(key) == 1 and standin.booked(poor) == 0
    assert standin.balanced()


def test_a_driver_that_opens_a_transaction_is_told_what_to_call(standin):
    key, account = standin.new()
    with contextlib.closing(standin.connect(autocommit=False)) as session, session.cursor() as cursor:
        with pytest.raises(psycopg2.errors.ActiveSqlTransaction) as caught:
            cursor.execute(EXECUTE, ("payment", key, payload(account)))
        assert "transaction_submit" in caught.value.diag.message_hint
    assert standin.state(key) is None


def test_the_core_dies_and_every_payment_is_booked_once_in_order(standin):
    standin.core.kill9()
    work = [(standin.new()[0], 50_000 + number % 20) for number in range(200)]
    answers = submit_many(standin, work)
    standin.await_mode("stand_in")
    assert collections.Counter(answer[1] for answer in answers.values()) == {"accepted": 200}
    assert standin.balanced()
    with contextlib.closing(standin.connect(user="app")) as session, session.cursor() as cursor:
        key, account = standin.new()
        cursor.execute(EXECUTE, ("payment", key, payload(account)))
        assert cursor.fetchone()[1:] == ("accepted", "09", "processing")
    standin.core.start()
    standin.await_mode("online")
    booked = [row[1] for row in standin.core.booked()]
    for account in range(50_000, 50_020):
        mine = [key for key, its in work if its == account]
        assert [key for key in booked if key in mine] == mine
    assert standin.state(key) == "posted"
    assert standin.balanced()


def test_a_lost_answer_is_asked_about_never_repeated(standin):
    for operation in ("payment", "inquired"):
        key, account = standin.new()
        standin.proxy.mode = "lose_answer"
        with contextlib.closing(standin.connect(user="app")) as session, session.cursor() as cursor:
            cursor.execute(EXECUTE, (operation, key, payload(account)))
            assert cursor.fetchone()[1:] == ("accepted", "09", "processing")
        assert standin.booked(key) == 1
        await_("the inquiry", lambda: standin.state(key) == "posted")
        calls = standin.query("select call, outcome from standin_private.core_answer where key = %s order by answer", [key])
        assert calls[0] == ("post", "unknown") and calls[-1] == ("inquire", "posted")
        assert [call for call, _ in calls].count("post") == 1
        assert standin.booked(key) == 1
    assert standin.balanced()


def test_where_nobody_can_be_asked_a_person_decides(standin):
    key, account = standin.new()
    standin.proxy.mode = "lose_answer"
    standin.query(SUBMIT, ("blind", key, payload(account)))
    await_("repair", lambda: standin.state(key) == "repair")
    later, _ = standin.new()
    standin.query(SUBMIT, ("payment", later, payload(account)))
    other, elsewhere = standin.new()
    standin.query(SUBMIT, ("payment", other, payload(elsewhere)))
    await_("the other account goes on", lambda: standin.state(other) == "posted")
    assert standin.state(later) == "accepted", "an account never overtakes itself"
    assert standin.booked(key) == 1
    ticket = standin.value("select ticket from standin.transactions where key = %s", [key])
    standin.query("select standin.repair_resolve(%s, 'retry', 'the core knows the key after all')", [ticket])
    await_("the rest of the account", lambda: standin.state(later) == "posted")
    assert standin.booked(key) == 1
    assert standin.balanced()


def test_a_core_that_hangs_is_a_core_that_is_down(standin):
    standin.proxy.mode = "deaf"
    key, account = standin.new()
    with contextlib.closing(standin.connect(user="app")) as session, session.cursor() as cursor:
        cursor.execute(EXECUTE, ("payment", key, payload(account)))
        assert cursor.fetchone()[1] == "accepted"
    standin.await_mode("stand_in")
    standin.proxy.mode = "pass"
    await_("posted", lambda: standin.state(key) == "posted")
    assert standin.booked(key) == 1
    assert standin.balanced()


def test_a_wrong_password_is_a_core_that_is_down_and_shows_nowhere(standin):
    standin.query("alter user mapping for standin_owner server core_bank options (set password 'wr0ng-secret')")
    standin.core.query("select pg_terminate_backend(pid) from pg_stat_activity where usename = 'bank_service'")
    standin.await_mode("stand_in")
    key, account = standin.new()
    assert standin.query(SUBMIT, ("payment", key, payload(account)))[0][1] == "accepted"
    assert "password authentication failed" in standin.value("select probe_failure from standin.core_status")
    shown = standin.value("select json_agg(w)::text from standin.stat_worker w") + \
        standin.value("select json_agg(c)::text from standin.core_status c") + standin.service.process.log.read_text()
    assert "wr0ng-secret" not in shown and standin.password not in shown
    standin.query("alter user mapping for standin_owner server core_bank options (set password %s)", [standin.password])
    await_("posted", lambda: standin.state(key) == "posted")


CRASH_POINTS = ["replay_before_send", "replay_after_send", "replay_before_outcome_commit", "execute_before_send",
                "execute_before_outcome_commit"]


@pytest.mark.parametrize("point", CRASH_POINTS)
def test_killed_at_a_named_point_nothing_is_lost_or_doubled(standin, point):
    if point.startswith("execute"):
        work = [standin.new()]
        standin.query("select standin_private.crash_point_arm(%s)", [point])
        with contextlib.closing(standin.connect(user="app")) as session, session.cursor() as cursor:
            with pytest.raises(psycopg2.OperationalError):
                cursor.execute(EXECUTE, ("payment", work[0][0], payload(work[0][1])))
    else:
        standin.switch("forced_stand_in")
        work = [(standin.new()[0], 60_000 + number % 7) for number in range(40)]
        submit_many(standin, work)
        standin.query("select standin_private.crash_point_arm(%s, 2)", [point])
        with contextlib.suppress(psycopg2.OperationalError):
            standin.switch("recovering")
        await_("the crash", lambda: "was terminated by signal 9" in standin.service.process.log.read_text())
    await_("every payment to be posted", lambda: {standin.state(key) for key, _ in work} == {"posted"})
    booked = collections.Counter(row[1] for row in standin.core.booked())
    assert {key: booked[key] for key, _ in work} == {key: 1 for key, _ in work}
    assert standin.balanced()


def test_the_service_killed_during_replay(standin):
    standin.switch("forced_stand_in")
    work = [(standin.new()[0], 70_000 + number % 13) for number in range(150)]
    submit_many(standin, work)
    before = standin.core.value("select count(*) from core_log")
    standin.switch("recovering")
    for share in (20, 70):
        await_("a part to be booked", lambda: standin.core.value("select count(*) from core_log") >= before + share)  # pylint: disable=cell-var-from-loop
        standin.service.kill9()
        standin.service.start()
    standin.await_mode("online")
    booked = [row[1] for row in standin.core.booked()]
    assert sorted(key for key in booked if key in dict(work)) == sorted(key for key, _ in work)
    for account in range(70_000, 70_013):
        mine = [key for key, its in work if its == account]
        assert [key for key in booked if key in mine] == mine
    assert standin.balanced()


def test_a_decision_under_a_stale_mode_does_not_commit(standin):
    key, account = standin.new()
    with contextlib.closing(standin.connect(autocommit=False)) as idle, idle.cursor() as cursor:
        cursor.execute(SUBMIT, ("payment", key, payload(account)))
        # The idle transaction does not keep the switch waiting.
        standin.query("set statement_timeout = '5s'; select standin.core_switch('core', 'forced_stand_in', 'race')")
        with pytest.raises(psycopg2.errors.SerializationFailure) as caught:
            idle.commit()
        assert "mode changed" in str(caught.value)
    assert standin.state(key) is None


def test_an_open_switch_does_not_keep_accepts_waiting(standin):
    with contextlib.closing(standin.connect(autocommit=False)) as operator, operator.cursor() as cursor:
        cursor.execute("select standin.core_switch('core', 'forced_stand_in', 'thinking')")
        key, account = standin.new()
        standin.query("set statement_timeout = '5s'; select standin.transaction_submit('core', 'payment', %s, %s)",
                      [key, payload(account)])
        operator.rollback()
    await_("posted", lambda: standin.state(key) == "posted")


def test_during_every_flip_nothing_commits_under_a_stale_epoch(standin):
    stop = threading.Event()
    conflicts = collections.Counter()

    def client(number):
        with contextlib.closing(standin.connect(user="app", autocommit=False)) as session, session.cursor() as cursor:
            turn = 0
            while not stop.is_set():
                turn += 1
                try:
                    cursor.execute(SUBMIT, ("payment", f"flip-{number}-{turn}", payload(80_000 + number)))
                    session.commit()
                    conflicts["committed"] += 1
                except psycopg2.errors.SerializationFailure:
                    session.rollback()
                    conflicts["stale"] += 1

    clients = [threading.Thread(target=client, args=(number,)) for number in range(4)]
    for thread in clients:
        thread.start()
    for flip in range(100):
        standin.switch("forced_stand_in" if flip % 2 else "forced_online")
    stop.set()
    for thread in clients:
        thread.join(60)
    assert conflicts["committed"] > 50, conflicts
    # By the server's own commit times: a decision was committed before the epoch after its own was.
    late = standin.query("""
        select d.key, d.epoch from standin_private.decision d
          join standin_private.core_mode_change c on c.core = d.core and c.epoch = d.epoch + 1
         where pg_xact_commit_timestamp(d.xmin) > pg_xact_commit_timestamp(c.xmin)""")
    assert late == []
    standin.switch("recovering")
    standin.await_mode("online")
    assert standin.balanced()


def test_a_limit_holds_against_many_sessions(standin):
    standin.switch("forced_stand_in")
    standin.query("select standin.rule_define('core', 'cumulative_limit', 50, operation => 'inquired', \"window\" => 'episode')")
    answers = collections.Counter()

    def client(number):
        with contextlib.closing(standin.connect(user="app")) as session, session.cursor() as cursor:
            for turn in range(10):
                cursor.execute(SUBMIT, ("inquired", f"race-{number}-{turn}", payload(90_001)))
                answers[cursor.fetchone()[1:]] += 1

    clients = [threading.Thread(target=client, args=(number,)) for number in range(12)]
    for thread in clients:
        thread.start()
    for thread in clients:
        thread.join(60)
    assert answers == {("accepted", "09"): 50, ("declined", "61"): 70}


def test_waiting_holds_no_snapshot(standin):
    standin.switch("forced_stand_in")
    key, account = standin.new()
    ticket = standin.query(SUBMIT, ("payment", key, payload(account)))[0][0]
    result = []

    def waiter():
        with contextlib.closing(standin.connect(user="app", application_name="waiter")) as session, session.cursor() as cursor:
            cursor.execute("call standin.transaction_wait(%s, '60 s')", [ticket])
            result.append(cursor.fetchone()[0])

    thread = threading.Thread(target=waiter)
    thread.start()
    resting = "select backend_xmin is null and backend_xid is null from pg_stat_activity" \
              " where application_name = 'waiter' and wait_event_type = 'Extension'"
    await_("the waiter to rest", lambda: standin.value(resting))
    standin.switch("recovering")
    thread.join(60)
    assert result == ["posted"]


def test_a_copy_sends_nothing(standin):
    standin.query("alter table standin_private.instance disable trigger append_only_update; update standin_private.instance set system_identifier = '1'")
    key, account = standin.new()
    try:
        with contextlib.closing(standin.connect(user="app")) as session, session.cursor() as cursor:
            with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
                cursor.execute(EXECUTE, ("payment", key, payload(account)))
        assert standin.state(key) is None and standin.booked(key) == 0
    finally:
        standin.query("select standin.instance_adopt('test')")
