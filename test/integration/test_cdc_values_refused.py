"""What a type says of a value is the value's fault, whatever its SQLSTATE: a dead letter, and the others go on."""

from harness.await_ import await_
from streams import Stream, event, kafka  # noqa: F401

TYPES = {"ltree": ("Top.semi-conductors", "42601"), "tsvector": ("'open", "42601"), "tsquery": ("a &", "42601"), "jsonpath": ("$.", "42601"),
         "hstore": ("a=>", "XX000"), "regclass": ("nowhere", "42P01"), "inet": ("1.2.3", "22P02"), "vetted": ("no", "42P01")}


def test_whatever_a_type_raises(kafka, bank):
    bank.query("create extension ltree; create extension hstore;"
               "create function vet(text) returns boolean language plpgsql as $$ begin if $1 = 'no' then raise 'unheard of' using errcode = '42P01'; end if; return true; end $$;"
               "create domain vetted as text check (vet(value)); grant execute on function vet to public")
    columns = ", ".join(f"c_{name} {name}" for name in TYPES)
    for name, trigger in (("typed", False), ("typed_sql", True)):
        stream = Stream(bank, name, f"id int primary key, {columns}", batch_records=1000)
        if trigger:
            bank.query(f"create function {name}() returns trigger language plpgsql as $$ begin return new; end $$;"
                       f"create trigger t before insert on {name} for each row execute function {name}()")
        records = [event("c", {"id": 100})]
        for number, (column, (value, _)) in enumerate(TYPES.items()):
            records += [event("c", {"id": number, f"c_{column}": value}), event("c", {"id": 101 + number})]
        stream.produce(records)
        stream.applied(len(records))
        assert [row[1:3] for row in stream.dead_letters()] == [(sqlstate, f"c_{column}") for column, (_, sqlstate) in TYPES.items()]
        assert [row[0] for row in stream.rows()] == list(range(100, 101 + len(TYPES)))
        stream.drop()


def test_a_key_of_such_a_type(kafka, bank):
    stream = Stream(bank, "pathed", "id ltree primary key, v int")
    stream.produce([event("c", {"id": "Top.a", "v": 1}), event("c", {"id": "Top.a-b", "v": 2}), event("u", {"id": "Top.a", "v": 3}), event("d", {"id": "Top.c-d"})])
    stream.applied(4)
    assert stream.rows() == [("Top.a", 3)] and [row[:3] for row in stream.dead_letters()] == [(1, "42601", "id"), (3, "42601", "id")]
    stream.drop()


def test_a_stop_says_where(kafka, bank):
    """Topic, partition, offset and table of what the world's fault met."""
    stream = Stream(bank, "placed", "id int primary key, v int", 1, None, consistency="'eventual'")
    bank.query("create function placed() returns trigger language plpgsql as $$ begin"
               " if new.id = 7 then raise 'out of order' using errcode = '55P02', column = 'v'; end if; return new; end $$;"
               "create trigger t before insert on placed for each row execute function placed()")
    stream.produce([event("c", {"id": 6}), event("c", {"id": 7})])
    await_("the place", lambda: 'topic "placed.topic", partition 0, offset' in (stream.stat("last_error") or ""), 60)
    assert 'table public.placed, column "v"' in stream.stat("last_error")
    bank.query("drop trigger t on placed")
    stream.applied(2)
    stream.drop()
