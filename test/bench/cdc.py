"""CDC of a full topic against COPY of the same rows into the same table."""

import json
import time

from harness.await_ import await_
from harness.kafka import Kafka
from harness.process import run as run_program

from .results import resident_memory

ROWS = 1_000_000
TABLE = "(aid integer PRIMARY KEY, bid integer, abalance integer, filler character(84))"


def event(aid):
    """An insert as Debezium's PostgreSQL connector writes it with schemas.enable=false."""
    return json.dumps({
        "before": None,
        "after": {"aid": aid, "bid": aid // 100000 + 1, "abalance": 0, "filler": " " * 84},
        "source": {"version": "3.6.1.Final", "connector": "postgresql", "name": "core", "ts_ms": 1763900000000,
                   "snapshot": "false", "db": "core", "sequence": f'["{aid}","{aid + 1}"]', "ts_us": 1763900000000000,
                   "ts_ns": 1763900000000000000, "schema": "public", "table": "pgbench_accounts", "txId": 700 + aid,
                   "lsn": 24000000 + aid, "xmin": None},
        "transaction": None, "op": "c", "ts_ms": 1763900000123, "ts_us": 1763900000123456,
        "ts_ns": 1763900000123456789}, separators=(",", ":"))


def fill(kafka, directory, topic):
    path = directory / "events"
    with open(path, "w", encoding="utf8") as file:
        for aid in range(1, ROWS + 1):
            file.write(f'{{"aid":{aid}}}\t{event(aid)}\n')
    run_program(["kcat", "-b", kafka.brokers, "-P", "-t", topic, "-K", "\t", "-l", "-X", "linger.ms=50", "-X", "batch.size=1000000", path])
    path.unlink()


def copy_rate(server, directory):
    path = directory / "rows.csv"
    with open(path, "w", encoding="utf8") as file:
        for aid in range(1, ROWS + 1):
            file.write(f"{aid},{aid // 100000 + 1},0,{' ' * 84}\n")
    path.chmod(0o644)
    server.query(f"CREATE TABLE copied {TABLE}", dbname="bank")
    began = time.monotonic()
    server.query(f"COPY copied FROM '{path}' (FORMAT csv)", dbname="bank")
    seconds = time.monotonic() - began
    path.unlink()
    return ROWS / seconds


def cdc_rate(server, kafka, topic):
    server.psql("-c", f"""
        CREATE ROLE replica;
        CREATE TABLE accounts {TABLE};
        ALTER TABLE accounts OWNER TO replica;
        CREATE SERVER kafka FOREIGN DATA WRAPPER standin_kafka OPTIONS ("bootstrap.servers" '{kafka.brokers}');
        SELECT standin.cdc_source_create('core', 'kafka');
        SELECT standin.cdc_pause('core');
        SELECT standin.cdc_table_add('core', '{topic}', 'accounts');""", dbname="bank")
    began = time.monotonic()
    server.query("SELECT standin.cdc_resume('core')", dbname="bank")
    await_("all rows", lambda: server.value("SELECT sum(next_offset) FROM standin.stat_cdc", dbname="bank") >= ROWS, timeout=300,
           interval=0.02)
    seconds = time.monotonic() - began
    assert server.value("SELECT count(*) FROM accounts", dbname="bank") == ROWS
    return ROWS / seconds


def run(server, directory, results):
    kafka = Kafka(directory).create()
    try:
        kafka.topic_create("core.public.pgbench_accounts")
        fill(kafka, directory, "core.public.pgbench_accounts")
        copied = copy_rate(server, directory)
        server.query("CHECKPOINT")
        results.add("cdc_insert_vs_copy", cdc_rate(server, kafka, "core.public.pgbench_accounts"), "rows/s", "COPY", copied)
        resident_memory(server, "bank", results)
    finally:
        kafka.stop()
