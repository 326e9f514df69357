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

CREATE FUNCTION standin_private.prober_state(core text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT w.state FROM standin_private.stat_worker() w WHERE w.kind = 'prober' AND w.key = prober_state.core
$$;
COMMENT ON FUNCTION standin_private.prober_state(text) IS 'what the prober of a core does, as standin.stat_worker shows it; null while the supervisor has not looked';

-- A core without bound balances needs no holds; where balances are bound, something must say when a booking is in them.
CREATE VIEW standin_private.core_holds AS
SELECT c.core,
       CASE WHEN b.core IS NULL THEN 'released when posted'
            WHEN c.hold_release = 'watermark' AND b.as_of_column IS NOT NULL THEN 'released by watermark'
            WHEN EXISTS (SELECT FROM standin_private.reconciliation r WHERE r.core = c.core) THEN 'released by confirmation'
            ELSE 'never released' END AS holds
FROM standin_private.core c LEFT JOIN standin_private.balance_source b USING (core);
COMMENT ON VIEW standin_private.core_holds IS 'what releases the holds of each core''s posted transactions';

CREATE VIEW standin.core_status AS
SELECT m.core, m.capability, m.mode, m.epoch, m.since, CASE WHEN reader.told THEN m.reason END AS reason, m.episode,
       (SELECT count(*) FROM standin_private.pending_transaction p
        WHERE p.core = m.core AND p.capability = m.capability AND p.state IN ('accepted', 'in_flight', 'retry_wait', 'unknown')) AS backlog,
       (SELECT count(*) FROM standin_private.pending_transaction p
        WHERE p.core = m.core AND p.capability = m.capability AND p.state = 'repair') AS in_repair,
       m.good AS good_probes, m.bad AS bad_probes, m.probed_at, CASE WHEN reader.told THEN m.probe_failure END AS probe_failure,
       standin_private.prober_state(m.core) AS prober, h.holds,
       standin_private.core_witness_state(m.core) AS witness, standin_private.core_witness_at(m.core) AS witnessed_at
FROM standin_private.core_mode m JOIN standin_private.core_holds h USING (core),
     (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE')
          OR pg_has_role('standin_approver', 'USAGE') OR pg_has_role('standin_admin', 'USAGE') AS told) reader;
COMMENT ON VIEW standin.core_status IS 'who answers for each core and capability, since when and why, with backlog and last probe; applications are not told why, nor what the last probe met';
COMMENT ON COLUMN standin.core_status.prober IS 'what the prober does: core answers, core does not answer, or a word of stat_worker; in no_slot, refused and held nobody probes, and only failed calls of transaction_execute bring stand-in, out of which nothing but core_switch leads';
COMMENT ON COLUMN standin.core_status.holds IS 'what releases the holds of posted transactions: a confirmation, the watermark, or the posting (where no balances are bound). Never released: available balances only shrink; see reconciliation_bind and core_alter(hold_release)';
COMMENT ON COLUMN standin.core_status.witness IS 'agreed: the core knows this database for the newest copy; awaited: it was not heard since the server started, or not for long, and nothing is sent; refused: another copy spoke to a core (see standin.instance), and no worker runs; none: the core has no witness_function, and an old data directory put back in its place is not noticed';
COMMENT ON COLUMN standin.core_status.witnessed_at IS 'when the core''s witness agreed last';

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

CREATE FUNCTION standin_private.balance_problem(core text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = b.target) THEN 'the table does not exist any more'
                WHEN NOT standin_private.columns_are_built_in(b.target, b.account_column, b.balance_column, b.as_of_column)
                THEN 'a column is not of a built-in type' END
    FROM standin_private.balance_source b WHERE b.core = balance_problem.core
$$;
COMMENT ON FUNCTION standin_private.balance_problem(text) IS 'why the balances of a core are not read; null: they are';

-- The balance table is named in a row, so it is read by a function.
CREATE FUNCTION standin_private.account_overlay(OUT core text, OUT account text, OUT balance numeric, OUT held numeric, OUT as_of text, OUT problem text)
    RETURNS SETOF record
    LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    source record;
BEGIN
    FOR source IN SELECT c.core, b.target, b.account_column, b.balance_column, b.as_of_column, NULL::text AS problem
                  FROM standin_private.core c LEFT JOIN standin_private.balance_source b USING (core) LOOP
        BEGIN
            source.problem := standin_private.balance_problem(source.core);
            IF source.target IS NOT NULL AND source.problem IS NULL THEN
                RETURN QUERY SELECT source.core, coalesce(t.account, a.account), t.balance, coalesce(a.held, 0), t.as_of, NULL::text
                             FROM standin_private.balances_read(source.target, source.account_column, source.balance_column, source.as_of_column) t
                             FULL JOIN (SELECT * FROM standin_private.account WHERE core = source.core) a ON a.account = t.account;
                CONTINUE;
            END IF;
        EXCEPTION WHEN OTHERS THEN -- the table is its owner's: what is wrong with it concerns this core only
            source.problem := SQLERRM;
        END;
        RETURN QUERY SELECT a.core, a.account, NULL::numeric, a.held, NULL::text, source.problem
                     FROM standin_private.account a WHERE a.core = source.core;
    END LOOP;
END $$;
COMMENT ON FUNCTION standin_private.account_overlay IS 'replicated balances and holds, side by side';

CREATE VIEW standin.accounts AS
SELECT core, account, balance, held, balance - held AS available, as_of, problem FROM standin_private.account_overlay();
COMMENT ON VIEW standin.accounts IS 'replicated balance minus holds; as_of is the watermark column of the balance table';
COMMENT ON COLUMN standin.accounts.problem IS 'why the balance could not be read, which concerns the accounts of this core only';

CREATE VIEW standin.cores AS
SELECT c.core, c.connector, c.server, c.connector_role, c.post_function, c.inquire_function, c.probe_function, c.probe_interval, c.rise,
       c.fall, c.minimum_dwell, c.call_timeout, c.backlog_ceiling, c.replay_rate, c.replay_connections, c.attempts_maximum, c.time_zone,
       c.connections_maximum, c.answer_kilobytes, c.hold_release, h.holds, c.defined_at, c.witness_function, c.currency
FROM standin_private.core c JOIN standin_private.core_holds h USING (core);
COMMENT ON VIEW standin.cores IS 'cores as they are defined now; core_status says how they are';

CREATE VIEW standin.operations AS
SELECT core, operation, capability, account_field, amount_field, required, direction, dedup, standin_allowed, on_reject, currency_field FROM standin_private.operation;
COMMENT ON VIEW standin.operations IS 'operations of cores as they are declared now';

CREATE VIEW standin.rules AS
SELECT r.core, r.operation, r.rule, r."window", r.amount, r.mode, r.account, r.maximum_count, r.maximum_age, r.hours, r.statuses, coalesce(r.code, k.code) AS code,
       r.effective_from, r.effective_to,
       coalesce(r.effective_from <= standin_private.clock_now(), true) AND coalesce(standin_private.clock_now() < r.effective_to, true) AS in_force
FROM standin_private.rule r JOIN standin_private.rule_kind k USING (rule);
COMMENT ON VIEW standin.rules IS 'rules and limits of stand-in; a rule of an account, then one of an operation, stands before the same rule of *';

CREATE VIEW standin.rule_kinds AS
SELECT rule, windows, required, optional, code, meaning FROM standin_private.rule_kind;
COMMENT ON VIEW standin.rule_kinds IS 'the kinds of rules: which windows and options each takes, the ISO 8583 code of its declines, and when it is content';

CREATE VIEW standin.rule_changes AS
SELECT core, operation, account, rule, "window", change, rule_before, rule_after, changed_by, changed_at FROM standin_private.rule_change;
COMMENT ON VIEW standin.rule_changes IS 'every change of a rule, who and when; rule_before is null: made; rule_after is null: taken away';

CREATE VIEW standin.account_lists AS
SELECT core, list, account, expires_at, coalesce(standin_private.clock_now() < expires_at, true) AS in_force FROM standin_private.account_list;
COMMENT ON VIEW standin.account_lists IS 'accounts on the block lists and allow lists of cores';

CREATE VIEW standin.account_list_changes AS
SELECT core, list, account, change, listed, expires_at, reason, changed_by, changed_at FROM standin_private.account_list_change;
COMMENT ON VIEW standin.account_list_changes IS 'who put which account on a list (listed) or took it off, and why';

CREATE VIEW standin.bindings AS
SELECT b.core, 'balances' AS purpose, b.target, b.account_column, b.balance_column, b.as_of_column, NULL::text AS key_column,
       standin_private.balance_problem(b.core) AS problem, NULL::text AS amount_column, b.status_column, b.overdraft_column
FROM standin_private.balance_source b
UNION ALL
SELECT r.core, 'reconciliation', r.target, r.account_column, NULL, NULL, r.key_column,
       CASE WHEN NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = r.target) THEN 'the table does not exist any more' END, r.amount_column, NULL, NULL
FROM standin_private.reconciliation r;
COMMENT ON VIEW standin.bindings IS 'replicated tables that stand-in reads: balances (balance_bind) and change events that confirm transactions (reconciliation_bind)';

-- How fast a backlog goes is measured by the prober, which counts it while a core is in stand-in or recovering.
CREATE FUNCTION standin_private.backlog_measure() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    seconds double precision := extract(epoch FROM standin_private.clock_now() - old.backlog_at);
BEGIN
    new.backlog_at := standin_private.clock_now();
    new.backlog_rate := CASE WHEN old.backlog_at IS NULL OR seconds > 60 THEN NULL
                             WHEN seconds <= 0 THEN old.backlog_rate
                             ELSE coalesce(0.7 * old.backlog_rate + 0.3 * (old.backlog - new.backlog) / seconds, (old.backlog - new.backlog) / seconds) END;
    RETURN new;
END $$;
COMMENT ON FUNCTION standin_private.backlog_measure() IS 'follows how fast the backlog of a core becomes less';
CREATE TRIGGER backlog_measure BEFORE UPDATE OF backlog ON standin_private.core_mode
    FOR EACH ROW EXECUTE FUNCTION standin_private.backlog_measure();

CREATE VIEW standin.backlogs AS
SELECT b.kind, b.name, b.backlog, b.per_second,
       CASE WHEN b.backlog = 0 THEN standin_private.clock_now()
            WHEN b.per_second > 0 THEN standin_private.clock_now() + least(b.backlog / b.per_second, 1e9) * interval '1 second' END AS gone_at
FROM (SELECT 'core' AS kind, s.core AS name, sum(s.backlog)::bigint AS backlog,
             max(m.backlog_rate) FILTER (WHERE m.backlog_at > standin_private.clock_now() - interval '1 minute') AS per_second
      FROM standin.core_status s JOIN standin_private.core_mode m USING (core, capability) GROUP BY s.core
      UNION ALL
      SELECT 'source', s.source, sum(s.lag_messages)::bigint,
             sum(p.record_rate) FILTER (WHERE s.lag_messages > 0 AND p.applied_at > standin_private.clock_now() - interval '1 minute')
      FROM standin.stat_cdc s LEFT JOIN standin_private.cdc_progress p USING (source, topic, partition) GROUP BY s.source) b;
COMMENT ON VIEW standin.backlogs IS 'what waits for each core (transactions) and from each source (records), how fast it becomes less, and when it is gone at that rate';
COMMENT ON COLUMN standin.backlogs.per_second IS 'measured in the last moments; of a core what new transactions add is taken off; null: not measured, or nothing moves';
COMMENT ON COLUMN standin.backlogs.gone_at IS 'an estimate; null: it does not become less, or that is not known';
