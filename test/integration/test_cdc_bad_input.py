"""Records that no Debezium writes: each ends in the table or in the dead letters with a clear error, the stream goes on, the server stays up."""

import json
import pathlib

import pytest

from harness.await_ import await_
from streams import Stream, event

LARGE = 100 * 1024 * 1024
COLUMNS = "id int primary key, v int, t text, n numeric, j jsonb, b boolean, d date"


@pytest.fixture(scope="module")
def kafka(bank):
    """A broker that takes records of 150 MB."""
    size = 150 * 1024 * 1024
    bank.start_kafka(heap="1g", settings={"message.max.bytes": size, "socket.request.max.bytes": 2 * size, "replica.fetch.max.bytes": size})
    bank.start_service()
    bank.query("create role replica nologin; grant usage, create on schema public to replica")
    bank.define_server()
    return bank.kafka


def text(row, op="c"):
    return json.dumps(event(op, {"id": row.get("id", 1), **row})[1]).encode()


GOOD = text({"id": 1, "v": 1, "t": "good"})
KEY = b'{"id":1}'
DELETE = b'{"before":null,"after":null,"source":{"connector":"postgresql","ts_ms":1},"op":"d","ts_ms":1}'
BOMB = b"[" * 10_000 + b"]" * 10_000


def after(body):
    """An insert of which the row is given as JSON."""
    return b'{"before":null,"after":' + body + b',"source":{"connector":"postgresql","ts_ms":1},"op":"c","ts_ms":1}'


# name: (key, value, SQLSTATE and column of the dead letter)
POISON = {
    "cut in the key": (b'{"id":', DELETE, ("23502", "id")), "no key": (b"", DELETE, ("23502", "id")),
    "a key that is a number": (b"5", DELETE, ("23502", "id")), "not UTF-8 in the key": (b'{"id":1,"\xff":1}', DELETE, ("23502", "id")),
    "another key": (b'{"no":1}', DELETE, ("23502", "id")),
    **{f"cut at {size}": (KEY, GOOD[:size], ("22P02", None)) for size in (1, 2, 30, 60, len(GOOD) - 1)},
    "something behind": (KEY, GOOD + b"}", ("22P02", None)),
    "empty": (KEY, b"", ("22P02", None)),
    "blank": (KEY, b"   ", ("22P02", None)),
    "deep, the whole": (KEY, BOMB, ("22P02", None)),
    "too deep for PostgreSQL": (KEY, after(b'{"id":1,"j":"' + b"[" * 1_000_000 + b'"}'), ("54001", "j")),
    "not UTF-8 in a value": (KEY, after(b'{"id":1,"t":"\xff\xfe"}'), ("22P02", None)),
    "not UTF-8 in a field's name": (KEY, after(b'{"id":1,"\xc3\x28":1}'), ("22P02", None)),
    "half a surrogate": (KEY, after(b'{"id":1,"t":"\\ud800"}'), ("22P02", "t")),
    "U+0000": (KEY, after(b'{"id":1,"t":"a\\u0000b"}'), ("22P05", "t")),
    "U+0000 in json": (KEY, after(b'{"id":1,"j":"{\\"a\\":\\"\\\\u0000\\"}"}'), ("22P05", "j")),
    "byte 0": (KEY, GOOD[:20] + b"\0" + GOOD[20:], ("22P02", None)),
    "a number": (KEY, b"5", ("22P02", None)), "a text": (KEY, b'"text"', ("22P02", None)), "an array": (KEY, b"[1]", ("22P02", None)),
    "true": (KEY, b"true", ("22P02", None)),
    "after is a text": (KEY, after(b'"x"'), ("22023", None)), "after is an array": (KEY, after(b'[1]'), ("22023", None)),
    "after is null": (KEY, after(b"null"), ("22023", None)), "op is a number": (KEY, GOOD.replace(b'"op": "c"', b'"op": 5'), ("22023", None)),
    "unknown op": (KEY, GOOD.replace(b'"op": "c"', b'"op": "z"'), ("22023", None)),
    "text for a number": (KEY, after(b'{"id":1,"v":"five"}'), ("22023", "v")),
    "object for a number": (KEY, after(b'{"id":1,"v":{"a":1}}'), ("22P02", "v")),
    "array for a boolean": (KEY, after(b'{"id":1,"b":[true]}'), ("22P02", "b")),
    "fraction for an integer": (KEY, after(b'{"id":1,"v":1.5}'), ("22003", "v")),
    "too large an integer": (KEY, after(b'{"id":1,"v":' + b"9" * 100_000 + b"}"), ("22003", "v")),
    "too large a numeric": (KEY, after(b'{"id":1,"n":' + b"9" * 200_000 + b"}"), ("22003", "n")),
    "an exponent": (KEY, after(b'{"id":1,"n":1e999999999}'), ("22003", "n")),
    "no date": (KEY, after(b'{"id":1,"d":"2026-02-30"}'), ("22008", "d")),
    "a date that depends on the day": (KEY, after(b'{"id":1,"d":"tomorrow"}'), ("22007", "d")),
}


def test_poison(kafka, bank):
    stream = Stream(bank, "poison", COLUMNS)
    started, records = bank.value("select pg_postmaster_start_time()"), []
    # Each of a row of its own: what is overwritten within a batch is never stored, and cannot fail there.
    poison = [(key, value.replace(b'"id":1,', b'"id":%d,' % (number + 1))) for number, (key, value, _) in enumerate(POISON.values())]
    for number, record in enumerate(poison):
        records += [record, (b'{"id":%d}' % number, text({"id": number + 1000, "v": number}))]
    kafka.produce_bytes(stream.topic, records)
    stream.applied(len(records))
    letters = {letter[0]: letter[1:] for letter in bank.query("select record_offset, sqlstate, column_name, error, value from standin.cdc_dead_letters where source = 'poison'")}
    seen = {name: letters.get(2 * number, ("applied", None, None))[:2] for number, name in enumerate(POISON)}
    for number, name in enumerate(POISON):
        print(name, letters.get(2 * number, ("applied",))[:3])
    assert seen == {name: expected for name, (_, _, expected) in POISON.items()}
    # What is kept of each is what was sent; the error says what is wrong in a line that a person can read.
    for number, name in enumerate(POISON):
        assert bytes(letters[2 * number][3]) == poison[number][1], name
        assert 0 < len(letters[2 * number][2]) < 500 and "\n" not in letters[2 * number][2], name
    assert bank.query("select id, v from poison order by id") == [(number + 1000, number) for number in range(len(POISON))]
    assert bank.value("select pg_postmaster_start_time()") == started
    stream.drop()


def test_strange_but_right(kafka, bank):
    """What looks bad and is not: applied, to the last digit."""
    stream = Stream(bank, "strange", COLUMNS)
    digits = b"1" + b"0" * 99_998 + b"7"
    kafka.produce_bytes(stream.topic, [
        (KEY, after(b'{"id":1,"n":' + digits + b"}")),
        (KEY, after(b'{"id":2,"n":-' + digits + b"}")),
        (KEY, after(b'{"id":3,"v":1,' + b",".join(b'"f%d":%d' % (i, i) for i in range(100_000)) + b"}")),
        (KEY, after(b'{"id":4,"t":"' + b"\\u00e9\\ud83d\\ude00" * 1000 + b'"}')),
        (KEY, b" \n\t" + after(b'{ "id" : 5 , "t" : "' + b"x" * 5_000_000 + b'" }') + b" \n"),
        (KEY, after(b'{"id":6,"t":null,"v":null,"n":null,"j":null}')),
        (b'{"id":7}', after(b'{"id":7,"x":' + BOMB + b',"v":7}')),
        (b'{"id":8}', after(b'{"id":8,"j":' + BOMB + b"}")),
        (b'{"id":9}', after(b'{"v":9}')),
    ])
    stream.applied(9)
    assert stream.dead_letters() == []
    assert bank.query("select id, abs(n)::text = %s from strange where n is not null order by id", [digits.decode()]) == [(1, True), (2, True)]
    assert bank.query("select id, length(t) from strange where t is not null order by id") == [(4, 2000), (5, 5_000_000)]
    assert bank.value("select t from strange where id = 4") == "é😀" * 1000
    assert stream.stat("unknown_fields") == 100_001 and stream.stat("inserts") == 9
    assert bank.query("select id, v from strange where id in (7, 9) order by id") == [(7, 7), (9, 9)]
    assert bank.value("select length(j::text) from strange where id = 8") == len(BOMB)
    stream.drop()


def test_the_same_field_twice(kafka, bank):
    """JSON leaves open which counts, and PostgreSQL's jsonb, like most readers, takes the last; so is it here, or it is refused: never a mixture."""
    stream = Stream(bank, "twice", COLUMNS)
    kafka.produce_bytes(stream.topic, [(KEY, after(b'{"id":1,"v":1,"v":2}')), (KEY, after(b'{"id":2,"t":"a","t":null}'))])
    stream.applied(2)
    rows, letters = bank.query("select id, v, t from twice order by id"), stream.dead_letters()
    assert (rows, letters) == ([(1, 2, None), (2, None, None)], []) or (rows == [] and len(letters) == 2)
    stream.drop()


def memory(stream):
    """Private memory of the worker in MB: now, and at its highest."""
    status = pathlib.Path(f"/proc/{stream.pid()}/status").read_text()
    return tuple(int(line.split()[1]) // 1024 for name in ("RssAnon", "VmHWM") for line in status.splitlines() if line.startswith(name))


def test_a_record_of_a_hundred_megabytes(kafka, bank, tmp_path):
    """Larger than the batch's limit, and than what the client library takes by default: said, then mended by an option."""
    bank.query('create server patient foreign data wrapper standin_kafka options ("bootstrap.servers" %s)', [kafka.brokers])
    stream = Stream(bank, "large", COLUMNS, batch_kilobytes=64)
    bank.query("select standin.cdc_source_alter('large', server => 'patient')")
    kafka.produce_bytes(stream.topic, [(KEY, text({"id": 1, "v": 1}))])
    stream.applied(1)
    print("before, MB:", memory(stream))
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_bytes(after(b'{"id":2,"t":"' + b"x" * LARGE + b'"}'))
    bad.write_bytes(after(b'{"id":3,"v":"' + b"x" * LARGE + b'"}'))
    for path in (good, bad):
        kafka.produce_file(stream.topic, path, "-X", "message.max.bytes=150000000")
    kafka.produce_bytes(stream.topic, [(KEY, text({"id": 4, "v": 4}))])
    await_("the complaint", lambda: "receive.message.max.bytes" in (bank.value("select last_error from standin.cdc_sources where source = 'large'") or ""), 60)
    bank.query("alter server patient options (add \"receive.message.max.bytes\" '300000000')")
    stream.applied(4, 120)
    assert bank.query("select id, v, length(t) from large order by id") == [(1, 1, None), (2, None, LARGE), (4, 4, None)]
    assert bank.query("select record_offset, sqlstate, column_name, length(value) from standin.cdc_dead_letters where source = 'large'") == [
        (2, "22023", "v", bad.stat().st_size)]
    assert bank.value("select length(error) < 500 from standin.cdc_dead_letters where source = 'large'")
    kafka.produce_bytes(stream.topic, [(KEY, text({"id": number, "v": number})) for number in range(5, 1000)])
    stream.applied(999)
    print("after, MB:", memory(stream))
    stream.drop()


def test_a_table_that_is_dropped_while_its_source_runs(kafka, bank):
    """The record waits, the error names what is missing; nothing is lost when the table is there again under the source."""
    stream = Stream(bank, "gone", COLUMNS)
    other = Stream(bank, "bystander", COLUMNS)
    kafka.produce_bytes(stream.topic, [(KEY, text({"id": 1, "v": 1}))])
    stream.applied(1)
    bank.query("drop table gone")
    kafka.produce_bytes(stream.topic, [(KEY, text({"id": 2, "v": 2}))])
    await_("the complaint", lambda: stream.state() == "troubled" and "exist" in stream.stat("last_error"), 30)
    kafka.produce_bytes(other.topic, [(KEY, text({"id": 1, "v": 1}))])
    other.applied(1)
    assert bank.value("select count(*) from standin.cdc_dead_letters where source = 'gone'") == 0
    bank.query(f"create table gone ({COLUMNS}); alter table gone owner to replica")
    bank.query("select standin.cdc_table_remove('gone', 'gone.topic')")
    bank.query("select standin.cdc_table_add('gone', 'gone.topic', 'gone')")
    stream.applied(2)
    assert bank.query("select id, v from gone order by id") == [(1, 1), (2, 2)]
    stream.drop()
    other.drop()


def test_columns_that_change_under_a_running_source(kafka, bank):
    stream = Stream(bank, "changing", "id int primary key, v int, t text")
    kafka.produce_bytes(stream.topic, [(KEY, text({"id": 1, "v": 1, "t": "one"}))])
    stream.applied(1)
    bank.query("alter table changing drop column v, add column n numeric not null default 7")
    kafka.produce_bytes(stream.topic, [(KEY, text({"id": 2, "v": 2, "t": "two"})), (KEY, text({"id": 3, "n": None}))])
    stream.applied(3)
    assert [tuple(map(str, row)) for row in bank.query("select * from changing order by id")] == [("1", "one", "7"), ("2", "two", "7")]
    assert [letter[1:3] for letter in stream.dead_letters()] == [("23502", "n")]
    stream.drop()
