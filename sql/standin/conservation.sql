CREATE FUNCTION standin_private.payload_digest(operation text, payload jsonb) RETURNS bytea
    LANGUAGE c IMMUTABLE STRICT AS 'MODULE_PATHNAME', 'standin_payload_digest';
COMMENT ON FUNCTION standin_private.payload_digest(text, jsonb) IS 'what a key is compared by: SHA-256 over operation and payload, numbers by value';

-- Accepted = posted + compensated + cancelled + expired + open, with each side counted where it is written for itself:
-- accepted in the decision log, posted in the connectors' answers and the change events, compensated and cancelled in the
-- repairs, open in the queue. What the core booked otherwise than accepted, and a person settled, is a term of its own. Totals alone would miss two rows that were swapped, so every ticket is compared too.
CREATE VIEW standin_private.ledger AS
SELECT coalesce(d.core, q.core, k.core, a.core, e.core, r.core, f.core, s.core) AS core,
       coalesce(d.ticket, q.ticket, k.ticket, a.ticket, e.ticket, r.ticket, f.ticket, s.ticket) AS ticket,
       coalesce(d.key, q.key, k.key, a.key, e.key, r.key, f.key, s.key) AS key,
       d.decision, d.amount AS decided_amount, f.ticket IS NOT NULL AS refused,
       q.state, q.promised, q.amount AS queued_amount,
       a.posted OR e.ticket IS NOT NULL AS posted, coalesce(e.booked_amount, a.posted_amount, q.amount) AS posted_amount,
       r.resolution,
       array_remove(ARRAY[
           CASE WHEN d.ticket IS NULL THEN 'not in the decision log' END,
           CASE WHEN q.ticket IS NULL THEN 'not in the queue' END,
           CASE WHEN k.ticket IS NULL THEN 'its key is missing' END,
           CASE WHEN (d.core, d.key, d.account, d.operation, d.amount, d.epoch) <> (q.core, q.key, q.account, q.operation, q.amount, q.epoch)
                THEN 'decision log and queue differ' END,
           CASE WHEN (k.core, k.key, k.account) <> (q.core, q.key, q.account)
                  OR (k.digest <> sha256(convert_to(q.operation || E'\n' || q.payload::text, 'UTF8')) -- of releases up to 0.2.0
                      AND k.digest <> standin_private.payload_digest(q.operation, q.payload))
                THEN 'key and queue differ' END,
           CASE WHEN (d.decision = 'declined') <> (q.state = 'declined') OR (d.decision = 'accepted') <> q.promised
                THEN format('decided as %s, but %s', d.decision, q.state) END,
           CASE WHEN (f.ticket IS NOT NULL) <> (q.state = 'rejected' AND NOT q.promised) OR (f.key, f.amount) <> (q.key, q.amount)
                THEN 'refusal and state differ' END,
           CASE WHEN coalesce(a.posted, false) <> (q.answered IS NOT DISTINCT FROM 'posted')
                  OR (q.answered = 'rejected' AND NOT coalesce(a.rejected, false))
                  OR (q.state = 'posted' AND NOT coalesce(a.posted, false)) OR coalesce(a.answers, 0) <> coalesce(q.answers, 0)
                THEN 'answers of the core and state differ' END,
           CASE WHEN a.amounts <> q.amount OR a.keys <> q.key OR NOT a.alike OR (a.posted AND a.reference IS DISTINCT FROM q.reference)
                THEN 'answers of the core and queue differ' END,
           CASE WHEN s.ticket IS NULL AND e.booked_amount <> q.amount THEN format('promised %s, the core booked %s', q.amount, e.booked_amount) END,
           CASE WHEN s.ticket IS NULL AND e.booked_account <> q.account THEN format('promised on account %s, the core booked on %s', q.account, e.booked_account) END,
           CASE WHEN e.ticket IS NOT NULL AND q.state <> 'reconciled' AND w.ticket IS NULL
                  AND (s.ticket IS NULL OR q.state NOT IN ('declined', 'rejected', 'compensated', 'cancelled', 'expired') OR (q.state = 'rejected' AND q.promised))
                THEN format('booked by the core, but %s', q.state) END,
           CASE WHEN w.ticket IS NOT NULL AND e.ticket IS NULL THEN 'waits for its confirmation without a change event' END,
           CASE WHEN e.ticket IS NULL AND q.state = 'reconciled' THEN 'reconciled without a change event' END,
           CASE WHEN (e.core, e.key, e.account) <> (q.core, q.key, q.account) THEN 'change event and queue differ' END,
           CASE WHEN (s.core, s.key, s.account) <> (q.core, q.key, q.account) OR (s.ticket IS NOT NULL AND e.ticket IS NULL)
                  OR (s.booked_account, s.booked_amount) IS DISTINCT FROM (e.booked_account, e.booked_amount) AND s.ticket IS NOT NULL
                THEN 'settled, but the change event says something else' END,
           CASE WHEN a.posted AND s.ticket IS NULL AND q.state NOT IN ('posted', 'reconciled') THEN format('posted by the core, but %s', q.state) END,
           CASE WHEN (q.state IN ('compensated', 'cancelled')) <> (coalesce(r.resolution, 'retry') <> 'retry') OR
                     (q.state IN ('compensated', 'cancelled') AND r.resolution <> q.state) OR r.key <> q.key
                THEN 'repair and state differ' END
       ], NULL) AS faults,
       w.ticket IS NOT NULL AS confirming, -- booked by the core, which the queue is about to learn
       s.ticket IS NOT NULL AS settled     -- a person said that the core's booking stands
FROM (SELECT * FROM standin_private.decision WHERE decision <> 'refused') d
FULL JOIN standin_private.pending_transaction q ON q.ticket = d.ticket
FULL JOIN standin_private.transaction_key k ON k.ticket = coalesce(d.ticket, q.ticket)
FULL JOIN (SELECT core, ticket, min(key) AS key, bool_or(outcome = 'posted') AS posted, bool_or(outcome = 'rejected') AS rejected,
                  count(*) AS answers, min(amount) AS amounts, min(key) AS keys,
                  min(key) = max(key) AND min(amount) = max(amount) AND count(*) = max(answer) AS alike,
                  max(amount) FILTER (WHERE outcome = 'posted') AS posted_amount,
                  (array_agg(reference ORDER BY answer DESC) FILTER (WHERE outcome = 'posted'))[1] AS reference
           FROM standin_private.core_answer GROUP BY core, ticket) a ON a.ticket = coalesce(d.ticket, q.ticket, k.ticket)
FULL JOIN standin_private.core_event e ON e.ticket = coalesce(d.ticket, q.ticket, k.ticket, a.ticket)
FULL JOIN (SELECT DISTINCT ON (ticket) * FROM standin_private.repair ORDER BY ticket, action DESC) r
    ON r.ticket = coalesce(d.ticket, q.ticket, k.ticket, a.ticket, e.ticket)
FULL JOIN (SELECT * FROM standin_private.decision WHERE decision = 'refused') f
    ON f.ticket = coalesce(d.ticket, q.ticket, k.ticket, a.ticket, e.ticket, r.ticket)
FULL JOIN standin_private.difference s
    ON s.ticket = coalesce(d.ticket, q.ticket, k.ticket, a.ticket, e.ticket, r.ticket, f.ticket)
LEFT JOIN standin_private.confirmation w
    ON w.ticket = coalesce(d.ticket, q.ticket, k.ticket, a.ticket, e.ticket, r.ticket, f.ticket, s.ticket);
COMMENT ON VIEW standin_private.ledger IS 'one row a ticket: what each place says about it, and where they disagree';

CREATE VIEW standin.conservation_faults AS
SELECT l.core, l.ticket, l.key, f.fault FROM standin_private.ledger l CROSS JOIN unnest(l.faults) f (fault)
UNION ALL
SELECT coalesce(a.core, h.core), NULL, NULL,
       format('account %s holds %s, its transactions %s', coalesce(a.account, h.account), coalesce(a.held, 0), coalesce(h.held, 0))
FROM standin_private.account a
FULL JOIN (SELECT core, account, sum(hold) AS held FROM standin_private.pending_transaction WHERE hold > 0 GROUP BY core, account) h
    USING (core, account)
WHERE coalesce(a.held, 0) <> coalesce(h.held, 0)
UNION ALL
SELECT coalesce(q.core, p.core), coalesce(p.ticket, q.ticket), NULL,
       format('account %s: the head of its queue should be %s, but is %s', coalesce(q.account, p.account),
              coalesce(format('%s (%s)', p.ticket, p.state), 'none'), coalesce(format('%s (%s)', q.ticket, q.state), 'none'))
FROM standin_private.account_queue q
FULL JOIN (SELECT DISTINCT ON (core, account) core, account, ticket, capability, state, coalesce(due_at, '-infinity') AS due_at
           FROM standin_private.pending_transaction WHERE state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')
           ORDER BY core, account, ticket) p USING (core, account)
WHERE (q.ticket, q.capability, q.state, q.due_at) IS DISTINCT FROM (p.ticket, p.capability, p.state, p.due_at);
COMMENT ON VIEW standin.conservation_faults IS 'every disagreement between decision log, queue, keys, answers, change events, repairs, holds and heads of queues; empty is right';

CREATE VIEW standin.conservation AS
WITH totals AS (
    SELECT core,
           count(*) FILTER (WHERE decision IN ('accepted', 'forwarded') AND NOT refused) AS accepted,
           count(*) FILTER (WHERE posted) AS posted,
           count(*) FILTER (WHERE NOT coalesce(posted, false) AND resolution = 'compensated') AS compensated,
           count(*) FILTER (WHERE NOT coalesce(posted, false) AND resolution = 'cancelled') AS cancelled,
           count(*) FILTER (WHERE state = 'expired') AS expired,
           count(*) FILTER (WHERE NOT confirming AND (state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')
                                                      OR (state = 'rejected' AND promised))) AS open,
           count(*) FILTER (WHERE refused) AS refused,
           count(*) FILTER (WHERE decision = 'declined') AS declined,
           coalesce(sum(decided_amount) FILTER (WHERE decision IN ('accepted', 'forwarded') AND NOT refused), 0) AS accepted_amount,
           coalesce(sum(posted_amount) FILTER (WHERE posted), 0) AS posted_amount,
           coalesce(sum(queued_amount) FILTER (WHERE NOT coalesce(posted, false) AND resolution = 'compensated'), 0) AS compensated_amount,
           coalesce(sum(queued_amount) FILTER (WHERE NOT coalesce(posted, false) AND resolution = 'cancelled'), 0) AS cancelled_amount,
           coalesce(sum(queued_amount) FILTER (WHERE state = 'expired'), 0) AS expired_amount,
           coalesce(sum(queued_amount) FILTER (WHERE NOT confirming AND (state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')
                                                  OR (state = 'rejected' AND promised))), 0) AS open_amount,
           count(*) FILTER (WHERE settled AND posted AND (decision = 'declined' OR refused)) AS settled,
           coalesce(sum(posted_amount - CASE WHEN decision = 'declined' OR refused THEN 0 ELSE decided_amount END)
                    FILTER (WHERE settled AND posted), 0) AS settled_amount
    FROM standin_private.ledger GROUP BY core)
SELECT c.core, coalesce(t.accepted, 0) AS accepted, coalesce(t.posted, 0) AS posted, coalesce(t.compensated, 0) AS compensated,
       coalesce(t.cancelled, 0) AS cancelled, coalesce(t.expired, 0) AS expired, coalesce(t.open, 0) AS open,
       coalesce(t.refused, 0) AS refused, coalesce(t.declined, 0) AS declined,
       coalesce(t.accepted_amount, 0) AS accepted_amount, coalesce(t.posted_amount, 0) AS posted_amount,
       coalesce(t.compensated_amount, 0) AS compensated_amount, coalesce(t.cancelled_amount, 0) AS cancelled_amount,
       coalesce(t.expired_amount, 0) AS expired_amount, coalesce(t.open_amount, 0) AS open_amount,
       coalesce(f.faults, 0) AS faults,
       coalesce(t.accepted + t.settled = t.posted + t.compensated + t.cancelled + t.expired + t.open
            AND t.accepted_amount + t.settled_amount = t.posted_amount + t.compensated_amount + t.cancelled_amount + t.expired_amount + t.open_amount, true)
       AND f.faults IS NULL AS balanced,
       coalesce(t.settled, 0) AS settled, coalesce(t.settled_amount, 0) AS settled_amount
FROM (SELECT core FROM standin_private.core UNION SELECT core FROM totals) c -- also a core that was dropped
LEFT JOIN totals t USING (core)
LEFT JOIN (SELECT core, count(*) AS faults FROM standin.conservation_faults GROUP BY core) f USING (core);
COMMENT ON VIEW standin.conservation IS 'accepted + settled = posted + compensated + cancelled + expired + open, counted from independent places; balanced is false when any of them disagrees about any transaction';
COMMENT ON COLUMN standin.conservation.settled IS 'booked by the core though not accepted here, and settled by a person: see difference_settle';
COMMENT ON COLUMN standin.conservation.settled_amount IS 'by how much more than accepted the core booked, of differences that a person settled; negative: less';

CREATE VIEW standin.reconciliation_differences AS
SELECT p.core, e.key, p.ticket, p.account, p.operation, p.amount, p.state,
       CASE WHEN e.booked_account <> p.account THEN 'booked on another account'
            WHEN e.booked_amount <> p.amount THEN 'booked with another amount'
            ELSE format('booked by the core, %s here', coalesce(s.state_before, p.state)) END AS difference,
       e.seen_at, e.booked_account, e.booked_amount, s.settled_at, s.settled_by, s.reason
FROM standin_private.core_event e
JOIN standin_private.pending_transaction p ON p.ticket = e.ticket AND p.account = e.account
LEFT JOIN standin_private.difference s ON s.ticket = p.ticket AND s.account = p.account
WHERE s.ticket IS NOT NULL OR p.state <> 'reconciled' AND NOT EXISTS (SELECT FROM standin_private.confirmation w WHERE w.ticket = p.ticket);
COMMENT ON VIEW standin.reconciliation_differences IS 'transactions that the core booked although stand-in declined, rejected, cancelled or compensated them, and those that it booked on another account or with another amount; also what a person settled of them (settled_at is not null), with standin.difference_settle';
