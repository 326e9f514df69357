"""Dead letters: retried one by one, by filter, in order, never over newer states unasked; discarded with a reason. What is the
world's fault is tried again and never becomes one."""

import psycopg2
import pytest

from harness.await_ import await_
from streams import Stream, event, kafka  # noqa: F401


def letters(bank, source, what="record_offset, attempts, sqlstate"):
    return bank.query(f"select {what} from standin.cdc_dead_letters where source = %s order by topic, partition, record_offset", [source])


def retry(bank, source, offset, more=""):
    bank.query(f"select standin.cdc_dead_letter_retry(%s, %s, 0, %s{more})", [source, f"{source}.topic", offset])


def test_retry(kafka, bank):
    stream = Stream(bank, "retried", "id int primary key, v int check (v < 100)")
    stream.produce([event("c", {"id": 1, "v": 1}), event("u", {"id": 1, "v": 500}), event("c", {"id": 2, "v": 200}),
                    event("u", {"id": 2, "v": 300}), event("c", {"id": 3, "v": 3})])
    stream.applied(5)
    assert letters(bank, "retried") == [(1, 1, "23514"), (2, 1, "23514"), (3, 1, "23514")]
    # In vain: one attempt more, the new error.
    retry(bank, "retried", 1)
    await_("the second attempt", lambda: letters(bank, "retried")[0] == (1, 2, "23514"), 30)
    assert letters(bank, "retried", "retry_at")[0] == (None,)
    # The cause is gone: all of them, in order, so that the last state of row 2 stays. Also while the source is paused.
    bank.query("alter table retried drop constraint retried_v_check; select standin.cdc_pause('retried')")
    await_("the pause", lambda: stream.state() == "paused", 30)
    assert bank.value("select standin.cdc_dead_letter_retry('retried', sqlstate => '22001')") == 0
    assert bank.value("select standin.cdc_dead_letter_retry('retried', 'retried.topic', '23514')") == 3
    await_("the retries", lambda: letters(bank, "retried") == [], 30)
    assert stream.rows() == [(1, 500), (2, 300), (3, 3)]
    bank.query("select standin.cdc_resume('retried')")
    stream.produce([event("u", {"id": 1, "v": 7})])
    stream.applied(6)
    assert stream.rows() == [(1, 7), (2, 300), (3, 3)]
    stream.drop()


def test_retry_under_a_pattern(kafka, bank):
    """The letters of each topic that matches, by its own name."""
    bank.query("create table gathered (id int primary key, v int check (v < 100)); alter table gathered owner to replica;"
               "select standin.cdc_source_create('gathered', 'kafka')")
    for name in "a", "b":
        kafka.topic_create(f"gathered.{name}")
    bank.query(r"select standin.cdc_table_add('gathered', '^gathered\.', 'gathered')")
    kafka.produce("gathered.a", [event("c", {"id": 1, "v": 500}), event("c", {"id": 2, "v": 2})])
    kafka.produce("gathered.b", [event("c", {"id": 3, "v": 300})])
    await_("the letters", lambda: letters(bank, "gathered", "topic, record_offset") == [("gathered.a", 0), ("gathered.b", 0)], 60)
    bank.query("alter table gathered drop constraint gathered_v_check")
    bank.query("select standin.cdc_dead_letter_retry('gathered', 'gathered.b', 0, 0)")
    await_("one retry", lambda: letters(bank, "gathered", "topic, record_offset") == [("gathered.a", 0)], 60)
    assert bank.query("select * from gathered order by id") == [(2, 2), (3, 300)]
    assert bank.value("select standin.cdc_dead_letter_retry('gathered', topic => 'gathered.a')") == 1
    await_("the other", lambda: letters(bank, "gathered") == [], 60)
    assert bank.query("select * from gathered order by id") == [(1, 500), (2, 2), (3, 300)]
    bank.query("select standin.cdc_source_drop('gathered')")


def test_a_retry_brings_no_old_values_back(kafka, bank):
    stream = Stream(bank, "stale", "id int primary key, v int check (v < 100)")
    # In one batch, and over batches and a restart; a delete and its tombstone; another key.
    stream.produce([event("c", {"id": 1, "v": "abc"}), event("c", {"id": 2, "v": 600}), event("c", {"id": 1, "v": 11}), event("c", {"id": 3, "v": 700}), ({"id": 3}, None)])
    stream.applied(5)
    assert letters(bank, "stale", "record_offset, superseded_by") == [(0, 2), (1, None), (3, None)]
    bank.query("select standin.cdc_pause('stale')")
    await_("the pause", lambda: stream.state() == "paused", 30)
    bank.query("select standin.cdc_resume('stale')")
    stream.produce([event("d", {"id": 2})])
    stream.applied(6)
    assert letters(bank, "stale", "record_offset, superseded_by") == [(0, 2), (1, 5), (3, None)]
    bank.query("alter table stale drop constraint stale_v_check")
    for offset in (0, 1):
        with pytest.raises(psycopg2.Error, match="a retry may bring old values back") as refused:
            retry(bank, "stale", offset)
        assert refused.value.pgcode == "55000"
    assert bank.value("select standin.cdc_dead_letter_retry('stale')") == 1
    await_("the one that may", lambda: letters(bank, "stale", "record_offset") == [(0,), (1,)], 30)
    assert stream.rows() == [(1, 11), (3, 700)]
    retry(bank, "stale", 1, ", force => true")
    await_("the one that was forced", lambda: letters(bank, "stale", "record_offset") == [(0,)], 30)
    assert stream.rows() == [(1, 11), (2, 600), (3, 700)]
    assert bank.query("select standin.cdc_dead_letter_discard('stale', 'stale.topic', 0, 0, 'superseded')") is not None
    assert letters(bank, "stale") == []
    assert bank.query("select record_offset, superseded_by, discarded_by, reason from standin.cdc_dead_letters_discarded") == [(0, 2, "postgres", "superseded")]
    # Taken back, it is as it was, and a retry that is insisted on applies it.
    bank.query("select standin.cdc_dead_letter_restore('stale', 'stale.topic', 0, 0)")
    assert letters(bank, "stale", "record_offset, superseded_by") == [(0, 2)]
    bank.query("alter table stale alter v type text")
    retry(bank, "stale", 0, ", force => true")
    await_("the one that was taken back", lambda: letters(bank, "stale") == [], 30)
    assert stream.rows() == [(1, "abc"), (2, "600"), (3, "700")]
    stream.drop()


def test_redacted_record_is_read_again(kafka, bank):
    kafka.topic_create("hidden.topic")
    bank.query("create table hidden (id int primary key, pan text check (length(pan) < 5)); alter table hidden owner to replica")
    bank.query("select standin.cdc_source_create('hidden', 'kafka', paused => true)")
    bank.query("select standin.cdc_table_add('hidden', 'hidden.topic', 'hidden')")
    bank.query("select standin.cdc_column_map('hidden', 'hidden.topic', 'pan', mask => 'last4')")
    bank.query("select standin.cdc_resume('hidden')")
    kafka.produce("hidden.topic", [event("c", {"id": 1, "pan": "4000123412341234"}), event("c", {"id": 2, "pan": "4000123412345678"})])
    await_("the dead letters", lambda: len(letters(bank, "hidden")) == 2, 60)
    assert "12341234" not in bank.value("select string_agg(convert_from(value, 'UTF8') || error, '') from standin.cdc_dead_letters where source = 'hidden'")
    bank.query("alter table hidden drop constraint hidden_pan_check")
    assert bank.value("select standin.cdc_dead_letter_retry('hidden')") == 2
    await_("the retry", lambda: letters(bank, "hidden") == [], 60)
    assert [row[1][-4:] for row in bank.query("select * from hidden order by 1")] == ["1234", "5678"]
    bank.query("select standin.cdc_source_drop('hidden')")


def test_faults_of_the_world(kafka, bank):
    """A lock, a privilege, a time limit, a deadlock's victim, a failing disk: the batch waits, and is applied in the end."""
    stream = Stream(bank, "worldly", "id int primary key, v int")
    stream.produce([event("c", {"id": 0, "v": 0})])
    stream.applied(1)
    for number, sqlstate in enumerate(("40P01", "53100", "57014", "55P03", "XX000", "42P01", "57P01"), 1):
        bank.query("create or replace function fault() returns trigger language plpgsql as "
                   f"$$ begin raise exception 'simulated' using errcode = '{sqlstate}'; end $$")
        bank.query("create trigger fault before insert on worldly for each row execute function fault()")
        stream.produce([event("c", {"id": number, "v": number})])
        await_(f"the complaint {sqlstate}", lambda: stream.stat("error_sqlstate") == sqlstate and stream.state() == ("troubled" if sqlstate == "42P01" else "retrying"), 60)
        assert stream.stat("next_offset") == number
        bank.query("drop trigger fault on worldly")
        stream.applied(number + 1)
    bank.query("revoke insert on worldly from replica")
    stream.produce([event("c", {"id": 8, "v": 8})])
    await_("the complaint", lambda: stream.stat("error_sqlstate") == "42501", 60)
    bank.query("grant insert on worldly to replica")
    stream.applied(9)
    assert letters(bank, "worldly") == [] and len(stream.rows()) == 9
    # A trigger's own word about the row is the record's fault.
    bank.query("create or replace function fault() returns trigger language plpgsql as $$ begin raise exception 'no such customer' using errcode = 'BK001'; end $$")
    bank.query("create trigger fault before insert on worldly for each row execute function fault()")
    stream.produce([event("c", {"id": 9, "v": 9})])
    stream.applied(10)
    assert letters(bank, "worldly") == [(9, 1, "BK001")]
    stream.drop()
