"""Change capture from a real Debezium: every scalar type and pgbench's tables, with and without schema."""

import pytest

from harness.await_ import await_
from streams import kafka  # noqa: F401

EVERYTHING = """id int primary key, b boolean, i2 smallint, i4 integer, i8 bigint, f4 real, f8 double precision, n numeric,
    n2 numeric(12,2), t text, v varchar(20), c char(5), d date, tm time, tm3 time(3), ts timestamp, ts3 timestamp(3),
    tz timestamptz, u uuid, y bytea, j json, jb jsonb, big text"""

VALUES = """
    (1, true, 1, 2, 3, 1.5, 2.5, 123.4500, 12.34, 'text "quoted" \\ ä', 'varchar', 'ch', '2026-11-24', '12:34:56.789012',
     '12:34:56.789', '2026-11-24 12:34:56.789012', '2026-11-24 12:34:56.789', '2026-11-24 12:34:56.789012+02',
     'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '\\x00ff10', '{"a": [1, 2]}', '{"b": {"c": null}}', repeat('long text ', 3000)),
    (2, false, -32768, -2147483648, -9223372036854775808, 'NaN', '-Infinity', -98765432109876543210.123456789, -0.01, '', '', '',
     '0044-03-15 BC', '00:00', '24:00', '0001-01-01 00:00:00', '1969-12-31 23:59:59.999', '0001-06-01 00:00:00+00',
     '00000000-0000-0000-0000-000000000000', '', '[]', '"s"', null),
    (3, null, 32767, 2147483647, 9223372036854775807, 3.4e38, 1e-300, 0, 0, E'tab\\tnew\\nline', 'é', 'é', '9999-12-31', '23:59:59.999999',
     '23:59:59.999', 'infinity', '-infinity', 'infinity', null, null, 'null', 'null', repeat(md5('x'), 500)),
    (4, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null, null)"""


@pytest.mark.parametrize("schemas", [False, True], ids=["schemaless", "schema"])
def test_debezium(kafka, bank, schemas):
    """Every scalar type through a real Debezium, snapshot and stream; pgbench's tables under load; equal at the end."""
    prefix, table = ("with_schema" if schemas else "without_schema"), "everything"
    if not bank.core:
        bank.start_core()
        bank.core.query(f"create table everything ({EVERYTHING}); insert into everything values {VALUES};"
                        "grant select on everything to debezium; alter publication debezium add table everything")
    connect = bank.start_connect(schemas=schemas, name=prefix, source={
        "topic.prefix": prefix, "slot.name": prefix, "table.include.list": r"public\.(pgbench_.*|everything)"})
    tables = ["pgbench_branches", "pgbench_tellers", "pgbench_accounts", "pgbench_history", table]
    bank.query(f"create schema {prefix}; grant usage, create on schema {prefix} to replica; set search_path = {prefix};"
               "create table pgbench_branches (bid int primary key, bbalance int, filler char(88));"
               "create table pgbench_tellers (tid int primary key, bid int, tbalance int, filler char(84));"
               "create table pgbench_accounts (aid int primary key, bid int, abalance int, filler char(84));"
               "create table pgbench_history (tid int, bid int, aid int, delta int, mtime timestamp, filler char(22), hid bigint primary key, idempotency_key text);"
               f"create table everything ({EVERYTHING})")
    bank.query(f"select standin.cdc_source_create('{prefix}', 'kafka')")
    for name in tables:
        bank.query(f"alter table {prefix}.{name} owner to replica")
        bank.query(f"select standin.cdc_table_add('{prefix}', '{prefix}.public.{name}', '{prefix}.{name}')")
    letters = lambda: bank.query("select topic, sqlstate, error from standin.cdc_dead_letters where source = %s", [prefix])

    def snapshot():
        assert letters() == []
        return all(bank.value(f"select count(*) from {prefix}.{name}") == bank.core.value(f"select count(*) from {name}") for name in tables)
    try:
        await_("the snapshot", snapshot, 120, 0.5)
    except Exception:
        print(bank.query("select * from standin.stat_cdc where source = %s", [prefix]), letters())
        raise

    load = bank.core.load(rate=200, clients=2, seconds=5)
    far = 200 if schemas else 100
    bank.core.query(f"insert into everything select id + {far}, b, i2, i4, i8, f4, f8, n, n2, t, v, c, d, tm, tm3, ts, ts3, tz, u, y, j, jb, big from everything where id < 100;"
                    f"update everything set i4 = 7, t = 'updated' where id > {far};"  # big stays in TOAST: withheld by Debezium
                    f"update everything set id = id + 1000, big = 'short' where id = {far} + 2; delete from everything where id = {far} + 3;"
                    f"insert into everything (id) values ({far} + 3)")
    await_("the load's end", lambda: not load.alive(), 60)

    def contents(value, schema, name):
        return value(f"select md5(string_agg(t::text, '|' order by t::text)) from {schema}.{name} t")
    for name in tables:
        try:
            await_(f"{name} to be equal", lambda: contents(bank.value, prefix, name) == contents(bank.core.value, "public", name), 60, 0.3)
        except Exception:
            if name == table:
                source = bank.core.query("select id, t::text from everything t order by id")
                assert bank.query(f"select id, t::text from {prefix}.everything t order by id") == source
            raise
    assert letters() == []
    assert bank.value("select bool_and(lag_messages = 0) from standin.stat_cdc where source = %s", [prefix])
    bank.query("select standin.cdc_source_drop(%s)", [prefix])
    connect.stop()
    bank.core.query(f"alter publication debezium set table pgbench_branches, pgbench_tellers, pgbench_accounts, pgbench_history, everything")
