CREATE VIEW standin_private.standin_workers (kind, key, role, outward) AS
SELECT k.kind, c.core, NULL::oid, true
FROM standin_private.core c CROSS JOIN (VALUES ('prober'), ('replay')) k (kind)
WHERE EXISTS (SELECT FROM standin_private.core_mode m WHERE m.core = c.core);
COMMENT ON VIEW standin_private.standin_workers IS 'the workers stand-in wants: a prober and a replay worker for each core';

CREATE VIEW standin.transactions AS
SELECT p.core, p.key, p.ticket, p.account, p.capability, p.operation, p.amount, p.state,
       standin_private.state_message(p.state, p.promised, p.message) AS message, p.promised, p.hold, p.attempts, p.epoch, p.episode,
       p.reference, p.message AS core_message, p.payload, p.accepted_at, p.sent_at, p.due_at, p.changed_at
FROM standin_private.pending_transaction p;
COMMENT ON VIEW standin.transactions IS 'every transaction asked for, with its state';

CREATE VIEW standin.pending_transactions AS
SELECT t.*, standin_private.clock_now() - t.accepted_at AS age
FROM standin.transactions t
WHERE t.state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'posted', 'repair') OR (t.state = 'rejected' AND t.promised);
COMMENT ON VIEW standin.pending_transactions IS 'transactions that are not settled: waiting for the core, for reconciliation, or for a person';

CREATE VIEW standin.core_status AS
SELECT m.core, m.capability, m.mode, m.epoch, m.since, m.reason, m.episode,
       (SELECT count(*) FROM standin_private.pending_transaction p
        WHERE p.core = m.core AND p.capability = m.capability AND p.state IN ('accepted', 'in_flight', 'retry_wait', 'unknown')) AS backlog,
       (SELECT count(*) FROM standin_private.pending_transaction p
        WHERE p.core = m.core AND p.capability = m.capability AND p.state = 'repair') AS in_repair,
       m.good AS good_probes, m.bad AS bad_probes, m.probed_at, m.probe_failure
FROM standin_private.core_mode m;
COMMENT ON VIEW standin.core_status IS 'who answers for each core and capability, since when and why, with backlog and last probe';

CREATE VIEW standin.core_mode_changes AS
SELECT core, capability, change, mode_before, mode_after, epoch, reason, changed_by, changed_at FROM standin_private.core_mode_change;
COMMENT ON VIEW standin.core_mode_changes IS 'every change of mode, who and why';

CREATE VIEW standin.episodes AS
SELECT e.core, e.capability, e.episode, e.opened_at, e.opened_because, e.closed_at, e.closed_because,
       coalesce(e.closed_at, standin_private.clock_now()) - e.opened_at AS duration,
       count(d.*) FILTER (WHERE d.decision = 'accepted') AS accepted,
       count(d.*) FILTER (WHERE d.decision = 'declined') AS declined,
       coalesce(sum(d.amount) FILTER (WHERE d.decision = 'accepted'), 0) AS accepted_amount
FROM standin_private.episode e
LEFT JOIN standin_private.pending_transaction p ON p.core = e.core AND p.capability = e.capability AND p.episode = e.episode
LEFT JOIN standin_private.decision d ON d.ticket = p.ticket AND d.account = p.account
GROUP BY e.core, e.capability, e.episode;
COMMENT ON VIEW standin.episodes IS 'stand-in periods with what was decided in them';

CREATE VIEW standin.decisions AS
SELECT core, key, ticket, account, operation, amount, decision, code, message, mode, epoch, verdicts, decided_by, decided_at
FROM standin_private.decision;
COMMENT ON VIEW standin.decisions IS 'the decision log, with the verdict of every rule';

CREATE VIEW standin.repairs AS
SELECT core, key, ticket, account, action, resolution, reason, state_before, repaired_by, repaired_at FROM standin_private.repair;
COMMENT ON VIEW standin.repairs IS 'what persons decided about transactions';

CREATE FUNCTION standin_private.balances_read(target regclass, account_column text, balance_column text, as_of_column text,
    OUT account text, OUT balance numeric, OUT as_of text) RETURNS SETOF record
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'standin_balances_read';
COMMENT ON FUNCTION standin_private.balances_read IS 'the rows of a balance table, read as its owner: its policies and types are its owner''s code';

-- The balance table is named in a row, so it is read by a function.
CREATE FUNCTION standin_private.account_overlay(OUT core text, OUT account text, OUT balance numeric, OUT held numeric, OUT as_of text)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    source record;
BEGIN
    FOR source IN SELECT c.core, b.target, b.account_column, b.balance_column, b.as_of_column
                  FROM standin_private.core c LEFT JOIN standin_private.balance_source b USING (core) LOOP
        IF source.target IS NULL OR NOT EXISTS (SELECT FROM pg_class WHERE oid = source.target) THEN
            RETURN QUERY SELECT a.core, a.account, NULL::numeric, a.held, NULL::text
                         FROM standin_private.account a WHERE a.core = source.core;
        ELSE
            RETURN QUERY SELECT source.core, coalesce(t.account, a.account), t.balance, coalesce(a.held, 0), t.as_of
                         FROM standin_private.balances_read(source.target, source.account_column, source.balance_column, source.as_of_column) t
                         FULL JOIN (SELECT * FROM standin_private.account WHERE core = source.core) a ON a.account = t.account;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION standin_private.account_overlay IS 'replicated balances and holds, side by side';

CREATE VIEW standin.accounts AS
SELECT core, account, balance, held, balance - held AS available, as_of FROM standin_private.account_overlay();
COMMENT ON VIEW standin.accounts IS 'replicated balance minus holds; as_of is the watermark column of the balance table';
