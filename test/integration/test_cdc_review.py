"""Change capture at its edges: records that would stop a stream for good, values that would be stored wrong without a word,
tables wider or stranger than most."""

import json

import psycopg2
import pytest

from harness.await_ import await_
from harness.process import run
from test_cdc import Stream, event, kafka  # noqa: F401 (a fixture)


def test_absurd_times_stop_no_stream(kafka, bank):
    """What the source says about its clock is a number of anybody's choice."""
    stream = Stream(bank, "absurd", "id int primary key, v int")
    records = []
    for number, time in enumerate([{"ts_us": 9223372036854775807}, {"ts_ms": 9223372036854775807}, {"ts_us": -9223372036854775808}]):
        key, value = event("c", {"id": number, "v": 1})
        value["source"] = time
        records.append((key, value))
    stream.produce(records)
    stream.applied(3)
    assert len(stream.rows()) == 3 and stream.dead_letters() == [] and stream.stat("source_at") is None
    stream.drop()


def test_wide_table_through_sql(kafka, bank):
    """More columns than a function may have arguments."""
    count = 150
    stream = Stream(bank, "wide", "id int primary key, " + ", ".join(f"c{i} int" for i in range(count))
                    + ", total int generated always as (c0 + 1) stored")
    stream.produce([event("c", {"id": 1} | {f"c{i}": i for i in range(count)}), event("u", {"id": 1} | {f"c{i}": i + 1 for i in range(count)})])
    stream.applied(2)
    assert [row[:-1] for row in stream.rows()] == [(1, *range(1, count + 1))]
    stream.drop()


def test_keys_that_are_equal_only_once_stored(kafka, bank):
    """1.3 s and 1.4 s are two keys in the events and one in timestamptz(0): each change is applied after the one before."""
    stream = Stream(bank, "rounded", "id timestamptz(0) primary key, v int", rounding="'round'")
    at = lambda fraction, v, op="u": event(op, {"id": f"2026-11-24T10:00:00.{fraction}Z", "v": v})
    stream.produce([at(1, 1, "c")])
    stream.applied(1)
    stream.produce([at(2, 2), at(3, 3), at(4, 4)])
    stream.applied(4)
    assert [row[1] for row in stream.rows()] == [4] and stream.dead_letters() == []
    stream.drop()


def test_intervals_are_microseconds(kafka, bank):
    stream = Stream(bank, "durations", "id int primary key, v interval")
    stream.produce([event("c", {"id": 1, "v": 1500000}), event("c", {"id": 2, "v": -90061000001}), event("c", {"id": 3, "v": "P1Y2M3DT4H5M6.78S"}),
                    event("c", {"id": 4, "v": 9223372036854775807})])
    stream.applied(4)
    assert bank.query("select id, v::text from durations order by id") == [
        (1, "00:00:01.5"), (2, "-25:01:01.000001"), (3, "1 year 2 mons 3 days 04:05:06.78"), (4, "2562047788:00:54.775807")]
    assert stream.dead_letters() == []
    stream.drop()


def test_an_unlogged_table_is_no_target(kafka, bank):
    """A crash empties it, and the offsets would stay."""
    bank.query("create unlogged table volatile (id int primary key); alter table volatile owner to replica")
    with pytest.raises(Exception, match="unlogged"):
        Stream(bank, "volatile", None)
    bank.query("select standin.cdc_source_drop('volatile')")
    stream = Stream(bank, "turncoat", "id int primary key, v int")
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    bank.query("alter table turncoat set unlogged")
    stream.produce([event("c", {"id": 2, "v": 2})])
    await_("the refusal", lambda: "unlogged" in (stream.stat("last_error") or ""), 30)
    bank.query("alter table turncoat set logged")
    stream.applied(2)
    assert stream.rows() == [(1, 1), (2, 2)]
    stream.drop()


@pytest.mark.parametrize("kind", ["unlogged", "foreign"])
def test_nor_is_a_table_with_such_a_partition(kafka, bank, kind):
    """Another server's commit is not that of the offsets either."""
    name = f"{kind}_parts"
    bank.query(f"create table {name} (id int, v int) partition by range (id); alter table {name} owner to replica;"
               f"create table {name}_safe partition of {name} for values from (0) to (10)")
    if kind == "foreign":
        bank.query("create extension postgres_fdw; create server elsewhere foreign data wrapper postgres_fdw;"
                   "create foreign table foreign_parts_1 (id int, v int) server elsewhere")
    else:
        bank.query("create unlogged table unlogged_parts_1 (id int, v int)")
    attach = f"alter table {name} attach partition {name}_1 for values from (10) to (20)"
    bank.query(attach)
    bank.query("select standin.cdc_source_create('refused', 'kafka')")
    with pytest.raises(psycopg2.errors.WrongObjectType, match=f"{name}_1"):
        bank.query("select standin.cdc_table_add('refused', 'refused.topic', %s)", [name])
    bank.query("select standin.cdc_source_drop('refused')")
    bank.query(f"alter table {name} detach partition {name}_1")
    stream = Stream(bank, name, None, table={"kind": "history"})
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    bank.query(attach)
    stream.produce([event("c", {"id": 11, "v": 1})])
    await_("the refusal", lambda: f"{name}_1 is" in (stream.stat("last_error") or ""), 30)
    bank.query(f"alter table {name} detach partition {name}_1; create table {name}_2 partition of {name} for values from (10) to (20)")
    stream.applied(2)
    assert stream.rows() == [(1, 1), (11, 1)]
    stream.drop()


def test_nor_is_a_distributed_table(kafka, bank):
    """Citus is known by its list of such tables, and a table may come to stand there at any time."""
    stream = Stream(bank, "spread", "id int primary key, v int")
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    bank.query("set allow_system_table_mods = on; create table pg_catalog.pg_dist_partition (logicalrelid regclass primary key, partmethod char);"
               "grant select on pg_catalog.pg_dist_partition to public;"
               "create table citizen (id int primary key); alter table citizen owner to replica;"
               "insert into pg_catalog.pg_dist_partition values ('citizen', 'h'), ('spread', 'h'); alter table spread set (fillfactor = 90)")
    with pytest.raises(psycopg2.errors.FeatureNotSupported, match="cannot apply change events to distributed table public.citizen") as refused:
        bank.query("select standin.cdc_table_add('spread', 'citizen.topic', 'citizen')")
    assert "undistribute_table('public.citizen')" in refused.value.diag.message_hint
    stream.produce([event("c", {"id": 2, "v": 2})])
    await_("the refusal", lambda: "spread is distributed" in (stream.stat("last_error") or ""), 30)
    assert stream.stat("error_sqlstate") == "0A000" and stream.rows() == [(1, 1)] and stream.dead_letters() == []
    bank.query("set allow_system_table_mods = on; delete from pg_catalog.pg_dist_partition; alter table spread reset (fillfactor)")
    stream.applied(2)
    assert stream.rows() == [(1, 1), (2, 2)]
    bank.query("set allow_system_table_mods = on; drop table pg_catalog.pg_dist_partition, citizen")
    stream.drop()


def test_deferred_triggers_behind_triggers_never_run_as_the_product(kafka, bank):
    bank.query("create table second (id int); create table told (who text); alter table second owner to replica; alter table told owner to replica;"
               "create function public.tell() returns trigger language plpgsql as $$begin insert into public.told values (current_user); return null; end$$;"
               "create constraint trigger t after insert on second deferrable initially deferred for each row execute function public.tell();"
               "create function public.pass_on() returns trigger language plpgsql as $$begin insert into public.second values (new.id); return new; end$$")
    stream = Stream(bank, "first", "id int primary key, v int")
    bank.query("create trigger t before insert on first for each row execute function public.pass_on()")
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    assert bank.query("select who from told") == [("replica",)]
    stream.drop()


def test_a_trigger_that_insists_on_the_commit_stops_its_table(kafka, bank):
    """And its alone: it goes on once the trigger has gone, and nothing of its ran as the product."""
    bank.query("create table later (id int); create table heard (who text); alter table later owner to replica; grant insert on heard, later to public;"
               "create function public.hear() returns trigger language plpgsql as $$begin insert into public.heard values (current_user); return null; end$$;"
               "create constraint trigger t after insert on later deferrable initially deferred for each row execute function public.hear();"
               "create function public.insist() returns trigger language plpgsql as $$begin set constraints all deferred;"
               " if new.id < 3 then insert into public.later values (new.id + 1); end if; return null; end$$;"
               "create constraint trigger u after insert on later deferrable initially deferred for each row execute function public.insist();"
               "create function public.start_it() returns trigger language plpgsql as $$begin insert into public.later values (new.id); return new; end$$")
    stream = Stream(bank, "insisting", "id int primary key, v int")
    bank.query("create trigger t before insert on insisting for each row execute function public.start_it()")
    stream.produce([event("c", {"id": 1, "v": 1})])
    await_("the stop", lambda: stream.stat("state") == "retrying" and stream.stat("error_sqlstate") == "0A000")
    assert "constraints cannot be deferred" in stream.stat("last_error") and stream.stat("sum(next_offset)") == 0
    bank.query("drop trigger u on later")
    stream.applied(1)
    assert bank.query("select who from heard") == [("replica",)]
    stream.drop()


def test_a_header_that_is_no_text_stops_no_stream(kafka, bank):
    stream = Stream(bank, "headed", "id int primary key, v int")
    run(["kcat", "-b", bank.kafka.brokers, "-P", "-t", stream.topic, "-H", "\udcff=1"], input="poison", stdin=None)  # byte 0xff
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(2)
    assert bank.value("select headers->0->>'key_base64' from standin.cdc_dead_letters where source = 'headed'") == "/w=="
    stream.drop()


def test_a_batch_of_poison_only(kafka, bank):
    """Halving down to each record neither leaks nor piles up memory."""
    stream = Stream(bank, "venom", "id int primary key, v int check (v > 0)", dead_letter_limit=100000)
    stream.produce([event("c", {"id": i, "v": 0}) for i in range(3000)] + [event("c", {"id": 3000, "v": 1})])
    stream.applied(3001, 120)
    assert stream.rows() == [(3000, 1)] and len(stream.dead_letters()) == 3000
    with open(f"/proc/{stream.pid()}/status") as status:
        peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
    print("peak", peak)
    assert peak < 200 * 1024
    stream.drop()


def test_the_log_is_without_leaks(kafka, bank):
    with open(bank.service.process.log) as log:
        assert not [line for line in log if "leak" in line or "WARNING" in line]


def test_one_key_that_cannot_be_compared_spoils_no_other(kafka, bank):
    """Then the changes of the batch are not coalesced: each has to see the one before."""
    stream = Stream(bank, "spoiled", "id uuid primary key, v int check (v > 0), t text", paused="true")
    key = lambda number: f"00000000-0000-0000-0000-{number:012}"
    stream.produce([event("c", {"id": key(1), "v": 1, "t": "t"}), event("d", {"id": key(1), "v": 1, "t": "t"}),
                    event("c", {"id": key(2), "v": 2, "t": "t"}), event("u", {"id": key(2), "v": 3, "t": "t"}),
                    event("u", {"id": key(3), "v": 1, "t": "__debezium_unavailable_value"}), event("c", {"id": key(3), "v": 4, "t": "whole"}),
                    event("c", {"id": key(4), "v": -1, "t": "t"}), event("c", {"id": 5, "v": 5, "t": "t"})])
    bank.query("select standin.cdc_resume('spoiled')")
    stream.applied(8)
    assert stream.rows() == [(key(2), 3, "t"), (key(3), 4, "whole")]
    assert [letter[:2] for letter in stream.dead_letters()] == [(4, "22004"), (6, "23514"), (7, "22P02")]
    stream.drop()
