"""Schedules on a real server: each tick starts one workflow, as its role, whatever happens to clocks, workers and servers."""

import contextlib
import datetime
import time

import psycopg2
import pytest

from harness import postgres, scratch
from harness.await_ import await_

SETUP = """
CREATE EXTENSION pg_standin;
CREATE ROLE teller LOGIN; CREATE ROLE other LOGIN; CREATE ROLE admin LOGIN; CREATE ROLE auditor LOGIN; CREATE ROLE clerk LOGIN;
GRANT standin_app TO teller, other, clerk; GRANT standin_admin TO admin; GRANT standin_auditor TO auditor;
GRANT CREATE ON SCHEMA public TO teller;
CREATE TABLE seen (workflow_id text, who name, input jsonb);
GRANT INSERT, SELECT ON seen TO PUBLIC;
CREATE FUNCTION see(input jsonb) RETURNS jsonb LANGUAGE sql AS
    $$ INSERT INTO public.seen VALUES (standin.workflow_current(), current_user, input) RETURNING '{}'::jsonb $$;
CREATE PROCEDURE note(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    result jsonb;
BEGIN
    CALL standin.step('see', 'public.see', input, result);
END $$;
CREATE PROCEDURE secret(input jsonb) LANGUAGE plpgsql AS $$ BEGIN NULL; END $$;
REVOKE EXECUTE ON PROCEDURE secret FROM PUBLIC;
SELECT standin.workflow_define('report'), standin.workflow_define('note', 'note(jsonb)'), standin.workflow_define('secret', 'secret(jsonb)');
"""
UTC = datetime.timezone.utc


class Bank:
    """The database, whose clock a test puts forward."""

    def __init__(self, server, dbname="bank"):
        self.server, self.dbname = server, dbname

    def query(self, sql, params=None, user="postgres"):
        return self.server.query(sql, params, dbname=self.dbname, user=user)

    def value(self, sql, params=None, user="postgres"):
        return self.server.value(sql, params, dbname=self.dbname, user=user)

    def create(self, name, cron, workflow="report", user="teller", **options):
        given = "".join(f", {option} => %({option})s" for option in options)
        self.query(f"SELECT standin.schedule_create(%(name)s, %(workflow)s, %(cron)s{given})",
                   {"name": name, "workflow": workflow, "cron": cron, **options}, user)

    def schedule(self, name):
        with contextlib.closing(self.server.connect(self.dbname)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT * FROM standin.schedules WHERE schedule = %s", [name])
            row = cursor.fetchone()
            return row and dict(zip([column.name for column in cursor.description], row))

    def ids(self, name):
        """The ticks that started a workflow, as their ids write them."""
        return [row[0].removeprefix(name + "@") for row in self.query(
            "SELECT workflow_id FROM standin.workflows WHERE starts_with(workflow_id, %s) ORDER BY workflow_id COLLATE \"C\"", [name + "@"])]

    def now(self):
        return self.value("SELECT standin_private.clock_now()")

    def advance_to(self, moment):
        self.query("SELECT standin_private.clock_advance(make_interval(secs => extract(epoch FROM %s - standin_private.clock_now())))", [moment])

    def advance(self, **how):
        self.query("SELECT standin_private.clock_advance(%s)", [datetime.timedelta(**how)])

    def next_hour(self):
        """Puts the clock just past the next full hour; that hour."""
        hour = self.now().replace(minute=0, second=0, microsecond=0) + datetime.timedelta(hours=1)
        self.advance_to(hour + datetime.timedelta(seconds=1))
        return hour

    def settled(self, name):
        """The scheduler has nothing to do for it now."""
        await_(f"{name} to be settled", lambda: self.value(
            "SELECT coalesce(due_at > standin_private.clock_now(), true) FROM standin.schedules WHERE schedule = %s", [name]))

    def end(self, *workflow_ids):
        ended = 0
        while claimed := self.query("SELECT id, token FROM standin.workflow_claim('w', '{report}', max_count => 1000)", user="teller"):
            for workflow_id, token in claimed:
                if workflow_id in workflow_ids:
                    self.query("SELECT standin.workflow_complete(%s, %s)", [workflow_id, token], user="teller")
                    ended += 1
        assert ended == len(workflow_ids)

    def scheduler(self):
        return self.query("SELECT state, pid FROM standin.stat_worker WHERE kind = 'scheduler'")


def written(moment):
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


@pytest.fixture(scope="module")
def server():
    cluster = postgres.service("schedule", scratch.scratch(), settings={"pg_standin.allow_test_clock": "on"}).init().start()
    cluster.query("CREATE DATABASE bank")
    cluster.psql("-c", SETUP, dbname="bank")
    yield cluster
    cluster.stop()
    assert "with the product's rights" not in cluster.process.log.read_text(errors="replace")


@pytest.fixture
def bank(server):
    """Without the schedules of the tests before."""
    database = Bank(server)
    database.query("SELECT standin.schedule_drop(schedule) FROM standin.schedules")
    return database


@contextlib.contextmanager
def refused(sqlstate, message=None, hint=None):
    with pytest.raises(psycopg2.Error) as raised:
        yield
    error = raised.value
    assert error.pgcode == sqlstate, error
    assert message is None or message in error.diag.message_primary, error
    assert hint is None or hint in (error.diag.message_hint or ""), error


def test_a_tick_starts_one_workflow_as_the_role_of_the_schedule(bank):
    await_("no scheduler", lambda: bank.scheduler() == [])
    bank.create("noted", "@hourly", "note", input='{"a": 1}')
    hour = bank.next_hour()
    await_("the workflow's end", lambda: (bank.schedule("noted")["last_status"], bank.schedule("noted")["last_tick"]) == ("completed", hour))
    assert bank.ids("noted") == [written(hour)]
    assert bank.query("SELECT * FROM seen WHERE workflow_id LIKE 'noted@%%'") == [(f"noted@{written(hour)}", "teller", {"a": 1})]
    schedule = bank.schedule("noted")
    assert (schedule["status"], schedule["started"], schedule["missed"], schedule["skipped"], schedule["role"]) == ("active", 1, 0, 0, "teller")
    assert schedule["next_tick"] == hour + datetime.timedelta(hours=1) == schedule["due_at"]
    assert schedule["last_workflow"] == f"noted@{written(hour)}"
    for _ in range(3):
        bank.query("SELECT standin_private.wake('schedule')")
    second = bank.next_hour()
    await_("the second", lambda: bank.ids("noted") == [written(hour), written(second)])
    assert (bank.schedule("noted")["started"], bank.schedule("noted")["missed"]) == (2, 0)


def test_there_is_a_scheduler_while_there_is_an_active_schedule(bank):
    await_("none", lambda: bank.scheduler() == [])
    bank.create("one", "@daily")
    await_("one", lambda: [state for state, _ in bank.scheduler()] == ["idle"])
    bank.query("SELECT standin.schedule_pause('one', 'a test')", user="teller")
    await_("none while it is paused", lambda: bank.scheduler() == [])
    bank.query("SELECT standin.schedule_resume('one')", user="teller")
    bank.create("two", "* * * * * *", ends_at=bank.now() + datetime.timedelta(seconds=2))
    bank.query("SELECT standin.schedule_drop('one')")
    await_("the end of two", lambda: bank.schedule("two")["status"] == "ended")
    await_("none when all have ended", lambda: bank.scheduler() == [])


def test_a_transaction_that_is_rolled_back_makes_no_schedule(bank):
    with contextlib.closing(bank.server.connect("bank", autocommit=False, user="teller")) as session:
        session.cursor().execute("SELECT standin.schedule_create('never', 'report', '* * * * * *')")
        session.rollback()
    assert bank.schedule("never") is None
    assert bank.value("SELECT count(*) FROM standin_private.workflow_run WHERE name = 'report' AND workflow_id !~ '@'") == 0


@pytest.mark.parametrize("zone, spring, autumn, clock", [
    ("Europe/Berlin", "2027-03-28 01:00Z", "2027-10-31 01:00Z", "02:30"),
    ("America/New_York", "2028-03-12 07:00Z", "2028-11-05 06:00Z", "01:30"),
    ("Australia/Lord_Howe", "2029-10-06 15:30Z", "2030-04-06 15:00Z", "01:45"),
])
def test_ticks_across_both_changes_of_clocks(bank, zone, spring, autumn, clock):
    spring, autumn = (datetime.datetime.fromisoformat(text.replace("Z", "+00:00")) for text in (spring, autumn))
    hour, minute = clock.split(":")
    gap = {"Australia/Lord_Howe": "15 2 * * *"}.get(zone, "30 2 * * *")
    options = {"time_zone": zone, "backfill": "all", "backfill_window": "30 days"}
    bank.advance_to(spring - datetime.timedelta(hours=12))
    bank.create("skipped", gap, **options)
    bank.create("hourly", "0 * * * *", **options)
    bank.advance_to(spring + datetime.timedelta(hours=6))
    bank.settled("skipped"), bank.settled("hourly")
    assert bank.ids("skipped")[-1] == written(spring), "once, after the gap"
    assert bank.schedule("skipped")["started"] == 1
    elapsed = [datetime.datetime.fromisoformat(tick.replace("Z", "+00:00")) for tick in bank.ids("hourly")[-bank.schedule("hourly")["started"]:]]
    allowed = {1.0} if zone != "Australia/Lord_Howe" else {1.0, 0.5, 1.5}
    assert {(b - a).total_seconds() / 3600 for a, b in zip(elapsed, elapsed[1:])} <= allowed
    assert len(elapsed) in (17, 18)

    bank.query("SELECT standin.schedule_drop(schedule) FROM standin.schedules")
    bank.advance_to(autumn - datetime.timedelta(hours=12))
    bank.create("repeated", f"{minute} {hour} * * *", **options)
    bank.create("halves", f"{minute} * * * *", **options)
    bank.advance_to(autumn + datetime.timedelta(hours=12))
    bank.settled("repeated"), bank.settled("halves")
    shown = f"SELECT count(*) FROM generate_series(%s::timestamptz - interval '3 h', %s::timestamptz + interval '3 h', '15 min') t WHERE (t AT TIME ZONE '{zone}')::time = %s"
    assert bank.value(shown, [autumn, autumn, clock]) == 2, "the clocks show it twice"
    assert bank.schedule("repeated")["started"] == 1, "and it starts once"
    assert bank.ids("repeated")[-1] < written(autumn)
    assert bank.schedule("halves")["started"] == 24, "each hour that passes"
    assert bank.schedule("halves")["missed"] == 0


def test_a_leap_day_comes_every_four_years(bank):
    bank.create("leap", "0 12 29 2 *", time_zone="Europe/Berlin")
    tick = bank.schedule("leap")["next_tick"]
    assert (tick.year % 4, tick.month, tick.day, tick.hour) == (0, 2, 29, 11)
    bank.advance_to(tick + datetime.timedelta(seconds=1))
    await_("its workflow", lambda: bank.ids("leap") == [written(tick)])
    assert bank.schedule("leap")["next_tick"].year == tick.year + 4


@pytest.mark.parametrize("backfill, started, missed", [("none", [], 5), ("last", [5], 4), ("all", [1, 2, 3, 4, 5], 0), ("window", [4, 5], 3)])
def test_what_was_missed_is_made_up_as_the_schedule_says(bank, backfill, started, missed):
    """As after a stop of the server, or of the machine: the clock jumps."""
    options = {"backfill": "all", "backfill_window": "2 h"} if backfill == "window" else {"backfill": backfill}
    name = f"backfill_{backfill}"
    first = bank.next_hour()
    bank.create(name, "@hourly", **options)
    bank.advance_to(first + datetime.timedelta(hours=5, minutes=30))
    bank.settled(name)
    assert bank.ids(name) == [written(first + datetime.timedelta(hours=n)) for n in started]
    assert (bank.schedule(name)["started"], bank.schedule(name)["missed"]) == (len(started), missed)
    next_hour = bank.next_hour()
    await_("the next one, in time", lambda: bank.ids(name)[-1:] == [written(next_hour)])


def test_a_year_of_seconds_is_gone_through(bank):
    bank.create("seconds", "* * * * * *")
    bank.advance(days=20)
    await_("it to be counted", lambda: bank.schedule("seconds")["missed"] > 20 * 86400 - 1000, 120)
    await_("it to go on", lambda: bank.schedule("seconds")["started"] > 0)


def test_overlap_allow_skip_and_buffer_one(bank):
    for overlap in ("allow", "skip", "buffer_one"):
        bank.create(f"overlap_{overlap}", "@hourly", overlap=overlap)
    hours = []
    for _ in range(3):
        hours.append(bank.next_hour())
        for overlap in ("allow", "skip"):
            bank.settled(f"overlap_{overlap}")
        await_("the tick to be decided", lambda: bank.schedule("overlap_buffer_one")["next_tick"] > hours[-1])
    assert bank.ids("overlap_allow") == [written(hour) for hour in hours]
    assert bank.ids("overlap_skip") == bank.ids("overlap_buffer_one") == [written(hours[0])]
    assert bank.schedule("overlap_skip")["skipped"] == 2
    buffering = bank.schedule("overlap_buffer_one")
    assert (buffering["buffered_tick"], buffering["skipped"], buffering["status"]) == (hours[1], 1, "active")
    bank.end(*(f"overlap_{overlap}@{written(hours[0])}" for overlap in ("skip", "buffer_one")))
    await_("the buffered tick", lambda: bank.ids("overlap_buffer_one") == [written(hours[0]), written(hours[1])])
    assert bank.ids("overlap_skip") == [written(hours[0])]
    hours.append(bank.next_hour())
    await_("the next tick", lambda: bank.ids("overlap_skip") == [written(hours[0]), written(hours[3])])


def test_a_pause_starts_nothing_and_makes_nothing_up(bank):
    bank.create("paused", "@hourly", backfill="all")
    with refused("22023", "a pause needs a reason"):
        bank.query("SELECT standin.schedule_pause('paused', ' ')", user="teller")
    bank.query("SELECT standin.schedule_pause('paused', 'month end')", user="teller")
    schedule = bank.schedule("paused")
    assert (schedule["status"], schedule["paused_reason"], schedule["paused_by"], schedule["due_at"]) == ("paused", "month end", "teller", None)
    bank.next_hour(), bank.next_hour()
    bank.query("SELECT standin.schedule_alter('paused', jitter => '1 s')", user="teller")
    assert bank.schedule("paused")["status"] == "paused"
    bank.query("SELECT standin.schedule_resume('paused')", user="teller")
    hour = bank.next_hour() + datetime.timedelta(0)
    bank.advance(seconds=1)
    await_("the first after it", lambda: bank.ids("paused") == [written(hour)])


def test_jitter_delays_a_tick_the_same_each_time(bank):
    bank.create("jitter", "@daily", jitter="1 h")
    before = bank.schedule("jitter")
    assert datetime.timedelta(0) < before["due_at"] - before["next_tick"] < datetime.timedelta(hours=1)
    bank.query("SELECT standin.schedule_drop('jitter')")
    bank.create("jitter", "@daily", jitter="1 h")
    assert bank.schedule("jitter")["due_at"] == before["due_at"]
    bank.advance_to(before["due_at"] - datetime.timedelta(seconds=30))
    bank.settled("jitter")
    assert bank.ids("jitter") == []
    bank.advance(seconds=31)
    await_("its workflow", lambda: bank.ids("jitter") == [written(before["next_tick"])])


def test_a_change_counts_from_now_on(bank):
    bank.create("changed", "@yearly", backfill="all", backfill_window="100 years")
    bank.query("SELECT standin.schedule_alter('changed', cron => '@hourly', input => '[1]')", user="teller")
    hour = bank.next_hour()
    await_("a tick of the new expression", lambda: bank.ids("changed") == [written(hour)])
    assert bank.value("SELECT input FROM standin.workflows WHERE workflow_id = %s", [f"changed@{written(hour)}"]) == [1]
    bank.query("SELECT standin.schedule_alter('changed', overlap => 'skip', time_zone => 'Asia/Kathmandu')", user="teller")
    assert bank.schedule("changed")["next_tick"].minute == 15
    bank.query("SELECT standin.schedule_reset('changed', 'overlap', 'time_zone', 'input')", user="teller")
    assert bank.query("SELECT option, value FROM standin.options WHERE (object, name) = ('schedule', 'changed') AND value IS DISTINCT FROM \"default\" ORDER BY 1") == [
        ("backfill", "all"), ("backfill_window", "100 years"), ("cron", "@hourly"), ("workflow", "report")]


def test_trigger_now_starts_beside_the_ticks(bank):
    bank.create("by_hand", "@yearly", overlap="skip")
    bank.query("SELECT standin.schedule_pause('by_hand', 'a test')", user="teller")
    started = bank.value("SELECT standin.schedule_trigger_now('by_hand')", user="admin")
    assert bank.query("SELECT name, submitter_name FROM standin.workflows WHERE workflow_id = %s", [started]) == [("report", "teller")]
    with refused("55006", "is open"):
        bank.query("SELECT standin.schedule_trigger_now('by_hand')", user="teller")
    assert bank.schedule("by_hand")["last_workflow"] == started


def test_an_application_has_its_own_schedules_only(bank):
    bank.create("own", "@hourly", input='{"secret": 1}')
    assert bank.query("SELECT schedule FROM standin.schedules", user="other") == []
    assert bank.query("SELECT schedule FROM standin.schedules", user="auditor") == [("own",)]
    for call in ("alter('own', cron => '@daily')", "reset('own', 'jitter')", "drop('own')", "pause('own', 'x')", "resume('own')", "trigger_now('own')"):
        with refused("42704", 'schedule "own" does not exist'):
            bank.query(f"SELECT standin.schedule_{call}", user="other")
        with refused("42501"):
            bank.query(f"SELECT standin.schedule_{call}", user="auditor")
    with refused("42710", "already exists"):
        bank.create("own", "@hourly", user="other")
    with refused("42501", "permission denied to schedule workflows of role"):
        bank.create("another's", "@hourly", user="other", role="teller")
    with refused("42501", "permission denied to schedule workflows of role"):
        bank.create("a superuser's", "@hourly", user="other", role="postgres")
    with refused("42501", "permission denied for procedure"):
        bank.create("what it may not start", "@hourly", "secret", user="other")
    with refused("42704", "is not defined"):
        bank.create("unknown", "@hourly", "nothing", user="other")
    # An admin looks after all of them, but does not make a role start what the role has not asked for.
    bank.query("SELECT standin.schedule_alter('own', cron => '@daily'), standin.schedule_pause('own', 'x'), standin.schedule_resume('own')", user="admin")
    for change in ("input => '[]'", "workflow => 'note'", "role => 'admin'"):
        with refused("42501", "permission denied to schedule workflows of role"):
            bank.query(f"SELECT standin.schedule_alter('own', {change})", user="admin")
    with refused("42501", "permission denied for"):
        bank.create("an admin is no application", "@hourly", user="admin")
    # A member has the rights of its role, and may give a schedule to it.
    bank.query("GRANT teller TO other")
    bank.query("SELECT standin.schedule_alter('own', input => '[2]')", user="other")
    bank.create("given", "@hourly", user="other", role="teller")
    assert bank.schedule("given")["role"] == "teller"
    bank.query("SELECT standin.schedule_alter('given', role => 'other')", user="other")
    bank.query("REVOKE teller FROM other")
    with refused("42501"):
        bank.query("SELECT standin.schedule_alter('given', role => 'teller')", user="other")


LOSSES = {
    "login": ("ALTER ROLE clerk NOLOGIN", "ALTER ROLE clerk LOGIN", "42501"),
    "right to start": ("REVOKE standin_app FROM clerk", "GRANT standin_app TO clerk", "42501"),
    "superuser": ("ALTER ROLE clerk SUPERUSER", "ALTER ROLE clerk NOSUPERUSER", "42501"),
    "procedure": ("ALTER PROCEDURE note RENAME TO not_there", "ALTER PROCEDURE not_there RENAME TO note", "42883"),
    "role": ("ALTER ROLE clerk RENAME TO gone", "ALTER ROLE gone RENAME TO clerk", "42704"),
    "workflow": ("UPDATE standin_private.workflow_definition SET name = 'gone' WHERE name = 'note'",
                 "UPDATE standin_private.workflow_definition SET name = 'note' WHERE name = 'gone'", "42704"),
}


@pytest.mark.parametrize("loss", LOSSES)
def test_one_that_cannot_start_stops_no_other_and_goes_on_when_mended(bank, loss):
    broken, mended, sqlstate = LOSSES[loss]
    name = f"lost {loss}"
    bank.create(name, "@hourly", "note", user="clerk", backfill="all")
    bank.create(f"beside {loss}", "@hourly")
    bank.query(broken)
    hour = bank.next_hour()
    try:
        await_("the other", lambda: bank.ids(f"beside {loss}") == [written(hour)])
        await_("the failure", lambda: bank.schedule(name)["status"] == "failing")
        schedule = bank.schedule(name)
        assert schedule["error_sqlstate"] == sqlstate and schedule["error_message"] and schedule["error_at"], schedule
        assert bank.ids(name) == []
        second = bank.next_hour()
        await_("the other again", lambda: bank.ids(f"beside {loss}") == [written(hour), written(second)])
        await_("another try", lambda: bank.schedule(name)["failures"] > 1)
    finally:
        bank.query(mended)
    bank.advance(minutes=2)
    await_("both ticks", lambda: bank.ids(name) == [written(hour), written(second)])
    schedule = bank.schedule(name)
    assert (schedule["status"], schedule["failures"], schedule["error_sqlstate"], schedule["missed"]) == ("active", 0, None, 0)


def test_a_tick_whose_id_is_taken_is_missed(bank):
    bank.create("taken", "@hourly")
    tick = bank.schedule("taken")["next_tick"]
    bank.query("SELECT standin.workflow_start('report', %s, '{\"not\": \"mine\"}')", [f"taken@{written(tick)}"], user="other")
    bank.next_hour()
    await_("it to be missed", lambda: bank.schedule("taken")["missed"] == 1)
    assert bank.schedule("taken")["error_sqlstate"] == "23505"
    hour = bank.next_hour()
    await_("the next tick", lambda: bank.ids("taken")[-1] == written(hour))
    assert bank.schedule("taken")["status"] == "active"


def test_a_locked_schedule_holds_no_other_up(bank):
    bank.create("locked", "@hourly"), bank.create("free", "@hourly")
    with contextlib.closing(bank.server.connect("bank", autocommit=False, user="teller")) as session:
        session.cursor().execute("SELECT standin.schedule_alter('locked', jitter => '1 s')")
        hour = bank.next_hour()
        await_("the other", lambda: bank.ids("free") == [written(hour)])
        assert bank.ids("locked") == []
        session.commit()
    bank.advance(seconds=1)
    await_("it, too", lambda: bank.ids("locked") == [written(hour)])


@pytest.mark.parametrize("cron, place", [
    ("", 'Character 1: ">><<"'), ("* * * *", "Character 8"), ("* * * * * * *", "Character 13"), ("61 * * * *", 'Character 1: ">>61<< * * * *"'),
    ("* 5-3 * * *", "Character 3"), ("* * * * mon,tus", 'Character 13: "* * * * mon,>>tus<<"'), ("@sometimes", "Character 1"), ("*/0 * * * *", "Character 3"),
    ("0 0 30 2 *", "No month"), ("%s %d * * *", "Character 1"), ("0 0 * * ' OR 1", "Character"), ("\u00e4\u00e4 * * * *", "Character 1"), ("x" * 1001, "at most 1000"),
])
def test_a_wrong_expression_is_refused_with_its_place(bank, cron, place):
    bank.create("right", "@daily")
    with refused("22023", "cron expression", place):
        bank.create("wrong", cron)
    with refused("22023", "cron expression", place):
        bank.query("SELECT standin.schedule_alter('right', cron => %s)", [cron])
    if place != "No month":
        with refused("22023", "cron expression", place):
            bank.query("SELECT * FROM standin.schedule_preview(%s)", [cron], user="teller")
    assert bank.schedule("wrong") is None and bank.schedule("right")["cron"] == "@daily"


@pytest.mark.parametrize("sqlstate, options", [
    ("22023", {"time_zone": "Europe/Nowhere"}), ("22023", {"time_zone": ""}), ("22023", {"overlap": "sometimes"}), ("22023", {"backfill": "some"}),
    ("22023", {"jitter": "-1 s"}), ("22023", {"jitter": "25 h"}), ("22023", {"backfill_window": "-1 s"}), ("22023", {"starts_at": "infinity"}),
    ("22023", {"starts_at": "2100-01-01", "ends_at": "2099-01-01"}), ("22023", {"ends_at": "2000-01-01"}), ("42704", {"role": "nobody_there"}),
    ("22023", {"starts_at": "20000-01-01"}),
])
def test_wrong_options_are_refused(bank, sqlstate, options):
    with refused(sqlstate):
        bank.create("wrong", "@daily", **options)
    assert bank.schedule("wrong") is None
    with refused("42602"):
        bank.create("x" * 201, "@daily")
    with refused("22004"):
        bank.create(None, "@daily")
    with refused("22023", 'invalid value for option "cron": null'):
        bank.create("wrong", None)


def test_no_tick_before_starts_at_and_after_ends_at(bank):
    hour = bank.next_hour()
    bank.create("bounded", "*/10 * * * *", backfill="all", starts_at=hour + datetime.timedelta(minutes=10, microseconds=1),
                ends_at=hour + datetime.timedelta(minutes=40))
    assert bank.schedule("bounded")["next_tick"] == hour + datetime.timedelta(minutes=20)
    bank.next_hour()
    await_("its end", lambda: bank.schedule("bounded")["status"] == "ended")
    assert bank.ids("bounded") == [written(hour + datetime.timedelta(minutes=n)) for n in (20, 30, 40)]
    bank.query("SELECT standin.schedule_alter('bounded', ends_at => %s)", [bank.now() + datetime.timedelta(hours=2)], user="teller")
    assert bank.schedule("bounded")["status"] == "active"


def test_a_superuser_schedules_what_needs_no_rights_of_a_superuser(bank):
    with refused("42501"):
        bank.create("privileged", "@hourly", "note", user="postgres")
    bank.create("plain", "@hourly", user="postgres")
    hour = bank.next_hour()
    await_("its workflow", lambda: bank.ids("plain") == [written(hour)])


def test_a_clock_that_was_put_back_holds_no_other_try_up(bank):
    bank.create("retried", "@hourly", "note", user="clerk", backfill="all")
    try:
        bank.query("ALTER ROLE clerk NOLOGIN")
        hour = bank.next_hour()
        await_("the failure", lambda: bank.schedule("retried")["status"] == "failing")
        bank.query("UPDATE standin_private.schedule SET due_at = due_at + interval '1 day'")  # as such a clock had it
    finally:
        bank.query("ALTER ROLE clerk LOGIN")
    bank.query("SELECT standin_private.clock_shift('1 day')")
    await_("the next try", lambda: bank.ids("retried") == [written(hour)])


def test_preview_shows_ticks_and_the_clocks_of_the_zone(bank):
    rows = bank.query("SELECT tick, local_time FROM standin.schedule_preview('30 2 * * *', 'Europe/Berlin', '2026-03-28 00:00+01', 3)", user="auditor")
    assert [(written(tick), str(local)) for tick, local in rows] == [
        ("2026-03-28T01:30:00Z", "2026-03-28 02:30:00"), ("2026-03-29T01:00:00Z", "2026-03-29 03:00:00"), ("2026-03-30T00:30:00Z", "2026-03-30 02:30:00")]
    assert bank.query("SELECT tick FROM standin.schedule_preview('@daily', from_time => '2026-01-01Z', count => 1)") == [(datetime.datetime(2026, 1, 1, tzinfo=UTC),)]
    assert bank.query("SELECT * FROM standin.schedule_preview('0 0 30 2 *')") == []
    for arguments in ("'@daily', count => 0", "'@daily', count => 1001", "'@daily', 'nowhere'"):
        with refused("22023"):
            bank.query(f"SELECT * FROM standin.schedule_preview({arguments})", user="teller")
    with refused("22008"):
        bank.query("SELECT * FROM standin.schedule_preview('@daily', from_time => 'infinity')", user="teller")


def test_a_restored_copy_schedules_nothing_until_it_is_adopted(bank):
    bank.create("copied", "@hourly", backfill="last")
    hour = bank.next_hour()
    await_("a tick", lambda: bank.ids("copied") == [written(hour)])
    dump = bank.server.directory / "bank.dump"
    bank.server.tool("pg_dump", "-Fc", "-f", dump, "bank")
    bank.server.query("CREATE DATABASE copy")
    bank.server.tool("pg_restore", "--exit-on-error", "-d", "copy", dump)
    copy = Bank(bank.server, "copy")
    ours = "SELECT * FROM standin_private.schedule"
    await_("the refusal", lambda: [(state, pid) for state, pid in copy.scheduler()] == [("refused", None)])
    second = bank.next_hour()
    await_("the original's tick", lambda: bank.ids("copied") == [written(hour), written(second)])
    assert copy.ids("copied") == [written(hour)]
    assert copy.schedule("copied")["last_tick"] == hour and len(copy.query(ours)) == 1
    with refused("55000", "was not adopted"):
        copy.query("SELECT standin.schedule_trigger_now('copied')")
    copy.query("SELECT standin.instance_adopt('a test')")
    await_("the tick in the copy", lambda: copy.ids("copied") == [written(hour), written(second)])
    bank.server.query("DROP DATABASE copy WITH (FORCE)")


@pytest.fixture(scope="module")
def running():
    """A server whose clock is the real one: it survives no crash otherwise."""
    cluster = postgres.service("running", scratch.scratch()).init().start()
    cluster.query("CREATE DATABASE bank")
    cluster.psql("-c", SETUP, dbname="bank")
    yield Bank(cluster)
    cluster.stop()


def every_second(bank, name):
    """Whether each second from the first tick to the last started one workflow."""
    ticks = [datetime.datetime.fromisoformat(tick.replace("Z", "+00:00")) for tick in bank.ids(name)]
    assert all(after - before == datetime.timedelta(seconds=1) for before, after in zip(ticks, ticks[1:])), ticks
    assert bank.value("SELECT started FROM standin.schedules WHERE schedule = %s", [name]) >= len(ticks)
    return len(ticks)


@pytest.mark.parametrize("point", ["schedule_before_commit", "schedule_after_commit"])
def test_a_kill_between_start_and_commit_loses_and_doubles_no_tick(running, point):
    running.create(point, "* * * * * *")
    await_("some ticks", lambda: every_second(running, point) >= 2)
    crashed = running.server.process.log.read_text(errors="replace").count("was terminated by signal 9")
    running.query("DELETE FROM standin_private.worker_mark; SELECT standin_private.crash_point_arm(%s)", [point])
    await_("the crash", lambda: running.server.process.log.read_text(errors="replace").count("was terminated by signal 9") > crashed)
    before = await_("the server", lambda: len(running.ids(point)))
    await_("it to go on", lambda: every_second(running, point) >= before + 5)
    assert running.schedule(point)["missed"] == 0
    running.query("SELECT standin.schedule_drop(%s)", [point])


def test_a_kill_of_the_whole_server_loses_and_doubles_no_tick(running):
    running.create("killed", "* * * * * *", "note", backfill="all")
    for _ in range(3):
        before = len(running.ids("killed"))
        await_("some ticks", lambda: every_second(running, "killed") >= before + 2)
        running.server.kill9()
        running.server.start()
    before = len(running.ids("killed"))
    await_("it to go on", lambda: every_second(running, "killed") >= before + 3, 120)
    running.query("SELECT standin.schedule_pause('killed', 'a test')")
    await_("the ends of all", lambda: running.value("SELECT bool_and(status = 'completed') FROM standin.workflows WHERE name = 'note'"), 120)
    assert running.query("SELECT count(*), count(DISTINCT workflow_id) FROM seen") == [(len(running.ids("killed")),) * 2]
    running.query("SELECT standin.schedule_drop('killed')")


def test_ticks_of_a_short_stop_are_started_late(running):
    running.create("stopped", "* * * * * *")
    await_("some ticks", lambda: every_second(running, "stopped") >= 2)
    running.server.stop()
    stopped = time.monotonic()
    await_("time to pass", lambda: time.monotonic() > stopped + 3)
    running.server.start()
    before = every_second(running, "stopped")
    await_("it to go on", lambda: every_second(running, "stopped") >= before + 4)
    assert running.schedule("stopped")["missed"] == 0
    running.query("SELECT standin.schedule_drop('stopped')")
