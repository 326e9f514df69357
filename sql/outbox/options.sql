CREATE VIEW standin_private.outbox_option (object, name, type, default_value, allowed, meaning) AS VALUES
    ('relay', 'server', 'name', NULL, NULL, 'a server of standin_kafka'),
    ('relay', 'mark_topic', 'text', NULL, '~ ^[A-Za-z0-9._-]{1,249}$', 'where it writes how far it is: one partition, cleanup.policy=compact, no other relay. It stays once it has a mark'),
    ('relay', 'batch_records', 'integer', '10000', '1 .. 100000', 'events in one Kafka transaction, unless one database transaction has more'),
    ('relay', 'max_rows', 'bigint', '10000000', '1 ..', 'events that wait for Kafka, before on_full'),
    ('relay', 'max_bytes', 'bigint', '10737418240', '1 ..', 'bytes of them, before on_full'),
    ('relay', 'on_full', 'text', 'alarm', 'error | alarm', 'error: outbox_publish fails (53400) until events have left; alarm: it is shown and nothing else'),
    ('outbox_topic', 'max_bytes', 'integer', '1000000', '1024 .. 100000000', 'bytes of one event, key, payload and headers; at most the topic''s max.message.bytes in Kafka');
COMMENT ON VIEW standin_private.outbox_option IS 'options of relays and of the topics that are published to';
