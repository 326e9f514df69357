CREATE TABLE standin_private.outbox_relay (
    relay text PRIMARY KEY CHECK (relay ~ '^[A-Za-z0-9._-]{1,100}$'),
    server name NOT NULL,
    mark_topic text NOT NULL CHECK (mark_topic ~ '^[A-Za-z0-9._-]{1,249}$' AND mark_topic NOT IN ('.', '..')),
    batch_records integer NOT NULL CHECK (batch_records BETWEEN 1 AND 100000),
    max_rows bigint NOT NULL CHECK (max_rows > 0),
    max_bytes bigint NOT NULL CHECK (max_bytes > 0),
    on_full text NOT NULL CHECK (on_full IN ('error', 'alarm')),
    paused boolean NOT NULL DEFAULT false,
    pause_reason text,
    changed_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    changed_by name NOT NULL DEFAULT session_user,
    UNIQUE (server, mark_topic),
    CHECK (paused OR pause_reason IS NULL)
);
COMMENT ON TABLE standin_private.outbox_relay IS 'who sends what transactions publish to Kafka, a worker each; kept whole';

CREATE TABLE standin_private.outbox_topic (
    topic text PRIMARY KEY CHECK (topic ~ '^[A-Za-z0-9._-]{1,249}$' AND topic NOT IN ('.', '..')),
    relay text NOT NULL REFERENCES standin_private.outbox_relay ON DELETE RESTRICT,
    max_bytes integer NOT NULL CHECK (max_bytes BETWEEN 1024 AND 100000000)
);
COMMENT ON TABLE standin_private.outbox_topic IS 'topics that may be published to, each by one relay; kept whole';
COMMENT ON COLUMN standin_private.outbox_topic.max_bytes IS 'of one event: key, payload and headers; the topic''s max.message.bytes in Kafka or less';

CREATE TABLE standin_private.outbox_grant (
    topic text NOT NULL REFERENCES standin_private.outbox_topic ON DELETE CASCADE,
    role name NOT NULL, -- by name, as in a dump
    granted_by name NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (topic, role)
);
COMMENT ON TABLE standin_private.outbox_grant IS 'who may publish to which topic; kept whole';

-- The order of commits: drawn in the pre-commit callback (src/kernel/commit_order.h).
CREATE SEQUENCE standin_private.outbox_order;
-- Which events are of one database transaction: drawn by the first of them.
CREATE SEQUENCE standin_private.outbox_batch;

CREATE TABLE standin_private.outbox_commit (
    relay text NOT NULL,
    timeline integer NOT NULL,
    seq bigint NOT NULL,
    batch bigint NOT NULL,
    messages bigint NOT NULL,
    bytes bigint NOT NULL,
    committed_at timestamptz NOT NULL,
    PRIMARY KEY (relay, timeline, seq)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.2);
COMMENT ON TABLE standin_private.outbox_commit IS 'database transactions that published and are not known to be in Kafka, in the order of their commits; distributed by relay';
COMMENT ON COLUMN standin_private.outbox_commit.messages IS 'how many events it published and did not roll back: the relay sends all of them or none';
COMMENT ON COLUMN standin_private.outbox_commit.committed_at IS 'by the product''s clock, a moment before the commit';

CREATE TABLE standin_private.outbox_message (
    batch bigint NOT NULL,
    n bigint NOT NULL,
    event_id uuid NOT NULL UNIQUE,
    topic text NOT NULL,
    key text,
    payload bytea,
    headers jsonb,
    event_type text,
    partition integer,
    PRIMARY KEY (batch, n)
) WITH (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 10000, autovacuum_vacuum_insert_scale_factor = 0.2);
COMMENT ON TABLE standin_private.outbox_message IS 'events that are to become Kafka records, deleted behind the mark; distributed by batch, with its transaction';
COMMENT ON COLUMN standin_private.outbox_message.payload IS 'null: a tombstone';

-- What was decided to be sent, committed before it is: so a mark in Kafka beyond it says that something was lost here.
CREATE TABLE standin_private.outbox_progress (
    relay text PRIMARY KEY REFERENCES standin_private.outbox_relay ON DELETE CASCADE,
    timeline integer NOT NULL DEFAULT 0,
    seq bigint NOT NULL DEFAULT 0,
    events bigint NOT NULL DEFAULT 0,
    sent_timeline integer NOT NULL DEFAULT 0,
    sent_seq bigint NOT NULL DEFAULT 0,
    sent_at timestamptz,
    transactions bigint NOT NULL DEFAULT 0,
    aborted bigint NOT NULL DEFAULT 0,
    recovered bigint NOT NULL DEFAULT 0,
    blocked_event uuid,
    mark_found text,
    is_full boolean NOT NULL DEFAULT false,
    reason text,
    hint text
) WITH (fillfactor = 50, autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 1000);
COMMENT ON TABLE standin_private.outbox_progress IS 'how far each relay is; distributed by relay';
COMMENT ON COLUMN standin_private.outbox_progress.seq IS 'with timeline: the last place that may be in Kafka; no mark of ours is beyond it';
COMMENT ON COLUMN standin_private.outbox_progress.events IS 'published up to there, since the relay was made or adopted';
COMMENT ON COLUMN standin_private.outbox_progress.sent_seq IS 'with sent_timeline: what is known to be in Kafka; behind the truth after a crash';
COMMENT ON COLUMN standin_private.outbox_progress.recovered IS 'Kafka transactions of which a later process learnt from the mark that they were committed';
COMMENT ON COLUMN standin_private.outbox_progress.reason IS 'why it could not go on when it last said so; null: it went on';
COMMENT ON COLUMN standin_private.outbox_progress.mark_found IS 'what stood in its way when it last was fenced or diverged: the mark, or that there was none';
COMMENT ON COLUMN standin_private.outbox_progress.blocked_event IS 'the event that Kafka does not take, behind which all wait';

CREATE TABLE standin_private.outbox_claim (
    claim uuid PRIMARY KEY,
    relay text NOT NULL REFERENCES standin_private.outbox_relay ON DELETE CASCADE,
    system_identifier text NOT NULL,
    timeline integer NOT NULL,
    seq bigint NOT NULL,
    at timestamptz NOT NULL,
    marked boolean NOT NULL DEFAULT false
);
CREATE INDEX ON standin_private.outbox_claim (relay, at);
COMMENT ON TABLE standin_private.outbox_claim IS 'processes that took a relay up: a mark of a claim that is not here was made by another server; distributed by relay';
COMMENT ON COLUMN standin_private.outbox_claim.seq IS 'with timeline: the mark from which it goes on';
COMMENT ON COLUMN standin_private.outbox_claim.marked IS 'Kafka has a mark of it';

CREATE TABLE standin_private.outbox_adoption (
    adoption bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relay text NOT NULL,
    choice text NOT NULL CHECK (choice IN ('from_mark', 'from_here')),
    reason text NOT NULL CHECK (reason <> ''),
    adopted_by name NOT NULL,
    adopted_at timestamptz NOT NULL,
    made_for text NOT NULL,
    applied_at timestamptz,
    mark text
);
COMMENT ON TABLE standin_private.outbox_adoption IS 'marks of others, or missing ones, that an administrator let a relay go on from; a log; kept whole';
COMMENT ON COLUMN standin_private.outbox_adoption.made_for IS 'what the relay had found (mark_found of its progress): of anything else this decides nothing';
COMMENT ON COLUMN standin_private.outbox_adoption.applied_at IS 'when the relay did it, or found it void';
COMMENT ON COLUMN standin_private.outbox_adoption.mark IS 'the mark from which it went on, an empty text if there was none; null: it is not done, or void';

CREATE TABLE standin_private.outbox_discarded (
    discard_number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    relay text NOT NULL,
    timeline integer NOT NULL,
    seq bigint NOT NULL,
    event_id uuid NOT NULL,
    topic text NOT NULL,
    key text,
    payload bytea,
    headers jsonb,
    event_type text,
    partition integer,
    discarded_at timestamptz NOT NULL,
    discarded_by name NOT NULL,
    reason text NOT NULL CHECK (reason <> '')
);
COMMENT ON TABLE standin_private.outbox_discarded IS 'events that left here without a word of Kafka''s: given up because it does not take them, or taken for sent by an adoption; who did it, when and why; distributed by relay';

CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.outbox_relay
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('outbox', 'supervisor');
CREATE TRIGGER wake AFTER INSERT OR UPDATE OR DELETE ON standin_private.outbox_topic
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('outbox');
CREATE TRIGGER wake AFTER INSERT ON standin_private.outbox_adoption
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('outbox');
