"""Writes what a connector would: a job a line on standard input, a list of [topic, partition, key, value, headers], in order.

Says ok once all of a job is acknowledged. Lives on while the broker is away.
"""

import json
import sys

from confluent_kafka import Producer


def main():
    producer = Producer({"bootstrap.servers": sys.argv[1], "enable.idempotence": True, "linger.ms": 1, "reconnect.backoff.max.ms": 300, "log_level": 0})
    for line in sys.stdin:
        failed = []
        for topic, partition, key, value, headers in json.loads(line):
            producer.produce(topic, key=key, value=value, partition=partition, headers=[tuple(header) for header in headers],
                             on_delivery=lambda error, _: failed.append(error) if error else None)
        producer.flush()
        print(failed[0] if failed else "ok", flush=True)


main()
