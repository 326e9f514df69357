"""Rounds of random death of change capture: pgbench writes all the time while core, service, Kafka and Connect are killed
-9, at random moments and at named points; after each round the tables must be equal to the source, the offsets be what was
applied, and no event have been applied twice. One source is followed transaction by transaction, and another eventually.
What Debezium itself loses when it restarts must be noticed, and mended by a snapshot.

STANDIN_CRASH_ROUNDS sets the number of rounds, STANDIN_SEED repeats one.
"""

import os
import random
import time

import pytest

from harness.await_ import await_
from harness.connect import signalling
from harness.core import TABLES, fingerprint
from harness.deaths import kill, strike, told
from harness.environment import Environment

ROUNDS = int(os.environ.get("STANDIN_CRASH_ROUNDS") or 3)
SEED = int(os.environ.get("STANDIN_SEED") or random.SystemRandom().randrange(1_000_000))
VICTIMS = ["service"] * 3 + ["core"] * 2 + ["kafka", "connect"]
POINTS = ["cdc_before_apply", "cdc_after_apply", "cdc_before_commit", "cdc_after_commit"]
CONSISTENCIES = {"whole": "consistency => 'transaction'", "soon": "consistency => 'eventual', workers => 2"}
VIEWS = ("cdc_sources", "stat_worker", "stat_cdc", "cdc_dead_letters", "cdc_gaps", "cdc_signals")
GAPS = "transaction_topic => 'core.transaction', signal_topic => 'signals', on_gap => 'snapshot'"


@pytest.fixture(scope="module")
def bank():
    environment = Environment()
    environment.start_core()
    kafka = environment.start_kafka()
    environment.start_connect(partitions=3, source=signalling(kafka, "signals"))
    environment.start_service()
    environment.create_targets()
    environment.define_server()
    for source, options in CONSISTENCIES.items():
        environment.query(f"create schema {source} authorization replica")
        environment.query(f"select standin.cdc_source_create('{source}', 'kafka', {options}, {GAPS})")
        for table in TABLES:
            environment.query(f"create table {source}.{table} (like public.{table} including all);"
                              f"alter table {source}.{table} owner to replica;"
                              f"select standin.cdc_table_add('{source}', 'core.public.{table}', '{source}.{table}')")
        # Every insert leaves a row of its own: one that was applied twice would leave two.
        environment.query(f"create table {source}.inserted (hid bigint); alter table {source}.inserted owner to replica;"
                          f"create function {source}.note() returns trigger language plpgsql as"
                          f" $$begin insert into {source}.inserted values (new.hid); return new; end$$;"
                          f"create trigger note after insert on {source}.pgbench_history for each row execute function {source}.note()")
    yield environment
    environment.stop()


def play(bank, number, chance):
    print(f"round {number}", flush=True)
    load = bank.core.load(rate=150, clients=2)
    strike(bank, chance, VICTIMS, POINTS, share=0.5)
    load.stop()


def copy_of(bank, source):
    return fingerprint(lambda sql: bank.query(sql.replace(" from pgbench", f" from {source}.pgbench")))


def check(bank):
    if not bank.connect.alive():
        bank.connect.start()
    bank.connect.ensure_running(180)
    for source in CONSISTENCIES:
        await_(f"{source} to be equal to the core", lambda s=source: copy_of(bank, s) == fingerprint(bank.core.query), 300, 0.5)
        inserted = bank.query(f"select count(*), count(distinct hid), (select count(*) from {source}.pgbench_history) from {source}.inserted")
        assert len(set(inserted[0])) == 1, f"{source}: an insert was applied twice or never: {inserted}"
        await_(f"{source}'s offsets to be at the ends", lambda s=source: bank.value(
            "select bool_and(lag_messages = 0) from standin.stat_cdc where source = %s", [s]), 120)
    assert bank.query("select source, sqlstate, error from standin.cdc_dead_letters") == []
    for source in CONSISTENCIES:  # a snapshot that mends what the other one found missing may go on
        await_(f"{source}'s offsets to be what was applied", lambda s=source: stored(bank, s) == ends(bank), 120, 0.5)


def stored(bank, source):
    return dict(((topic, partition), offset) for topic, partition, offset in bank.query(
        "select topic, partition, next_offset from standin.stat_cdc where source = %s and next_offset > 0", [source]))


def ends(bank):
    return {(topic, partition): offset + 1 for topic in set(bank.kafka.topics()) if topic.startswith("core.public.")
            for partition, offset, _, _ in bank.kafka.consume(topic)}


def lost(bank):
    """What the connector is known to have lost."""
    gaps = bank.query("select source, transaction_id, begin_position, first_position, missing_orders, state from standin.cdc_gaps order by noticed_at")
    print(f"  lost by the connector: {gaps}", flush=True)
    assert all(gap[-1] == "snapshot_requested" for gap in gaps)
    return gaps


def test_rounds(bank):
    print(f"STANDIN_SEED={SEED}")
    chance = random.Random(SEED)
    with told(bank, VIEWS):
        for number in range(1, ROUNDS + 1):
            play(bank, number, chance)
            check(bank)
            lost(bank)


def test_a_core_that_dies_among_many_writers(bank):
    """Debezium loses the head of a transaction in some of such restarts: at most so many are tried."""
    print(f"STANDIN_SEED={SEED}")
    chance = random.Random(SEED)
    with told(bank, VIEWS):
        for number in range(1, 2 * ROUNDS + 1):
            print(f"round {number}", flush=True)
            load = bank.core.load(rate=400, clients=8)
            time.sleep(chance.uniform(2, 4))  # the random moment itself, not a wait for something
            kill(bank, "core", chance)
            load.stop()
            check(bank)
            if lost(bank):
                break
