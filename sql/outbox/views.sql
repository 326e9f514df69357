CREATE VIEW standin_private.outbox_workers (kind, key, role, outward) AS
SELECT 'relay'::text, r.relay, NULL::oid, true FROM standin_private.outbox_relay r;
COMMENT ON VIEW standin_private.outbox_workers IS 'the workers the outbox wants: one a relay';

CREATE VIEW standin.outbox_relays AS
SELECT r.relay, r.server, r.mark_topic, r.batch_records, r.max_rows, r.max_bytes, r.on_full, r.paused, r.pause_reason, r.changed_at, r.changed_by
FROM standin_private.outbox_relay r;
COMMENT ON VIEW standin.outbox_relays IS 'who sends what transactions publish, and how';
COMMENT ON COLUMN standin.outbox_relays.max_rows IS 'events that may wait before on_full';

CREATE VIEW standin.outbox_topics AS
SELECT t.topic, t.relay, t.max_bytes,
       ARRAY(SELECT g.role FROM standin_private.outbox_grant g WHERE g.topic = t.topic ORDER BY g.role) AS publishers
FROM standin_private.outbox_topic t;
COMMENT ON VIEW standin.outbox_topics IS 'topics that may be published to, and by which roles';
COMMENT ON COLUMN standin.outbox_topics.max_bytes IS 'of one event: key, payload and headers';

CREATE VIEW standin.outbox_queue AS
SELECT c.relay, m.topic, count(*) AS rows, sum(octet_length(m.payload) + coalesce(octet_length(m.key), 0)) AS bytes,
       min(c.committed_at) AS oldest
FROM standin_private.outbox_commit c JOIN standin_private.outbox_message m USING (batch)
GROUP BY c.relay, m.topic;
COMMENT ON VIEW standin.outbox_queue IS 'committed events that are not known to be in Kafka, by topic: counted at each look, so not for a monitor that looks often while millions wait';
COMMENT ON COLUMN standin.outbox_queue.oldest IS 'when the transaction committed that has waited longest';

CREATE VIEW standin.stat_outbox AS
SELECT r.relay, coalesce(w.state, 'stopped') AS state, w.detail, w.pid,
       p.sent_timeline AS timeline, p.sent_seq AS seq, p.events, p.sent_at, p.transactions, p.aborted, p.recovered, p.blocked_event,
       q.transactions AS waiting_transactions, q.rows AS waiting_rows, q.bytes AS waiting_bytes,
       CASE WHEN q.rows > 0 THEN extract(epoch FROM standin_private.clock_now() - q.oldest)::double precision ELSE 0 END AS lag_seconds,
       q.rows >= r.max_rows OR q.bytes >= r.max_bytes AS is_full,
       c.claim, c.at AS claimed_at, p.reason, p.hint, w.last_error, w.error_at, w.recovered_at
FROM standin_private.outbox_relay r
JOIN standin_private.outbox_progress p USING (relay)
LEFT JOIN standin_private.worker_status w ON w.kind = 'relay' AND w.key = r.relay
CROSS JOIN LATERAL (SELECT count(*) AS transactions, coalesce(sum(o.messages), 0)::bigint AS rows, coalesce(sum(o.bytes), 0)::bigint AS bytes,
                           min(o.committed_at) AS oldest
                    FROM standin_private.outbox_commit o WHERE o.relay = r.relay) q
LEFT JOIN LATERAL (SELECT l.claim, l.at FROM standin_private.outbox_claim l WHERE l.relay = r.relay AND l.marked ORDER BY l.at DESC LIMIT 1) c ON true;
COMMENT ON VIEW standin.stat_outbox IS 'how each relay is, and how far';
COMMENT ON COLUMN standin.stat_outbox.state IS 'running, connecting, retrying (Kafka is away; it goes on by itself), blocked (Kafka does not take an event or a topic: reason says which, hint what helps; nothing is skipped), fenced (the mark in Kafka is of another server), diverged (the mark is gone, or beyond what is known here), paused; else as in stat_worker';
COMMENT ON COLUMN standin.stat_outbox.seq IS 'with timeline: the place of the last transaction that is known to be in Kafka, in the order of commits';
COMMENT ON COLUMN standin.stat_outbox.reason IS 'why it cannot go on, and in hint what helps; null: it goes on';
COMMENT ON COLUMN standin.stat_outbox.transactions IS 'Kafka transactions that were committed';
COMMENT ON COLUMN standin.stat_outbox.recovered IS 'of which a later process learnt from the mark';
COMMENT ON COLUMN standin.stat_outbox.lag_seconds IS 'how long the oldest that waits has done so';

CREATE VIEW standin.outbox_discarded AS
SELECT d.discard_number, d.relay, d.timeline, d.seq, d.event_id, d.topic, d.key, d.payload, d.headers, d.event_type, d.partition,
       d.discarded_at, d.discarded_by, d.reason
FROM standin_private.outbox_discarded d;
COMMENT ON VIEW standin.outbox_discarded IS 'events that an operator gave up, or that an adoption (from_mark) took for sent, and why';
