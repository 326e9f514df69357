GRANT EXECUTE ON FUNCTION standin.outbox_publish(text, text, text, jsonb, uuid, text, integer), standin.outbox_publish(text, text, jsonb, jsonb, uuid, text, integer),
    standin.outbox_publish(text, text, bytea, jsonb, uuid, text, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.outbox_relay_create, standin.outbox_relay_alter, standin.outbox_relay_define, standin.outbox_relay_reset(text, text[]),
    standin.outbox_relay_drop(text), standin.outbox_relay_adopt(text, text, text), standin.outbox_topic_create(text, text, integer),
    standin.outbox_topic_alter(text, integer), standin.outbox_topic_define(text, text, integer), standin.outbox_topic_reset(text, text[]),
    standin.outbox_topic_drop(text), standin.outbox_topic_grant(text, text), standin.outbox_topic_revoke(text, text) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin.outbox_relay_pause(text, text), standin.outbox_relay_resume(text), standin.outbox_event_discard(uuid, text)
    TO standin_operator, standin_admin;
GRANT SELECT ON standin.outbox_relays, standin.outbox_topics, standin.outbox_queue, standin.stat_outbox TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT SELECT ON standin.outbox_discarded TO standin_operator, standin_auditor, standin_admin; -- with payloads
