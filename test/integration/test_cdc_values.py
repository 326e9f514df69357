"""Values as the server stores them: equal to what the type's own input makes of them, to the last bit, or refused by name."""

import base64
import json

from streams import Stream, event, kafka  # noqa: F401


def decimal(unscaled):
    return base64.b64encode(unscaled.to_bytes((unscaled.bit_length() + 8) // 8, "big", signed=True)).decode()


# Column type, JSON value of a schemaless event (decimals precise, times adaptive), the literal that it must equal.
VALUES = [
    ("numeric(12,2)", decimal(12345), "123.45"), ("numeric(12,2)", decimal(-1), "-0.01"), ("numeric(12,2)", decimal(0), "0"),
    ("numeric(12,2)", 1e6, "1000000"), ("numeric(5,-2)", decimal(123), "12300"), ("numeric(3,6)", decimal(999), "0.000999"),
    ("numeric(131,100)", decimal(-(10 ** 130) + 7), "-999999999999999999999999999999." + "9" * 99 + "3"),
    ("numeric", {"scale": 70, "value": decimal(10 ** 60 + 1)}, "0.0000000001" + "0" * 59 + "1"),
    ("numeric", {"scale": -40, "value": decimal(-12)}, "-12" + "0" * 40),
    ("numeric", {"scale": 3, "value": decimal(1500)}, "1.500"), ("numeric", 0.30000000000000004, "0.30000000000000004"),
    ("numeric", {"scale": -300, "value": decimal(5)}, "5" + "0" * 300),
    ("money", decimal(-123456), "-1234.56"), ("money", 9.5, "9.50"),
    ("bit(10)", base64.b64encode(b"\x05\x02").decode(), "1000000101"), ("bit(1)", True, "1"),
    ("varbit(10)", base64.b64encode(b"\x05").decode(), "101"),
    ("interval", 93784005006, "26:03:04.005006"), ("interval", "P1Y2M3DT-4H5M-6.78S", "P1Y2M3DT-4H5M-6.78S"),
    ("interval year to month", "P1Y2M0DT0H0M0S", "1 year 2 mons"), ("interval(2)", 1120000, "1.12 seconds"),
    ("time(3)", 86400000, "24:00:00"), ("timetz", "12:00:00.5Z", "12:00:00.5+00"),
    ("timestamp", -62135596800000000, "0001-01-01"), ("timestamp(3)", 1500, "1970-01-01 00:00:01.5"),
    ("timestamptz", "-0043-03-15T12:34:56.789012Z", "0044-03-15 12:34:56.789012+00 BC"),
    ("int[]", [1, None, -3], "{1,NULL,-3}"), ("int[]", [], "{}"), ("text[]", ["a,b", "", None, "NULL", "\"{}"], r'{"a,b","",NULL,"NULL","\"{}"}'),
    ("numeric(5,2)[]", [decimal(150), None], "{1.50,NULL}"), ("varchar(3)[]", ["abc"], "{abc}"),
    ("timestamptz[]", ["2000-01-01T00:00:00Z"], "{2000-01-01 00:00:00+00}"), ("date[]", [10957, -2147472692], "{2000-01-01,infinity}"),
    ("uuid[]", ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"], "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}"),
    ("bytea[]", ["/w=="], r'{"\\xff"}'), ("bool[]", [True, False], "{t,f}"), ("jsonb[]", ['{"a": [1]}'], r'{"{\"a\": [1]}"}'),
    ("cents[]", [decimal(150)], "{1.50}"), ("int[]", None, None),
    ("point", {"x": 1.5, "y": -2e10, "wkb": None, "srid": None}, "(1.5,-2e10)"), ("lseg", "[(0,0),(1,1)]", "[(0,0),(1,1)]"),
    ("hstore", {"a": "1", "b\"c\\": "d e", "n": None}, '"a"=>"1","b\\"c\\\\"=>"d e","n"=>NULL'), ("hstore", '{"a":"1"}', "a=>1"),
    ("inet", "10.0.0.1/8", "10.0.0.1/8"), ("int4range", "[1,5)", "[1,5)"), ("tsvector", "'a':1", "'a':1"), ("xml", "<a/>", "<a/>"),
]

# Column type, JSON value, SQLSTATE.
REFUSED = [
    ("numeric(5,2)", decimal(100000), "22003"), ("numeric(5,2)", 1.005, "22003"), ("numeric(5,2)[]", [decimal(100000)], "22003"),
    ("money", decimal(10 ** 20), "22003"), ("varchar(3)[]", ["abcd"], "22001"), ("interval year to month", "P0Y1M1D", "22015"),
    ("interval(0)", 500000, "22008"), ("timestamp(0)", "2000-01-01T00:00:00.5", "22008"), ("bit(3)", base64.b64encode(b"\x0f").decode(), "22026"),
    ("varbit(2)", base64.b64encode(b"\x0f").decode(), "22001"), ("inet", "10.0.0", "22P02"), ("positive", -1, "23514"),
    ("positive[]", [-1], "23514"), ("jsonb", "{", "22P02"), ("float4", 0.1234567890123, "22003"), ("int[]", [[1]], "22P02"),
]


def test_values_are_exact_or_refused(kafka, bank):
    bank.query("create extension if not exists hstore; create domain cents as numeric(5,2);"
               "create domain positive as int check (value > 0)")
    columns = ", ".join(f"v{i} {type}" for i, (type, *_) in enumerate(VALUES))
    refusing = ", ".join(f"r{i} {type}" for i, (type, *_) in enumerate(REFUSED))
    stream = Stream(bank, "exact", f"id int primary key, {columns}, {refusing}")
    stream.produce([event("c", {"id": 0, **{f"v{i}": value for i, (_, value, _) in enumerate(VALUES)}})]
                   + [event("c", {"id": i + 1, f"r{i}": value}) for i, (_, value, _) in enumerate(REFUSED)])
    stream.applied(1 + len(REFUSED))
    assert [letter[:3] for letter in stream.dead_letters()] == [
        (i + 1, sqlstate, f"r{i}") for i, (_, _, sqlstate) in enumerate(REFUSED)]
    for i, (type, value, literal) in enumerate(VALUES):
        # record_image_eq compares what is stored, bit by bit; a literal stored by INSERT has the type's typmod applied.
        bank.query(f"create table literal (v {type})")
        bank.query("insert into literal values (%s)", [literal])
        stored, same = bank.query(f"select e.v{i}::text, record_image_eq(row(e.v{i}), row(l.v)) from exact e, literal l where e.id = 0")[0]
        bank.query("drop table literal")
        assert same, (type, json.dumps(value), literal, stored)
