"""What the tests of change capture share: a broker, a stream of events into a table."""

import pytest

from harness.await_ import await_

MILLIS = 1732400000000


@pytest.fixture(scope="module")
def kafka(bank):
    bank.start_kafka()
    bank.start_service()
    bank.query("create role replica nologin; grant usage, create on schema public to replica")
    bank.define_server()
    return bank.kafka


class Stream:
    """One topic into one table, in a source of its own."""

    def __init__(self, bank, name, columns, partitions=1, table=None, server="kafka", **options):
        self.bank, self.name, self.topic = bank, name, f"{name}.topic"
        bank.kafka.topic_create(self.topic, partitions)
        if columns:
            bank.query(f"create table {name} ({columns}); alter table {name} owner to replica")
        words = "".join(f", {key} => {value}" for key, value in options.items())
        bank.query(f"select standin.cdc_source_create(%s, %s{words})", [name, server])
        words = "".join(f", {key} => %s" for key in table or {})
        bank.query(f"select standin.cdc_table_add(%s, %s, %s{words})", [name, self.topic, name, *(table or {}).values()])

    def produce(self, events, partition=None):
        self.bank.kafka.produce(self.topic, events, partition)

    def stat(self, what):
        return self.bank.value(f"select {what} from standin.stat_cdc where source = %s", [self.name])

    def state(self):
        return self.bank.value("select state from standin.cdc_sources where source = %s", [self.name])

    def pid(self):
        return self.bank.value("select pid from standin.cdc_sources where source = %s and state = 'running'", [self.name])

    def rows(self, order="id"):
        return self.bank.query(f"select * from {self.name} order by {order}")

    def dead_letters(self):
        return self.bank.query("select record_offset, sqlstate, column_name, convert_from(value, 'UTF8') from standin.cdc_dead_letters"
                               " where source = %s order by record_offset", [self.name])

    def applied(self, offset, timeout=60):
        """Until all records before the offset are applied."""
        try:
            await_(f"{self.name} to reach offset {offset}", lambda: self.stat("sum(next_offset)") == offset, timeout)
        except Exception:
            print(self.bank.query("select * from standin.stat_cdc where source = %s", [self.name]))
            raise

    def drop(self):
        assert self.bank.query("select * from standin.stat_cdc_records where source = %s and unaccounted <> 0", [self.name]) == []
        self.bank.query("select standin.cdc_source_drop(%s)", [self.name])


def event(op, row=None, key="id"):
    """A key and Debezium's envelope, without schema."""
    before, after = (row, None) if op == "d" else (None, row)
    source = {"version": "3.6.1.Final", "connector": "postgresql", "ts_ms": MILLIS, "snapshot": "false", "lsn": 1}
    return {key: row[key]}, {"before": before, "after": after, "source": source, "op": op, "ts_ms": MILLIS + 5}
