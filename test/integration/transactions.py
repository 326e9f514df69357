"""Hand-made source transactions: events of some tables and the records of their transaction topic."""

from harness.await_ import await_
from streams import MILLIS


class Transactions:
    """Tables of one source under consistency `transaction`, each topic with three partitions."""

    def __init__(self, bank, name, tables, partitions=3, on_truncate="dead_letter", **options):
        self.bank, self.name, self.prefix = bank, name, name
        self.lsn = 0
        self.topic = f"{name}.transaction"
        bank.kafka.topic_create(self.topic)
        words = "".join(f", {key} => {value}" for key, value in options.items())
        bank.query(f"select standin.cdc_source_create(%s, 'kafka', consistency => 'transaction', transaction_topic => %s{words})",
                   [name, self.topic])
        for table, columns in tables.items():
            bank.kafka.topic_create(f"{name}.public.{table}", partitions)
            bank.query(f"create table {name}_{table} ({columns}); alter table {name}_{table} owner to replica")
            bank.query("select standin.cdc_table_add(%s, %s, %s, on_truncate => %s)",
                       [name, f"{name}.public.{table}", f"{name}_{table}", on_truncate])

    def event(self, transaction, order, table, op, row, partition, image=None):
        """A key and an envelope; None for the transaction: a row of a snapshot; no row: a truncate. `image`: the row before, of a table
        without a key."""
        self.lsn += 1
        before, after = (row, None) if op == "d" else (None, row)
        before = image or before
        key = row and not image and {"id": row["id"]} or None
        block = transaction and {"id": f"{transaction}:{self.lsn}", "total_order": order, "data_collection_order": 1}
        source = {"version": "3.6.1.Final", "connector": "postgresql", "name": self.name, "ts_ms": MILLIS, "snapshot": "false",
                  "db": "core", "sequence": f'["{self.lsn}","{self.lsn}"]', "schema": "public", "table": table,
                  "txId": transaction, "lsn": self.lsn, "xmin": None}
        self.bank.kafka.produce(f"{self.name}.public.{table}", [
            (key, {"before": before, "after": after, "source": source, "transaction": block, "op": op,
                   "ts_ms": MILLIS})], partition)

    def boundaries(self, *records):
        """("BEGIN", id) and ("END", id, {table: events})."""
        self.bank.kafka.produce(self.topic, [
            ({"id": f"{id}:1"}, {"status": status, "id": f"{id}:{1 if status == 'BEGIN' else 2}", "ts_ms": MILLIS,
                                 "event_count": sum(totals[0].values()) if totals else None,
                                 "data_collections": [{"data_collection": f"public.{table}", "event_count": count}
                                                      for table, count in totals[0].items()] if totals else None})
            for status, id, *totals in records])

    def rows(self, table):
        return self.bank.query(f"select * from {self.name}_{table} order by id")

    def state(self):
        return self.bank.query("select state, detail from standin.cdc_sources where source = %s", [self.name])[0]

    def offsets(self):
        return dict(self.bank.query("select topic || '/' || partition, next_offset from standin_private.kafka_offset where consumer = %s",
                                    [self.name]))

    def await_rows(self, table, rows):
        try:
            await_(f"{table} to hold {rows}", lambda: self.rows(table) == rows, 60)
        except Exception:
            print(self.state(), self.rows(table), self.offsets())
            raise

    def drop(self):
        self.bank.query("select standin.cdc_source_drop(%s)", [self.name])
