"""A table that cannot be written stops by itself, at its offsets; the others of its source go on, and so does it once it can be written."""

from harness.await_ import await_
from streams import Stream, event, kafka  # noqa: F401
from test_cdc_evolution import ID, TEXT, Evolving, with_schema


def beside(bank, stream, name, columns="id int primary key, v int"):
    """Another table of the same source."""
    bank.kafka.topic_create(f"{name}.topic", 1)
    bank.query(f"create table {name} ({columns}); alter table {name} owner to replica")
    bank.query("select standin.cdc_table_add(%s, %s, %s)", [stream.name, f"{name}.topic", name])


def count(bank, table):
    return bank.value(f"select count(*) from {table}")


def test_the_others_go_on(kafka, bank):
    stream = Stream(bank, "halted", "id int primary key, v int")
    beside(bank, stream, "unhurt")
    stream.produce([event("c", {"id": 1, "v": 1})])
    kafka.produce("unhurt.topic", [event("c", {"id": 1, "v": 1})])
    stream.applied(2)
    for fault, mend in (("revoke insert on halted from replica", "grant insert on halted to replica"),
                        ("alter table halted set unlogged", "alter table halted set logged"),
                        ("create function gone() returns trigger language plpgsql as $$ begin perform from nowhere; return new; end $$;"
                         "create trigger t before insert or update on halted for each row execute function gone()", "drop trigger t on halted")):
        last = count(bank, "halted")
        bank.query(fault)
        stream.produce([event("c", {"id": last + 1, "v": 1}), event("u", {"id": last + 1, "v": 2})])
        await_("the trouble", lambda: stream.state() == "troubled" and "halted is stopped" in (stream.stat("last_error") or ""), 60)
        kafka.produce("unhurt.topic", [event("c", {"id": number, "v": 1}) for number in range(100 * last, 100 * last + 50)])
        await_("the other table", lambda: count(bank, "unhurt") == 50 * last + 1, 60)
        assert count(bank, "halted") == last and stream.dead_letters() == []
        bank.query(mend)
        await_("the table", lambda: bank.value("select v from halted where id = %s", [last + 1]) == 2, 60)
    await_("all's well", lambda: stream.state() == "running", 60)
    stream.drop()


def test_a_table_that_was_dropped(kafka, bank):
    stream = Stream(bank, "felled", "id int primary key, v int")
    beside(bank, stream, "upright")
    kafka.produce("upright.topic", [event("c", {"id": 1, "v": 1})])
    stream.applied(1)
    bank.query("drop table felled")
    kafka.produce("upright.topic", [event("c", {"id": 2, "v": 1})])
    stream.produce([event("c", {"id": 1, "v": 1})])
    await_("the other table", lambda: count(bank, "upright") == 2, 60)
    await_("the trouble", lambda: stream.state() == "troubled" and "cdc_table_remove" in (stream.stat("detail") or ""), 60)
    bank.query("create table felled (id int primary key, v int); alter table felled owner to replica")
    bank.query("select standin.cdc_table_remove('felled', 'felled.topic'); select standin.cdc_table_add('felled', 'felled.topic', 'felled')")
    stream.applied(3)
    assert stream.rows() == [(1, 1)]
    stream.drop()


def test_an_identity_beside_the_key(kafka, bank):
    for name, key, before in (("numbered", "primary key", None), ("numbered_keyless", "", {"id": 1, "n": 5, "v": 1})):
        stream = Stream(bank, name, f"id int {key}, n int generated always as identity, v int, local int default 7")
        bank.query(f"create function {name}() returns trigger language plpgsql as $$ begin return new; end $$;"
                   f"create trigger t before insert or update on {name} for each row execute function {name}()")
        stream.produce([event("c", {"id": 1, "n": 5, "v": 1}), ({"id": 1}, event("u", {"id": 1, "n": 5, "v": 2})[1] | {"before": before})])
        stream.applied(2)
        assert stream.rows() == [(1, 5, 2, 7)] and stream.dead_letters() == []
        stream.produce([({"id": 1}, event("u", {"id": 1, "n": 6, "v": 3})[1] | {"before": before and before | {"v": 2}})])
        stream.applied(3)
        assert stream.rows() == [(1, 5, 2, 7)] and [row[:2] for row in stream.dead_letters()] == [(2, "428C9")]
        stream.drop()
    stream = Stream(bank, "renumbered", "id int primary key, n int generated always as identity, v int")
    bank.query("create trigger t before insert or update on renumbered for each row execute function numbered()")
    stream.produce([event("c", {"id": 1, "n": 5, "v": 1}), event("u", {"id": 1, "n": 6, "v": 2})])
    stream.applied(2)
    assert stream.rows() == [(1, 6, 2)] and stream.dead_letters() == []
    stream.drop()


def test_what_can_be_no_column_is_passed_over(kafka, bank):
    stream = Evolving(bank, "choosy", "id int primary key", "add")
    fields = ID | TEXT | {"x" * 64: {"type": "int32"}, "xmin": {"type": "int32"},
                          "nested": {"type": "struct", "fields": [{"field": "a", "type": "int32"}]}}
    stream.produce([with_schema("c", {"id": 1, "note": "n", "x" * 64: 1, "xmin": 2, "nested": {"a": 1}}, fields)])
    stream.applied(1)
    assert stream.rows() == [(1, "n")] and stream.dead_letters() == [] and stream.stat("unknown_fields") == 3
    stream.drop()
