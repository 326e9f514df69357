"""Change capture: what a source applies a second, how late, and in how much memory.

Topics are full before the clock starts; rates are from cdc_resume to the last commit. What is compared is measured three times in turns, and
the best of each counts. STANDIN_BENCH_SCALE=0.01 tries the programs with few rows; STANDIN_BENCH_ONLY=latency runs one figure."""

import os

from harness.kafka import Kafka

from . import cdc_apply, cdc_debezium, cdc_latency, cdc_memory, cdc_transaction
from .cdc_stream import Bench

# Latency restarts the server with commit timestamps, which the others are not to pay for: it comes last.
FIGURES = (cdc_apply.insert_vs_copy, cdc_apply.update_vs_unnest_upsert, cdc_apply.poison_vs_clean, cdc_transaction.transaction_vs_eventual,
           cdc_debezium.schema_json, cdc_memory.backlog, cdc_memory.large_records, cdc_latency.latency)


def run(server, directory, results):
    kafka = Kafka(directory, quick=False).create()
    try:
        bench = Bench(server, kafka, directory, results)
        for figure in FIGURES:
            if figure.__name__ in os.environ.get("STANDIN_BENCH_ONLY", figure.__name__).split(","):
                figure(bench)
    finally:
        kafka.stop()
