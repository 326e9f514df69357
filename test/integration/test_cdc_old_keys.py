"""A primary key that an update changes under another record key: the row goes from its old key, or the record says that this cannot be known."""

from streams import Stream, kafka  # noqa: F401
from source_log import Log, send
from transactions import Transactions
from test_cdc_events import STORED, WIDE, WITHHELD, nothing_left, wide, wide_rows


def refused(stream):
    return stream.bank.query("select record_offset, sqlstate, column_name, hint from standin.cdc_dead_letters where source = %s"
                             " order by topic, partition, record_offset", [stream.name])


def rekey(stream, log, old, new, key=None, **row):
    send(stream, None if key is None else key, log.event("u", {"id": new, "v": new} | row, before={"id": old, "v": old} | row)[1])


def test_a_source_without_a_key_into_a_target_with_one(kafka, bank):
    stream = Stream(bank, "keyless_source", "id int primary key, v int")
    log = Log()
    for id in (1, 2, 3):
        send(stream, None, log.event("c", {"id": id, "v": id})[1])
    rekey(stream, log, 1, 10)
    rekey(stream, log, 2, 2)
    send(stream, None, log.event("d", before={"id": 2, "v": 2}, key=None)[1])
    stream.applied(6)
    assert stream.rows() == [(3, 3), (10, 10)] and stream.dead_letters() == []
    stream.drop()


def test_chains_and_swaps_in_one_batch(kafka, bank):
    stream = Stream(bank, "keyless_chain", "id int primary key, v int, note text", batch_records=1000)
    log = Log()
    bank.query("select standin.cdc_pause(%s)", [stream.name])
    for id in (1, 2, 3):
        send(stream, None, log.event("c", {"id": id, "v": id, "note": f"of {id}"})[1])
    for old, new, note in ((1, 9, 1), (2, 1, 2), (9, 2, 1), (3, 4, 3), (4, 5, 3)):
        rekey(stream, log, old, new, note=f"of {note}")
    bank.query("select standin.cdc_resume(%s)", [stream.name])
    stream.applied(8)
    assert stream.rows() == [(1, 1, "of 2"), (2, 2, "of 1"), (5, 5, "of 3")] and stream.dead_letters() == []
    stream.drop()


def test_a_mapped_key_is_found_by_the_row_before(kafka, bank):
    stream = Stream(bank, "keyless_mapped", "code text primary key, v int")
    bank.query("select standin.cdc_column_map(%s, %s, 'code', expression => 'v::text || %s')".replace("%s')", "''x''')"), [stream.name, stream.topic])
    log = Log()
    send(stream, {"v": 1}, log.event("c", {"v": 1}, key=None)[1])
    send(stream, None, log.event("u", {"v": 2}, before={"v": 1}, key=None)[1])
    stream.applied(2)
    assert stream.rows("code") == [("2x", 2)] and stream.dead_letters() == []
    stream.drop()


def test_what_the_event_withholds_comes_from_the_row(kafka, bank):
    stream = wide(bank, "keyless_wide", batch_records=1000)
    log = Log()
    send(stream, {"v": 1}, log.event("c", {"id": 1} | WIDE)[1])
    send(stream, {"v": 1}, log.event("u", {"id": 2} | WITHHELD, before={"id": 1})[1])
    stream.applied(2)
    assert wide_rows(stream) == [(2, 2, *STORED)] and stream.dead_letters() == []
    nothing_left(bank)
    stream.drop()


def test_without_the_row_before_it_is_a_dead_letter(kafka, bank):
    stream = Stream(bank, "keyed_otherwise", "id int primary key, v int, b int")
    log = Log()
    send(stream, {"b": 1}, log.event("c", {"id": 1, "v": 1, "b": 1})[1])
    for before in (None, {"id": None, "b": 1}, {"b": 1}):
        send(stream, {"b": 1}, log.event("u", {"id": 10, "v": 1, "b": 1}, before=before)[1])
    stream.applied(4)
    assert stream.rows() == [(1, 1, 1)]
    assert [row[:3] for row in refused(stream)] == [(at, "22004", "id") for at in (1, 2, 3)]
    assert all("REPLICA IDENTITY FULL" in row[3] for row in refused(stream))
    stream.drop()


def test_among_partitions_only_in_the_order_of_the_source(kafka, bank):
    stream = Stream(bank, "keyless_scattered", "id int primary key, v int", 2)
    log = Log()
    send(stream, None, log.event("c", {"id": 1, "v": 1})[1], None, 0)
    stream.applied(1)
    send(stream, None, log.event("u", {"id": 1, "v": 2}, before={"id": 1, "v": 1})[1], None, 1)
    send(stream, None, log.event("u", {"id": 2, "v": 2}, before={"id": 1, "v": 2})[1], None, 1)
    stream.applied(3)
    assert stream.rows() == [(1, 2)]
    assert [row[:2] for row in refused(stream)] == [(1, "22023")] and "consistency" in refused(stream)[0][3]
    stream.drop()


def test_a_row_that_cannot_be_stored_under_its_new_key_is_one_dead_letter(kafka, bank):
    stream = Stream(bank, "keyless_checked", "id int primary key check (id < 100), v int")
    log = Log()
    send(stream, None, log.event("c", {"id": 1, "v": 1})[1])
    rekey(stream, log, 1, 100)
    stream.applied(2)
    assert [row[:2] for row in refused(stream)] == [(1, "23514")]
    assert bank.value("select attempts from standin.cdc_dead_letters where source = %s", [stream.name]) == 1
    stream.drop()


def test_among_partitions_in_the_order_of_the_source(kafka, bank):
    """The old key's row, and another one that takes its key afterwards, are of other partitions than the change."""
    source = Transactions(bank, "keyless_whole", {"a": "id int primary key, v int"})
    source.boundaries(("BEGIN", 1), ("END", 1, {"a": 1}), ("BEGIN", 2), ("END", 2, {"a": 3}))
    source.event(2, 1, "a", "u", {"id": 10, "v": 2}, 1, {"id": 1, "v": 1})
    source.event(2, 3, "a", "u", {"id": 11, "v": 3}, 1, {"id": 10, "v": 2})
    source.event(2, 2, "a", "c", {"id": 1, "v": 9}, 2)
    source.event(1, 1, "a", "c", {"id": 1, "v": 1}, 0)
    source.await_rows("a", [(1, 9), (11, 3)])
    assert bank.value("select count(*) from standin.cdc_dead_letters where source = %s", [source.name]) == 0
    source.drop()
