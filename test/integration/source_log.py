"""Events as a connector makes them of a source's log, each at its place there."""

import json

from harness.process import run
from streams import MILLIS

PLACEHOLDER = "__debezium_unavailable_value"


class Log:
    """A PostgreSQL source's log: each event gets the next place in it, as Debezium writes it."""

    def __init__(self, commit=1000, micros=MILLIS * 1000, name="core"):
        self.commit, self.micros, self.name = commit, micros, name

    def source(self, op):
        return {"version": "3.6.1.Final", "connector": "postgresql", "name": self.name, "ts_ms": self.micros // 1000,
                "snapshot": "true" if op == "r" else "false", "db": "bank", "ts_us": self.micros, "schema": "public", "table": "t",
                "sequence": json.dumps([str(self.commit - 5), str(self.commit)]), "txId": self.commit, "lsn": self.commit}

    def event(self, op, row=None, key="id", before=None, advance=True):
        if advance:
            self.commit, self.micros = self.commit + 10, self.micros + 1000
        image = {"before": before, "after": None} if op == "d" else {"before": before, "after": row}
        value = image | {"source": self.source(op), "op": op, "ts_ms": MILLIS + 5}
        return (None if key is None else {key: row[key]}), value

    def truncate(self):
        self.commit, self.micros = self.commit + 10, self.micros + 1000
        return None, {"source": self.source("t"), "op": "t", "ts_ms": MILLIS + 5}

    def message(self, prefix, content, transactional=True):
        self.commit, self.micros = self.commit + 10, self.micros + 1000
        source = self.source("m") | ({} if transactional else {"txId": None})
        return {"prefix": prefix}, {"source": source, "op": "m", "ts_ms": MILLIS + 5, "message": {"prefix": prefix, "content": content}}


class RedoThreads:
    """An Oracle source's redo, a thread an instance, as Debezium's LogMiner adapter sends it: each transaction when it commits,
    its changes with the SCN of the commit. The threads' SCNs are of one clock, but one thread may be read ahead of the other."""

    def __init__(self, millis=MILLIS):
        self.millis, self.transactions, self.scn = millis, 0, {1: 5000, 2: 1000}

    def transaction(self, thread, rows, same_commit=False):
        """Events of one transaction; `same_commit`: with the SCN of the thread's commit before."""
        self.transactions, self.millis = self.transactions + 1, self.millis + 1000
        self.scn[thread] += 0 if same_commit else 10
        return [self.event(thread, number, row) for number, row in enumerate(rows, 1)]

    def event(self, thread, number, row):
        source = {"version": "3.6.1.Final", "connector": "oracle", "name": "core", "ts_ms": self.millis - 60000, "snapshot": "false", "db": "BANK",
                  "sequence": None, "schema": "BANK", "table": "T", "txId": f"0a00{self.transactions:08x}", "scn": str(self.scn[thread] - 500),
                  "commit_scn": str(self.scn[thread]), "lcr_position": None, "rs_id": f"0x0021.{self.transactions:08x}.{number // 3:04x}", "ssn": 0,
                  "redo_thread": thread, "row_id": f"AAA{number % 3}", "commit_ts_ms": self.millis, "txSeq": number}
        return {"id": row["id"]}, {"before": None, "after": row, "source": source, "op": "c", "ts_ms": MILLIS + 5}


def send(stream, key, value, header=None, partition=None):
    """One record; a key None is Kafka's null, a header is (name, value)."""
    def text(word):
        return "" if word is None else word if isinstance(word, str) else json.dumps(word, separators=(",", ":"))
    words = ["kcat", "-b", stream.bank.kafka.brokers, "-P", "-t", stream.topic, "-Z", "-K", "\x1f", "-D", "\x1e"]
    if header:
        words += ["-H", f"{header[0]}={json.dumps(header[1])}"]
    if partition is not None:
        words += ["-p", str(partition)]
    run(words, input=f"{text(key)}\x1f{text(value)}\x1e", stdin=None)


def change_key(stream, log, old, new, row, partitions=(None, None), arrives_first=False):
    """What Debezium makes of an UPDATE that changes the key: delete, tombstone, create at one place of the log."""
    leave = log.event("d", {"id": old})
    arrive = log.event("c", row | {"id": new}, advance=False)
    halves = [lambda: (send(stream, *leave, ("__debezium.newkey", {"id": new}), partitions[0]), send(stream, {"id": old}, None, None, partitions[0])),
              lambda: send(stream, *arrive, ("__debezium.oldkey", {"id": old}), partitions[1])]
    return reversed(halves) if arrives_first else halves
