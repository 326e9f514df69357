"""How many connections to a core a server makes, and what a core's answers may cost; judged by the core."""

import contextlib
import pathlib
import threading

import psycopg2
import pytest

from harness.await_ import await_

EXECUTE = "call standin.transaction_execute(%s, 'payment', %s, %s)"
LARGE = 100_000_000
SETUP = """
create server core_bank foreign data wrapper standin_postgres options (host '127.0.0.1', port '{port}', dbname 'bank');
create user mapping for standin_owner server core_bank options (user 'bank_service', password '{password}');
create server core_socket foreign data wrapper standin_postgres options (host '{sockets}', port '{port}', dbname 'bank');
create user mapping for standin_owner server core_socket options (user 'bank_service', password_required 'false');
select standin.core_define('core', server => 'core_bank', probe_interval => '200 ms', minimum_dwell => '200 ms', call_timeout => '20 s');
select standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
create role app login;
grant standin_app to app;
select standin.operation_grant('core', '*', 'app', channel => '');
"""
# What the core's functions do is chosen by the payload; bank_service is quiet in the core's own log.
CORE = """
alter role bank_service set log_min_messages = 'panic';
alter role bank_service set log_min_error_statement = 'panic';
create function large_post(idempotency_key text, operation text, payload jsonb, out status text, out reference text, out message text)
language plpgsql as $$
begin
    if payload ? 'error' then
        raise exception '%', repeat('e', (payload ->> 'error')::integer);
    elsif payload ? 'status' then
        status := repeat('s', (payload ->> 'status')::integer);
    else
        status := 'posted';
        reference := repeat('r', (payload ->> 'size')::integer);
        message := repeat('é', (payload ->> 'size')::integer / 2);
    end if;
end $$;
create function large_probe() returns boolean language plpgsql as $$
begin
    raise exception '%', repeat('p', 100000);
end $$;
"""


@pytest.fixture(scope="module")
def service(bank):
    core = bank.start_core()
    core.query(CORE)
    bank.start_service(settings={"max_connections": "120"})
    bank.service.psql("-c", SETUP.format(port=core.cluster.port, password=core.SERVICE[1], sockets=core.cluster.sockets), dbname="bank")
    await_("mode online", lambda: bank.value("select mode from standin.core_status where core = 'core'") == "online")
    return bank


def payload(account):
    return f'{{"account": {account}, "amount": 1}}'


class Callers:
    """Sessions that execute payments at the same time, each over accounts of its own."""

    def __init__(self, bank, sessions, each, name):
        self.bank, self.sessions, self.each, self.name = bank, sessions, each, name
        self.answers, self.failures = {}, []

    def session(self, number):
        try:
            with contextlib.closing(self.bank.service.connect("bank", user="app")) as session, session.cursor() as cursor:
                for i in range(self.each):
                    key = f"{self.name}-{number}-{i}"
                    cursor.execute(EXECUTE, ("core", key, payload(1000 + number * self.each + i)))
                    self.answers[key] = cursor.fetchone()[1]
        except Exception as failure:  # pylint: disable=broad-except
            self.failures.append(failure)

    def run(self, meanwhile=lambda: None):
        threads = [threading.Thread(target=self.session, args=(number,)) for number in range(self.sessions)]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads):
            meanwhile()
            threads[-1].join(0.05)
        assert not self.failures
        return self.answers


def booked(bank, name):
    return bank.core.value("select count(*) from core_log where idempotency_key like %s", [f"{name}-%"])


def mode_changes(bank):
    return bank.query("select mode_before, mode_after, reason from standin.core_mode_changes where core = 'core' order by changed_at")


def define(bank, **settings):
    """And until the prober has connected anew, as it does after each change."""
    begun = bank.value("select clock_timestamp()")
    bank.query("select standin.core_define('core'" + "".join(f", {key} => {value!r}" for key, value in settings.items()) + ")")
    await_("a probe", lambda: bank.value("select min(probed_at) > %s from standin_private.core_mode where core = 'core'", [begun]))


def all_posted(bank, name, count):
    await_(f"{count} posted", lambda: bank.value(
        "select count(*) from standin_private.pending_transaction where key like %s and state in ('posted', 'reconciled')", [f"{name}-%"]) == count, 120)
    assert booked(bank, name) == count


def test_sixty_callers_share_the_connections_of_a_core(service):
    """Never more of them at the core than allowed, no payment lost, and no mode changed."""
    define(service, connections_maximum=12, replay_connections=4)
    seen = []
    before = mode_changes(service)
    answers = Callers(service, 60, 5, "shared").run(
        lambda: seen.append(service.core.value("select count(*) from pg_stat_activity where usename = 'bank_service'")))
    assert set(answers.values()) <= {"posted", "accepted"}
    all_posted(service, "shared", 300)
    assert 0 < max(seen) <= 12
    assert mode_changes(service) == before


def test_a_core_that_allows_fewer_connections_is_busy_and_not_down(service):
    """53300 is nobody's failed probe: what is not delivered is posted later, and the core stays online."""
    define(service, connections_maximum=60)
    service.core.query("alter role bank_service connection limit 6")
    before = mode_changes(service)
    try:
        Callers(service, 60, 5, "busy").run()
        all_posted(service, "busy", 300)
    finally:
        service.core.query("alter role bank_service connection limit -1")
    assert mode_changes(service) == before
    assert service.value("select max(attempts) from standin_private.pending_transaction where key like 'busy-%%'") <= 3


def test_a_session_keeps_its_connection(service):
    define(service, connections_maximum=20)
    pids = "select array_agg(pid order by pid) from pg_stat_activity where usename = 'bank_service' and query like '%core_post%'"
    with contextlib.closing(service.service.connect("bank", user="app")) as session, session.cursor() as cursor:
        kept = []
        for i in range(3):
            cursor.execute(EXECUTE, ("core", f"kept-{i}", payload(i + 1)))
            assert cursor.fetchone()[1] == "posted"
            kept.append(service.core.value(pids))
        assert kept[0] and kept[0] == kept[1] == kept[2]
        # another setting, another connection
        service.query("select standin.core_define('core', call_timeout => '15 s')")
        cursor.execute(EXECUTE, ("core", "kept-3", payload(4)))
        assert cursor.fetchone()[1] == "posted"
        assert not set(kept[0]) & set(service.core.value(pids) or [])
    await_("the end of the connection", lambda: not service.core.value(pids))


def test_a_kept_connection_that_the_core_closed_loses_nothing(service):
    with contextlib.closing(service.service.connect("bank", user="app")) as session, session.cursor() as cursor:
        for i in range(5):
            cursor.execute(EXECUTE, ("core", f"closed-{i}", payload(10 + i)))
            assert cursor.fetchone()[1] == "posted"
            service.core.query("select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'bank_service' and query like '%core_post%'")
    assert booked(service, "closed") == 5


def test_idle_sessions_leave_connections_to_others(service):
    """Each of twenty sessions has called once and idles: together they keep no more than half."""
    define(service, connections_maximum=15, replay_connections=4)
    with contextlib.ExitStack() as stack:
        for i in range(20):
            session = stack.enter_context(contextlib.closing(service.service.connect("bank", user="app")))
            with session.cursor() as cursor:
                cursor.execute(EXECUTE, ("core", f"idle-{i}", payload(100 + i)))
                assert cursor.fetchone()[1] == "posted"
        assert service.core.value("select count(*) from pg_stat_activity where usename = 'bank_service' and query like '%core_post%'") <= 5


def test_slots_come_back_after_a_kill(service):
    define(service, connections_maximum=6, replay_connections=4)
    for number in range(3):
        session = service.service.connect("bank", user="app")
        with session.cursor() as cursor:
            cursor.execute(EXECUTE, ("core", f"killed-{number}", payload(200 + number)))
            assert cursor.fetchone()[1] == "posted"
        service.query("select pg_terminate_backend(%s, 5000)", [session.info.backend_pid])
        session.close()


def test_a_core_needs_a_connection_for_sessions(service):
    with pytest.raises(psycopg2.errors.InvalidParameterValue, match="leaves none for sessions"):
        define(service, connections_maximum=5, replay_connections=4)


# --- what answers may cost


def define_large(bank, name, server, **more):
    settings = "".join(f", {key} => '{value}'" for key, value in more.items())
    bank.query(f"select standin.core_define('{name}', server => '{server}', post_function => 'large_post', inquire_function => '', "
               f"probe_interval => '1 s', call_timeout => '60 s'{settings}), standin.operation_define('{name}', 'payment', dedup => 'none'), "
               f"standin.operation_grant('{name}', '*', 'app', channel => '')")


def memory(pid):
    """Its own memory at its highest, in MB (shared buffers are everybody's)."""
    lines = dict(line.split(":", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines())
    return int(lines["VmHWM"].split()[0]) / 1024 - int(lines["RssShmem"].split()[0]) / 1024


def execute(bank, core, key, text):
    """What was answered, and how much memory the session took on top for it, in MB."""
    with contextlib.closing(bank.service.connect("bank", user="app")) as session, session.cursor() as cursor:
        cursor.execute("select 1")
        before = memory(session.info.backend_pid)
        cursor.execute(EXECUTE, (core, key, text))
        return cursor.fetchone(), memory(session.info.backend_pid) - before


def stored(bank, key):
    return bank.query("select outcome, octet_length(reference), octet_length(message), message from standin_private.core_answer where key = %s", [key])[-1]


@pytest.mark.parametrize("server", ["core_bank", "core_socket"])
def test_a_large_answer_is_cut(service, server):
    name = f"large_{server}"
    define_large(service, name, server)
    answer, grown = execute(service, name, f"{name}-1", f'{{"account": 1, "amount": 1, "size": {LARGE}}}')
    assert answer[1] == "posted"
    outcome, reference, message, _ = stored(service, f"{name}-1")
    assert (outcome, reference) == ("posted", 8192) and 8190 <= message <= 8192
    assert grown < 60


@pytest.mark.parametrize("server", ["core_bank", "core_socket"])
@pytest.mark.parametrize("what", ["error", "status"])
def test_an_answer_without_measure_is_not_read(service, server, what):
    """What the core does not cut itself, as an error text, ends its connection instead of the server's memory."""
    name = f"endless_{what}_{server}"
    define_large(service, name, server)
    _, grown = execute(service, name, f"{name}-1", f'{{"account": 1, "amount": 1, "{what}": {LARGE}}}')
    outcome, _, size, message = stored(service, f"{name}-1")
    assert outcome == "unknown" and size < 1000
    assert "larger than 1024 kB" in message
    assert grown < 60
    mode = service.value("select mode from standin.core_status where core = %s", [name])
    assert mode == "online"


def test_an_error_within_measure_is_cut(service):
    define_large(service, "wordy", "core_bank")
    execute(service, "wordy", "wordy-1", '{"account": 1, "amount": 1, "error": 100000}')
    outcome, _, size, message = stored(service, "wordy-1")
    assert outcome == "not_delivered" and size == 8192 and message.endswith("(P0001)")


def test_the_failure_of_a_probe_is_cut(service):
    define_large(service, "probed", "core_bank", probe_function="large_probe")
    failure = await_("a failed probe", lambda: service.value("select probe_failure from standin.core_status where core = 'probed'"))
    assert len(failure) <= 8192


def test_the_answer_of_a_function_is_cut(service):
    service.query("create role connector; create schema connector authorization connector; grant connector to postgres")
    service.query("""create function connector.post(text, text, jsonb, out status text, out reference text, out message text) language sql
        as $$ select 'posted', repeat('r', 10000000), repeat('é', 5000000) $$""")
    service.query("select standin.core_define('inside', 'function', connector_role => 'connector', post_function => 'connector.post'),"
                  " standin.operation_define('inside', 'payment'), standin.operation_grant('inside', '*', 'app', channel => '')")
    answer, _ = execute(service, "inside", "inside-1", payload(1))
    assert answer[1] == "posted"
    _, reference, message, _ = stored(service, "inside-1")
    assert reference == 8192 and 8190 <= message <= 8192
