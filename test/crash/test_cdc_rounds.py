"""Rounds of random death of change capture: pgbench writes all the time while service, Kafka and Connect are killed -9, at
random moments and at named points; after each round the tables must be equal to the source, the offsets be what was
applied, and no event have been applied twice. One source is followed transaction by transaction, and another eventually.

STANDIN_CRASH_ROUNDS sets the number of rounds, STANDIN_SEED repeats one.
"""

import os
import random

import pytest

from harness.await_ import await_
from harness.core import TABLES, fingerprint
from harness.deaths import strike, told
from harness.environment import Environment

ROUNDS = int(os.environ.get("STANDIN_CRASH_ROUNDS") or 3)
SEED = int(os.environ.get("STANDIN_SEED") or random.SystemRandom().randrange(1_000_000))
VICTIMS = ["service"] * 3 + ["kafka", "connect"]
POINTS = ["cdc_before_apply", "cdc_after_apply", "cdc_before_commit", "cdc_after_commit"]
CONSISTENCIES = {"whole": "consistency => 'transaction', transaction_topic => 'core.transaction'",
                 "soon": "consistency => 'eventual', workers => 2"}


@pytest.fixture(scope="module")
def bank():
    environment = Environment()
    environment.start_bank()
    environment.define_server()
    for source, options in CONSISTENCIES.items():
        environment.query(f"create schema {source} authorization replica")
        environment.query(f"select standin.cdc_source_create('{source}', 'kafka', {options})")
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
    ends = {(topic, partition): offset + 1 for topic in set(bank.kafka.topics()) if topic.startswith("core.public.")
            for partition, offset, _, _ in bank.kafka.consume(topic)}
    for source in CONSISTENCIES:
        stored = dict(((topic, partition), offset) for topic, partition, offset in bank.query(
            "select topic, partition, next_offset from standin.stat_cdc where source = %s and next_offset > 0", [source]))
        assert stored == ends, f"{source}: the stored offsets are not what was applied"


def test_rounds(bank):
    print(f"STANDIN_SEED={SEED}")
    chance = random.Random(SEED)
    with told(bank, ("cdc_sources", "stat_worker", "stat_cdc", "cdc_dead_letters")):
        for number in range(1, ROUNDS + 1):
            play(bank, number, chance)
            check(bank)
