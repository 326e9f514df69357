"""Private memory of a worker with much to do: ten million records behind it, and records of a megabyte."""

import pathlib
import random

from .cdc_events import envelope
from .cdc_stream import rows


def declared(bench):
    """MB that a worker may hold: records fetched ahead, the batch at hand, as much again for what it decodes to, and 32 for the
    process itself."""
    return 32 + float(bench.value("SELECT max(queue_kilobytes + 2 * batch_kilobytes) / 1024.0 FROM standin.cdc_sources"))


def peak(bench, name, topic, table, count):
    """The most memory of its own that the worker has while it drains the topic (shared buffers are everybody's and left out)."""
    seen = [0]
    with bench.source({topic: table}) as source:
        def look():
            pid = source.worker("pid")
            try:
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
            except OSError:
                return  # between two lives
            seen[0] = max(seen[0], *(int(line.split()[1]) for line in status.splitlines() if line.startswith("RssAnon")))
        source.drain(count, watch=look)
        assert source.dead_letters() == 0 and bench.value(f"SELECT count(*) FROM {table}") == count
        bench.results.add(name, seen[0] / 1024, "MB", "its limit", declared(bench))
    bench.query(f"DROP TABLE {table}")
    bench.kafka.topic_delete(topic)


def backlog(bench):
    count = rows(10_000_000)
    bench.table("backlog", "id integer PRIMARY KEY, v integer")
    bench.fill("backlog.topic", ((f'{{"id":{i}}}', f'{{"op":"c","after":{{"id":{i},"v":{i}}},"source":{{"ts_ms":1763900000000}}}}') for i in range(count)))
    peak(bench, "cdc_rss_backlog", "backlog.topic", "backlog", count)


def large_records(bench):
    count, dice = rows(500, 20), random.Random(4711)
    bench.table("large", "id integer PRIMARY KEY, note text")
    bench.query("ALTER TABLE large ALTER note SET STORAGE EXTERNAL")
    note = dice.randbytes(499_000).hex()
    bench.fill("large.topic", ((f'{{"id":{i}}}', envelope("c", "large", i, "null", f'{{"id":{i},"note":"{i:08d}{note}"}}')) for i in range(count)))
    peak(bench, "cdc_rss_large", "large.topic", "large", count)
