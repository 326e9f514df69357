"""Writers that publish what they write, and the proof: every committed event is in Kafka once, in order, nothing else is."""

import collections
import json
import random
import threading
import time

import psycopg2

from harness.await_ import await_
from readers import read

TABLE = "create table if not exists effect (id text primary key, writer int, n int, events int); grant all on effect to app"


class Writers:
    """Each writes rows of its own key, with savepoints and rollbacks; a commit that nobody confirmed is looked up later in
    the table itself, which commits with the events."""

    def __init__(self, outbox, count, seed):
        self.outbox, self.stopping = outbox, threading.Event()
        outbox.bank.query(TABLE)
        self.run = f"{outbox.name}-{seed}"
        self.threads = [threading.Thread(target=self._write, args=(number, random.Random(f"{seed}-{number}")), daemon=True)
                        for number in range(count)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join(60)
            assert not thread.is_alive()

    def _write(self, number, chance):
        n = 0
        while not self.stopping.is_set():
            try:
                with self.outbox.connect() as session:
                    while not self.stopping.is_set():
                        n += 1
                        self._transaction(session, number, n, chance)
            except psycopg2.Error:
                time.sleep(0.05)  # the server is away

    def _transaction(self, session, number, n, chance):
        topics = list(self.outbox.topics.values())
        identity = f"{self.run}-{number}-{n}"
        count = chance.choice([1, 1, 2, 3, 10])
        with session.cursor() as cursor:
            cursor.execute("insert into effect values (%s, %s, %s, %s)", [identity, number, n, count])
            if chance.random() < 0.2:
                cursor.execute("savepoint s")
                self._publish(cursor, topics[0], number, {"id": identity, "i": "rolled back"})
                cursor.execute("rollback to savepoint s")
            for i in range(count):
                self._publish(cursor, topics[i % len(topics)], number, {"id": identity, "n": n, "i": i, "of": count})
            if chance.random() < 0.05:
                time.sleep(chance.uniform(0, 0.3))  # a longer one
        session.rollback() if chance.random() < 0.1 else session.commit()

    def _publish(self, cursor, topic, number, value):
        cursor.execute("select standin.outbox_publish(%s, %s, %s::jsonb, event_type => 'Written')", [topic, str(number), json.dumps(value)])


def prove(outbox, run):
    """Once the queue is empty. Returns how many events there were."""
    outbox.drained(180)
    committed = {row[0]: row[1:] for row in outbox.bank.query("select id, writer, n, events from effect where starts_with(id, %s)", [run + "-"])}
    seen = collections.Counter()
    ids = collections.Counter()
    for topic in outbox.topics.values():
        last = {}
        for key, value, headers in read(outbox.bank.kafka, topic):
            event = json.loads(value)
            if not event["id"].startswith(run + "-"):
                continue
            seen[event["id"], event["i"]] += 1
            ids[headers["id"]] += 1
            place = (event["n"], event["i"])
            assert last.get(key, (0, 0)) < place, f"{topic}: {place} of writer {key} comes after {last[key]}"
            last[key] = place
    expected = {(identity, i) for identity, (_, _, events) in committed.items() for i in range(events)}
    assert not {event: times for event, times in seen.items() if times != 1}, "doubled"
    assert not [identity for identity, times in ids.items() if times != 1], "an id twice"
    assert not seen.keys() - expected, "never committed"
    assert not expected - seen.keys(), "lost"
    return len(expected)


def await_back(bank):
    """Until the server takes connections again."""
    await_("the server", lambda: bank.value("select 1") == 1, 120)
