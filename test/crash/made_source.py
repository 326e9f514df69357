"""A database and its Debezium connector, made up: random transactions as the connector writes them, and what the tables
hold after them. The connector dies and comes back as a real one does: what it had sent comes again at new offsets."""

import base64
import json
import time

MILLIS = 1732400000000
PLACEHOLDER = "__debezium_unavailable_value"
PREFIX = "core"
PARTITIONS = {"account": 3, "entry": 2, "board": 3, "shape": 2}
TRANSACTIONS, MESSAGES = f"{PREFIX}.transaction", f"{PREFIX}.message"


def topic_of(table):
    return f"{PREFIX}.public.{table}"


class Record:
    """One record of the connector's, without its place in a transaction, which is known when it is sent."""

    def __init__(self, topic, partition, key, value, headers=(), table=None):
        self.topic, self.partition, self.key, self.value, self.headers, self.table = topic, partition, key, value, headers, table

    def counts(self):
        return self.table is not None and self.value is not None


class Database:
    """Tables, and a log in which each event has its place."""

    def __init__(self, chance):
        self.chance = chance
        self.commit, self.lsn, self.xid, self.millis, self.serial = 1000, 1000, 700, MILLIS, 0
        self.account, self.board, self.shape = {}, {}, {}
        self.entry, self.rows = [], {}  # a history, and the rows that it is the history of
        self.messages, self.columns = [], []
        self.movable = set()

    def settle(self):
        """Whatever was sent is applied. Rows change their keys only from here on: the halves are in two partitions, and the
        row must have come to the first before the second asks for what it withholds."""
        self.movable = set(self.account)

    def add_column(self):
        self.columns.append(f"c{len(self.columns)}")

    def transaction(self, size):
        self.xid, self.millis = self.xid + 1, self.millis + 7
        records = []
        for _ in range(size):
            kind = self.chance.choices([self.on_account, self.on_entry, self.on_board, self.on_shape, self.message], [8, 5, 3, 3, 1])[0]
            records += kind()
        self.commit, self.lsn = self.lsn + 8, self.lsn + 16
        return self.xid, records

    def number(self):
        self.serial += 1
        return self.serial

    def source(self, table):
        return {"version": "3.6.1.Final", "connector": "postgresql", "name": PREFIX, "ts_ms": self.millis, "snapshot": "false", "db": "bank",
                "sequence": json.dumps([str(self.commit), str(self.lsn)]), "schema": "public", "table": table, "txId": self.xid, "lsn": self.lsn}

    def event(self, table, op, key, before, after, headers=(), advance=True):
        self.lsn += 8 if advance else 0
        value = {"before": before, "after": after, "source": self.source(table), "op": op, "ts_ms": self.millis}
        partition = None if key is None else key % PARTITIONS[table]
        return Record(topic_of(table), partition, key if key is None else {"id": key}, value, headers, table)

    def tombstone(self, table, key):
        return Record(topic_of(table), key % PARTITIONS[table], {"id": key}, None)

    def on_account(self):
        key, others = self.chance.randrange(60), [i for i in range(60) if i not in self.account]
        if key not in self.account:
            self.account[key] = (self.number(), f"note {self.serial} " + "x" * self.chance.randrange(200))
            self.movable.discard(key)
            return [self.event("account", "c", key, None, self.account_row(key))]
        what = self.chance.choices("udk", [6, 1, 2 if key in self.movable and others else 0])[0]
        if what == "u":
            withheld = self.chance.random() < 0.5
            self.account[key] = (self.number(), self.account[key][1] if withheld else f"note {self.serial}")
            return [self.event("account", "u", key, None, self.account_row(key, withheld))]
        self.movable.discard(key)
        _, note = self.account.pop(key)
        if what == "d":
            return [self.event("account", "d", key, {"id": key}, None), self.tombstone("account", key)]
        new = self.chance.choice(others)
        self.account[new] = (self.number(), note)
        self.movable.discard(new)
        return [self.event("account", "d", key, {"id": key}, None, [("__debezium.newkey", {"id": new})]), self.tombstone("account", key),
                self.event("account", "c", new, None, self.account_row(new, True), [("__debezium.oldkey", {"id": key})], advance=False)]

    def account_row(self, key, withheld=False):
        v, note = self.account[key]
        return {"id": key, "v": v, "note": PLACEHOLDER if withheld else note}

    def on_entry(self):
        key = self.chance.randrange(30)
        op = "c" if key not in self.rows else self.chance.choices("ud", [4, 1])[0]
        row = {"id": key, "n": self.number()}
        self.entry.append((self.serial, key, op))
        if op != "d":
            self.rows[key] = row
            return [self.event("entry", op, key, None, row)]
        del self.rows[key]
        return [self.event("entry", op, key, row, None), self.tombstone("entry", key)]

    def on_board(self):
        key = self.chance.randrange(25)
        if self.chance.random() < 0.1:
            self.board.clear()
            return [self.event("board", "t", None, None, None)]
        if key in self.board and self.chance.random() < 0.2:
            del self.board[key]
            return [self.event("board", "d", key, {"id": key}, None), self.tombstone("board", key)]
        op, self.board[key] = "u" if key in self.board else "c", self.number()
        return [self.event("board", op, key, None, {"id": key, "v": self.serial})]

    def on_shape(self):
        key = self.chance.randrange(20)
        op = "u" if key in self.shape else "c"
        row = {"id": key, "v": self.number()} | {name: f"{name} {self.serial}" for name in self.columns}
        self.shape[key] = row
        record = self.event("shape", op, key, None, row)
        fields = [{"field": "id", "type": "int32"}, {"field": "v", "type": "int32", "optional": True},
                  *({"field": name, "type": "string", "optional": True} for name in self.columns)]
        image = lambda name: {"type": "struct", "fields": fields, "optional": True, "name": "t.Value", "field": name}
        record.schema = {"type": "struct", "name": "t.Envelope", "fields": [
            image("before"), image("after"), {"type": "string", "field": "op"}, {"type": "int64", "field": "ts_ms"}]}
        return [record]

    def message(self):
        self.lsn += 8
        self.messages.append(content := f"message {self.number()}")
        value = {"op": "m", "source": self.source(""), "ts_ms": self.millis,
                 "message": {"prefix": "note", "content": base64.b64encode(content.encode()).decode()}}
        return [Record(MESSAGES, 0, {"prefix": "note"}, value)]


def text(value):
    return None if value is None else json.dumps(value, separators=(",", ":"))


class Connector:
    """Sends transactions in their order, as one that may lose its memory of what it sent last."""

    def __init__(self, chance, produce):
        self.chance, self.produce, self.sent = chance, produce, []
        self.ends = {}  # records a partition

    def send(self, *transactions):
        for transaction in transactions:
            self.emit(self.records(*transaction))
            self.sent.append(transaction)

    def repeat(self, back):
        """It restarts where its offsets were stored last: so many transactions come again."""
        self.restart()
        for transaction in self.sent[-back:]:
            self.emit(self.records(*transaction))

    def break_off(self, transactions, back):
        """It dies in the midst of transactions, of which each partition got a part, and restarts before them."""
        records = [record for transaction in transactions for record in self.records(*transaction)]
        reached = {place: self.chance.randrange(len(records)) for place in {(record[0], record[1]) for record in records}}
        self.emit([record for at, record in enumerate(records[:-1]) if at == 0 or at < reached[record[0], record[1]]])
        self.repeat(back)
        self.send(*transactions)

    def resume_amidst(self, transaction):
        """It dies in the midst of a transaction and knows what of it was sent: BEGIN comes again, END counts the rest."""
        xid, events = transaction
        cut = self.chance.randrange(1, len(events)) if len(events) > 1 else 1
        self.emit(self.records(xid, events[:cut])[:-1])
        self.restart()
        self.emit(self.records(xid, events[cut:]))
        self.sent.append(transaction)

    @staticmethod
    def restart():
        """A real one takes seconds; the milliseconds that Kafka writes beside a record must have moved on."""
        now = time.time_ns() // 1_000_000
        while time.time_ns() // 1_000_000 <= now + 1:
            pass

    def records(self, xid, events):
        """BEGIN, the events with their place in the transaction, END with its totals."""
        totals, rendered = {}, []
        for event in events:
            value = event.value
            if event.counts():
                totals[event.table] = totals.get(event.table, 0) + 1
                value = value | {"transaction": {"id": f"{xid}:{value['source']['lsn']}", "total_order": sum(totals.values()),
                                                 "data_collection_order": totals[event.table]}}
            if hasattr(event, "schema"):
                value = {"schema": event.schema, "payload": value}
            headers = [(name, text(header)) for name, header in event.headers]
            # A truncate has no key: whenever it is sent the producer puts it into some partition.
            partition = self.chance.randrange(PARTITIONS[event.table]) if event.partition is None else event.partition
            rendered.append((event.topic, partition, text(event.key), text(value), headers))
        return [self.boundary("BEGIN", xid, None), *rendered, self.boundary("END", xid, totals)]

    def boundary(self, status, xid, totals):
        value = {"status": status, "id": f"{xid}:{1 if status == 'BEGIN' else 2}", "ts_ms": MILLIS,
                 "event_count": None if totals is None else sum(totals.values()),
                 "data_collections": None if totals is None else [{"data_collection": f"public.{table}", "event_count": count}
                                                                  for table, count in totals.items()]}
        return TRANSACTIONS, 0, text({"id": f"{xid}:1"}), text(value), []

    def emit(self, records):
        for topic, partition, *_ in records:
            self.ends[topic, partition] = self.ends.get((topic, partition), 0) + 1
        self.produce(records)
