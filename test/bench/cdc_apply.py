"""Inserts against COPY, updates against an upsert of arrays, poison against none: schemaless JSON, one worker."""

import contextlib
import random
import time

from .cdc_events import ACCOUNTS, FILLER, accounts
from .cdc_stream import DBNAME, middle_pair, drained, rows

TOPIC = "core.public.pgbench_accounts"
FILL = "SELECT aid, aid / 100000 + 1, 0, '' FROM generate_series(1, {}) aid"


def insert_vs_copy(bench):
    """COPY of the same rows, from a file of the server's, into the same table with its primary key."""
    count = rows(1_000_000)
    bench.fill(TOPIC, accounts("c", ((aid, 0) for aid in range(1, count + 1))))
    path = bench.directory / "rows.csv"
    path.write_text("".join(f"{aid},{aid // 100000 + 1},0,{FILLER}\n" for aid in range(1, count + 1)))
    path.chmod(0o644)

    def cdc():
        bench.table("accounts", ACCOUNTS)
        rate = drained(bench, {TOPIC: "accounts"}, count)
        assert bench.value("SELECT count(*) FROM accounts") == count
        return rate

    def copy():
        bench.table("accounts", ACCOUNTS)
        began = time.monotonic()
        bench.query(f"COPY accounts FROM '{path}' (FORMAT csv)")
        return count / (time.monotonic() - began)

    value, reference = middle_pair(cdc, copy)
    bench.results.add("cdc_insert_vs_copy", value, "rows/s", "COPY", reference)
    path.unlink()


UPSERT = """DO $$
DECLARE batch record;
BEGIN
    FOR batch IN SELECT * FROM batches ORDER BY number LOOP
        INSERT INTO accounts SELECT * FROM unnest(batch.aids, batch.bids, batch.balances, batch.fillers)
        ON CONFLICT (aid) DO UPDATE SET bid = excluded.bid, abalance = excluded.abalance, filler = excluded.filler;
        COMMIT;
    END LOOP;
END $$"""


def update_vs_unnest_upsert(bench):
    """Every row once, in random order; the arrays of 5,000 lie ready, not compressed, in the same order."""
    count = rows(1_000_000)
    topic = "updates.public.pgbench_accounts"
    changes = [(aid, aid % 1000 + 1) for aid in range(1, count + 1)]
    random.Random(4711).shuffle(changes)
    bench.fill(topic, accounts("u", changes))
    bench.query("CREATE TABLE batches (number integer, aids integer[], bids integer[], balances integer[], fillers text[])")
    bench.query("ALTER TABLE batches " + ", ".join(f"ALTER {column} SET STORAGE EXTERNAL" for column in ("aids", "bids", "balances", "fillers")))
    path = bench.directory / "changes.csv"
    path.write_text("".join(f"{number},{aid},{balance}\n" for number, (aid, balance) in enumerate(changes)))
    path.chmod(0o644)
    bench.query("CREATE TABLE changes (number integer, aid integer, balance integer)")
    bench.query(f"COPY changes FROM '{path}' (FORMAT csv)")
    bench.query(f"INSERT INTO batches SELECT number / 5000, array_agg(aid ORDER BY number), array_agg(aid / 100000 + 1 ORDER BY number),"
                f" array_agg(balance ORDER BY number), array_agg('{FILLER}'::text) FROM changes GROUP BY 1")
    bench.query("DROP TABLE changes")
    path.unlink()
    same = "SELECT count(*) FROM accounts WHERE abalance = aid % 1000 + 1"

    def cdc():
        bench.table("accounts", ACCOUNTS, FILL.format(count))
        rate = drained(bench, {topic: "accounts"}, count)
        assert bench.value(same) == count
        return rate

    def upsert():
        bench.table("accounts", ACCOUNTS, FILL.format(count))
        bench.settle("batches")
        with contextlib.closing(bench.server.connect(DBNAME)) as connection, connection.cursor() as cursor:
            cursor.execute("SET synchronous_commit = off")
            began = time.monotonic()
            cursor.execute(UPSERT)
            rate = count / (time.monotonic() - began)
        assert bench.value(same) == count
        return rate

    value, reference = middle_pair(cdc, upsert)
    bench.results.add("cdc_update_vs_unnest_upsert", value, "rows/s", "unnest upsert", reference)
    bench.query("DROP TABLE batches")


def poison_vs_clean(bench):
    """Inserts of which one in 10,000 breaks a CHECK constraint, against the same inserts without."""
    count = rows(1_000_000)
    columns = ACCOUNTS + ", CHECK (abalance >= 0)"
    topics = {"clean.accounts": lambda aid: 0, "poison.accounts": lambda aid: -1 if aid % 10_000 == 5_000 else 0}
    for topic, balance in topics.items():
        bench.fill(topic, accounts("c", ((aid, balance(aid)) for aid in range(1, count + 1))))

    def measure(topic, letters):
        bench.table("accounts", columns)
        with bench.source({topic: "accounts"}) as source:
            rate = count / source.drain(count)
            assert source.dead_letters() == letters and bench.value("SELECT count(*) FROM accounts") == count - letters
        bench.query("DELETE FROM standin_private.kafka_dead_letter")
        return rate

    value, reference = middle_pair(lambda: measure("poison.accounts", (count + 5_000) // 10_000), lambda: measure("clean.accounts", 0), times=9)
    bench.results.add("cdc_poison_vs_clean", value, "rows/s", "none", reference)
