"""Writes records with confluent-kafka's own serializers. Reads one pickled job: brokers, registry, topic, records.

A record is (key, value), each (schema, object) for Avro, bytes as they are, or None.
"""

import pickle
import sys

from confluent_kafka import Producer
from confluent_kafka.schema_registry import SchemaRegistryClient
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.serialization import MessageField, SerializationContext


def main():
    job = pickle.load(sys.stdin.buffer)
    client = SchemaRegistryClient(job["registry"])
    producer = Producer({"bootstrap.servers": job["brokers"], "linger.ms": 5})
    serializers, failed = {}, []

    def serialize(part, field):
        if part is None or isinstance(part, bytes):
            return part
        schema, value = part
        if (schema, field) not in serializers:
            serializers[schema, field] = AvroSerializer(client, schema)
        return serializers[schema, field](value, SerializationContext(job["topic"], field))

    for key, value in job["records"]:
        producer.produce(job["topic"], key=serialize(key, MessageField.KEY), value=serialize(value, MessageField.VALUE),
                         partition=0, on_delivery=lambda error, _: failed.append(error) if error else None)
    producer.flush()
    if failed:
        sys.exit(f"not delivered: {failed[0]}")


main()
