"""Consistency transaction against eventual: mixed inserts, updates and deletes of four tables."""

import json
import random

from .cdc_events import envelope
from .cdc_stream import middle_pair, drained, rows

TABLES = ("branch", "teller", "account", "history")
COLUMNS = "id integer PRIMARY KEY, amount integer, note text"
KEYS = 50_000  # a table
EVENTS = 8  # a source transaction


def row(key, amount):
    return f'{{"id":{key},"amount":{amount},"note":"a note of the size that notes have"}}'


class SourceDatabase:
    """Writes what Debezium writes, and remembers what its tables contain."""

    def __init__(self):
        self.dice, self.position = random.Random(4711), 0
        self.contents = {table: {} for table in TABLES}
        self.topics = {f"tx.public.{table}": [] for table in TABLES} | {"tx.transaction": []}

    def transact(self, number):
        orders = dict.fromkeys(TABLES, 0)
        self._boundary(number, "BEGIN", None)
        for total in range(1, EVENTS + 1):
            table = self.dice.choice(TABLES)
            orders[table] += 1
            self.position += 1
            self._change(table, f'{{"id":"{number}:{self.position}","total_order":{total},"data_collection_order":{orders[table]}}}')
        self._boundary(number, "END", orders)

    def _change(self, table, transaction):
        rows_now, key = self.contents[table], self.dice.randrange(KEYS)
        op = "c" if key not in rows_now else "d" if self.dice.random() < 0.2 else "u"
        before = row(key, rows_now.pop(key)) if op == "d" else "null"
        if op != "d":
            rows_now[key] = self.position
        after = "null" if op == "d" else row(key, self.position)
        topic = self.topics[f"tx.public.{table}"]
        topic.append((f'{{"id":{key}}}', envelope(op, table, self.position, before, after, transaction)))
        if op == "d":
            topic.append((f'{{"id":{key}}}', ""))  # its tombstone

    def _boundary(self, number, status, orders):
        collections = orders and [{"data_collection": f"public.{table}", "event_count": count} for table, count in orders.items() if count]
        self.topics["tx.transaction"].append((f'{{"id":"{number}:{self.position}"}}', json.dumps({
            "status": status, "id": f"{number}:{self.position}", "ts_ms": 1763900000000, "event_count": orders and EVENTS,
            "data_collections": collections})))


def transaction_vs_eventual(bench):
    source = SourceDatabase()
    for number in range(1, rows(800_000) // EVENTS + 1):
        source.transact(number)
    for topic, records in source.topics.items():
        bench.fill(topic, records)
    tables = {f"tx.public.{table}": table for table in TABLES}
    count = sum(len(source.topics[topic]) for topic in tables)

    def measure(**options):
        for table in TABLES:
            bench.table(table, COLUMNS)
        rate = drained(bench, tables, count, **options)
        for table, contents in source.contents.items():
            assert bench.query(f"SELECT count(*), sum(amount) FROM {table}") == [(len(contents), sum(contents.values()))], table
        return rate

    value, reference = middle_pair(lambda: measure(consistency="transaction", transaction_topic="tx.transaction"), measure)
    bench.results.add("cdc_transaction_vs_eventual", value, "events/s", "eventual", reference)
