"""Change capture into tables of every kind: triggers, policies, partitions, keys, defaults, many columns, whose rows."""

import pytest

from harness.await_ import await_
from streams import Stream, event, kafka  # noqa: F401

TABLES_FOR_SQL = {
    "with_trigger": ("id int primary key, v int, seen int default 0",
                     "create function public.count_up() returns trigger language plpgsql as $$begin new.seen := coalesce(new.seen, 0) + 1; return new; end$$;"
                     "create trigger t before insert or update on with_trigger for each row execute function public.count_up()"),
    "with_rls": ("id int primary key, v int", "alter table with_rls enable row level security"),
    "with_generated": ("id int primary key, v int, twice int generated always as (v * 2) stored", ""),
    "with_identity": ("id int primary key generated always as identity, v int", ""),
    "with_method": ("id int primary key, v int", "create access method another type table handler heap_tableam_handler; alter table with_method set access method another"),
    "with_rule": ("id int primary key, v int", "create rule nothing as on delete to with_rule where false do instead nothing"),
}


@pytest.mark.parametrize("name", [*TABLES_FOR_SQL, "partitioned"])
def test_tables_that_need_sql(kafka, bank, name):
    if name == "partitioned":
        bank.query("create table partitioned (id int primary key, v int) partition by range (id);"
                   "create table partitioned_low partition of partitioned for values from (minvalue) to (3);"
                   "create table partitioned_high partition of partitioned for values from (3) to (maxvalue);"
                   "alter table partitioned owner to replica; alter table partitioned_low owner to replica; alter table partitioned_high owner to replica")
        stream = Stream(bank, name, None)
    else:
        columns, more = TABLES_FOR_SQL[name]
        bank.query(f"create table {name} ({columns}); {more}; alter table {name} owner to replica")
        stream = Stream(bank, name, None)
    stream.produce([event("c", {"id": 1, "v": 1}), event("c", {"id": 2, "v": 2}), event("c", {"id": 4, "v": 4})])
    stream.applied(3)
    stream.produce([event("u", {"id": 2, "v": 20}), event("d", {"id": 1}), ({"id": 1}, None), event("u", {"id": 5, "v": 5}),
                    event("c", {"id": 6, "v": "x"}), event("c", {"id": 3, "v": 3})])
    stream.applied(9)
    assert [row[:2] for row in stream.rows()] == [(2, 20), (3, 3), (4, 4), (5, 5)]
    assert [letter[:3] for letter in stream.dead_letters()] == [(7, "22P02", "v")]
    if name == "with_trigger":
        assert [row[2] for row in stream.rows()] == [2, 1, 1, 1]
    if name == "with_generated":
        assert [row[2] for row in stream.rows()] == [40, 6, 8, 10]
    stream.drop()


def test_more_columns_than_a_function_takes_arguments(kafka, bank):
    """On both paths: 300 columns, with a trigger on one of the two tables."""
    columns = "id int primary key, " + ", ".join(f"c{i} int" for i in range(300))
    bank.query(f"create table wide_sql ({columns}); alter table wide_sql owner to replica;"
               "create or replace function public.nothing() returns trigger language plpgsql as $$begin return new; end$$;"
               "create trigger t before insert on wide_sql for each row execute function public.nothing()")
    for stream in (Stream(bank, "wide", columns), Stream(bank, "wide_sql", None)):
        row = {"id": 1, **{f"c{i}": i for i in range(300)}}
        stream.produce([event("c", row), event("c", {**row, "id": 2}), event("u", {**row, "c299": -1})])
        stream.applied(3)
        assert stream.rows() == [(1, *range(299), -1), (2, *range(300))]
        stream.drop()


def test_foreign_keys_defaults_and_domains(kafka, bank):
    bank.query("create table parent (id int primary key); alter table parent owner to replica;"
               "create domain positive as numeric(8,2) check (value > 0)")
    parents = Stream(bank, "parent", None)
    children = Stream(bank, "child", "id int primary key, parent int references parent deferrable initially deferred,"
                                     "amount positive, made text default 'here', kept text")
    parents.produce([event("c", {"id": 1})])
    parents.applied(1)
    children.produce([event("c", {"id": 1, "parent": 1, "amount": 1}), event("c", {"id": 2, "parent": 7, "amount": 1}),
                      event("c", {"id": 3, "parent": 1, "amount": -1}), event("c", {"id": 4, "parent": None, "amount": 2, "kept": "k"}),
                      event("u", {"id": 4, "amount": 3})])
    children.applied(5)
    assert [(row[0], row[1], str(row[2]), row[3], row[4]) for row in children.rows()] == [
        (1, 1, "1.00", "here", None), (4, None, "3.00", "here", "k")]
    assert [letter[:2] for letter in children.dead_letters()] == [(1, "23503"), (2, "23514")]
    parents.drop()
    children.drop()


def test_foreign_keys_that_are_skipped(kafka, bank):
    """Neither the child's check nor the parent's."""
    bank.query("create table elder (id int primary key); alter table elder owner to replica")
    elders = Stream(bank, "elder", None, table={"foreign_keys": "skip"})
    children = Stream(bank, "younger", "id int primary key, elder int references elder", table={"foreign_keys": "skip"})
    children.produce([event("c", {"id": 1, "elder": 1}), event("c", {"id": 2, "elder": 7})])
    children.applied(2)
    elders.produce([event("c", {"id": 1}), event("d", {"id": 1}), event("c", {"id": 7})])
    elders.applied(3)
    for stream in (children, elders):
        assert stream.dead_letters() == []
        stream.drop()
    assert children.rows() == [(1, 1), (2, 7)] and elders.rows() == [(7,)]
    # and the session's other tables are checked as before
    checked = Stream(bank, "checked", "id int primary key, elder int references elder")
    checked.produce([event("c", {"id": 1, "elder": 8})])
    checked.applied(1)
    assert [letter[1] for letter in checked.dead_letters()] == ["23503"]
    checked.drop()


@pytest.mark.parametrize("name", ["journal", "journal_by_sql"])
def test_history_appends_each_event(kafka, bank, name):
    bank.query("create or replace function public.nothing() returns trigger language plpgsql as $$begin return new; end$$;"
               f"create table {name} (n bigint generated always as identity primary key, id int, v int, t text default 'none');"
               f"alter table {name} owner to replica")
    if name == "journal_by_sql":
        bank.query(f"create trigger t before insert on {name} for each row execute function public.nothing()")
    stream = Stream(bank, name, None, table={"kind": "history"})
    stream.produce([event("c", {"id": 1, "v": 1}), event("u", {"id": 1, "v": 2, "t": "__debezium_unavailable_value"}),
                    event("u", {"id": 1, "v": 2}), event("c", {"id": 2, "v": "x"}), event("d", {"id": 1, "v": 2}), ({"id": 1}, None)])
    stream.applied(6)
    assert bank.query(f"select id, v, t from {name} order by n")[:3] == [(1, 1, "none"), (1, 2, None), (1, 2, "none")]
    assert bank.value(f"select count(*) from {name}") == 4
    assert [letter[:2] for letter in stream.dead_letters()] == [(3, "22P02")]
    stream.drop()


def test_applied_as_the_owner_never_as_a_superuser(kafka, bank):
    """A trigger of the table's owner sees the owner, cannot leave the role, and reads only what the owner may."""
    bank.query("create table treasure (gold int); insert into treasure values (1); create table witness (who text, said text);"
               "alter table witness owner to replica")
    stream = Stream(bank, "mutinous", "id int primary key, v int")
    bank.query("create function public.mutiny() returns trigger language plpgsql as $$"
               "declare said text := ''; begin"
               " begin perform * from public.treasure; said := said || 'read '; exception when others then said := said || sqlstate || ' '; end;"
               " begin reset role; said := said || 'reset '; exception when others then said := said || sqlstate || ' '; end;"
               " begin set session authorization postgres; said := said || 'session'; exception when others then said := said || sqlstate; end;"
               " insert into public.witness values (current_user, said); return new; end$$;"
               "create constraint trigger t after insert on mutinous deferrable initially deferred for each row execute function public.mutiny()")
    stream.produce([event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    assert bank.query("select * from witness") == [("replica", "42501 42501 42501")]
    # The environment's fault is no fault of the record: it waits, and goes on when mended.
    bank.query("alter table mutinous owner to postgres")
    stream.produce([event("c", {"id": 2, "v": 2})])
    await_("the refusal", lambda: stream.state() == "troubled" and "superuser" in stream.stat("last_error"), 30)
    bank.query("alter table mutinous owner to replica")
    stream.applied(2)
    assert stream.dead_letters() == []
    stream.drop()


def test_unique_values_that_change_hands(kafka, bank):
    """What a coalesced batch cannot do in key order, it does in the order of the stream."""
    stream = Stream(bank, "swap", "id int primary key, v int unique")
    stream.produce([event("c", {"id": 1, "v": 1}), event("c", {"id": 2, "v": 2})])
    stream.applied(2)
    stream.produce([event("u", {"id": 1, "v": 3}), event("u", {"id": 2, "v": 1}), event("u", {"id": 1, "v": 2})])
    stream.applied(5)
    assert stream.rows() == [(1, 2), (2, 1)] and stream.dead_letters() == []
    stream.drop()


@pytest.mark.parametrize("name", ["many", "many_by_sql"])
def test_bad_rows_among_many(kafka, bank, name):
    """Each bad row is named and left out, wherever it is; what its key had before is stored, and a bad state that a later event
    of the batch mends is none."""
    bank.query(f"create table {name} (id int primary key, v int check (v >= 0), t varchar(4)); alter table {name} owner to replica")
    if name == "many_by_sql":
        bank.query("alter table many_by_sql enable row level security")
    stream = Stream(bank, name, None, paused="true")
    bad = {1, 2, 999, 1000, 1001, 2500, 4999, 5000}
    rows = [event("c", {"id": i, "v": -1 if i in bad and i % 2 else i, "t": "too long" if i in bad and not i % 2 else "t"}) for i in range(1, 5001)]
    rows += [event("c", {"id": 6000, "v": 1, "t": "a"}), event("u", {"id": 6000, "v": -1, "t": "b"}), event("u", {"id": 6000, "v": 2, "t": "c"}),
             event("c", {"id": 6001, "v": 1, "t": "a"}), event("u", {"id": 6001, "v": 1, "t": "longer"}), event("d", {"id": 6002})]
    stream.produce(rows)
    bank.query(f"select standin.cdc_resume('{name}')")
    stream.applied(5006)
    assert [(row[0], row[1]) for row in stream.rows()] == [(i, i) for i in range(1, 5001) if i not in bad] + [(6000, 2), (6001, 1)]
    assert [(letter[0], letter[1]) for letter in stream.dead_letters()] == [
        *[(i - 1, "23514" if i % 2 else "22001") for i in sorted(bad)], (5004, "22001")]
    # the next batch, small portions at a time
    stream.produce([event("u", {"id": i, "v": 7 if i != 77 else -7, "t": "u"}) for i in range(1, 4001)])
    stream.applied(9006)
    assert bank.value(f"select count(*) from {name} where v = 7 and t = 'u'") == 3999
    assert stream.dead_letters()[-1][:2] == (5006 + 76, "23514")
    stream.drop()


@pytest.mark.parametrize("many", [False, True])
def test_a_row_that_breaks_a_constraint_costs_its_neighbours_nothing(kafka, bank, many):
    """Each of them is written once. Of more than are set aside in one batch only that the others are stored."""
    name = f"neighbours_{many}"
    stream = Stream(bank, name, "id int primary key, v int check (v >= 0), n int not null, t text", paused="true")
    kinds = {0: {"v": -1}, 1: {"n": None}, 2: {"t": "__debezium_unavailable_value"}}
    bad = {i: kinds[i // 10 % 3] for i in range(7 if many else 1507, 2000, 10 if many else 50)}
    stream.produce([event("c", {"id": i, "v": 1, "n": 1, "t": "t"} | bad.get(i, {})) for i in range(2000)])
    bank.query("select standin.cdc_resume(%s)", [name])
    stream.applied(2000)
    assert [row[0] for row in stream.rows()] == [i for i in range(2000) if i not in bad]
    states = {0: ("23514", None), 1: ("23502", "n"), 2: ("22004", "t")}
    assert [letter[:3] for letter in stream.dead_letters()] == [(i, *states[i // 10 % 3]) for i in sorted(bad)]
    if not many:
        await_("the counters", lambda: bank.value("select n_tup_ins from pg_stat_user_tables where relname = %s", [name.lower()]) == 2000 - len(bad))
    stream.drop()


def test_unchanged_rows_are_not_written(kafka, bank):
    stream = Stream(bank, "unchanged", "id int primary key, v int, t text, n numeric")
    rows = [event("c", {"id": i, "v": i, "t": "text" * 50, "n": 1.50}) for i in range(500)]
    stream.produce(rows)
    stream.applied(500)
    before = bank.query("select ctid, xmin from unchanged order by id")
    stream.produce(rows)
    stream.applied(1000)
    assert bank.query("select ctid, xmin from unchanged order by id") == before
    stream.drop()
