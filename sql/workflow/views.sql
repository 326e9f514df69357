CREATE FUNCTION standin_private.workflow_status(status text, token bigint, worker text, waiting text, ending boolean, submitter name) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN CASE WHEN status <> 'open' THEN status
            WHEN to_regrole(quote_ident(submitter)) IS NULL THEN 'orphaned'
            WHEN waiting IN ('paused', 'blocked') THEN waiting
            WHEN waiting = 'start' THEN 'scheduled'
            WHEN waiting IN ('sleep', 'retry') THEN 'sleeping'
            WHEN waiting IS NOT NULL THEN 'waiting'
            WHEN ending THEN 'compensating'
            WHEN worker IS NOT NULL THEN 'running'
            ELSE 'pending' END;
COMMENT ON FUNCTION standin_private.workflow_status(text, bigint, text, text, boolean, name) IS 'What a workflow does, as it is at this moment.';

CREATE VIEW standin.workflows WITH (security_barrier) AS
SELECT r.workflow_id, r.name, r.version, d.procedure, to_regrole(quote_ident(r.submitter)) AS submitter,
       standin_private.workflow_status(r.status, t.token, t.worker, t.waiting, t.ending IS NOT NULL, r.submitter) COLLATE "default" AS status,
       r.input, r.output, coalesce(r.error, t.last_error) AS error,
       coalesce(r.token, t.token) AS token, t.worker,
       CASE WHEN t.token > 0 AND t.form = 'external' THEN t.available_at END AS lease_until,
       t.stalls AS recoveries_without_progress, r.created_at, t.claimed_at, r.finished_at,
       r.submitter AS submitter_name, r.parent, coalesce(t.waiting_for, t.waiting) AS waiting_for,
       CASE WHEN t.waiting IS NOT NULL AND t.available_at < 'infinity' THEN t.available_at END AS wakes_at
  FROM standin_private.workflow_run r
  JOIN standin_private.workflow_definition d USING (name, version)
  LEFT JOIN standin_private.workflow_task t USING (workflow_id)
 WHERE pg_has_role(to_regrole(quote_ident(r.submitter)), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'));
COMMENT ON VIEW standin.workflows IS
    'Every workflow that the reader started; operators and auditors see all. Distributed by workflow_id.';

COMMENT ON COLUMN standin.workflows.status IS 'pending; scheduled (not before its start); running; sleeping (also before the next attempt of a step); waiting (for a message, an event, another workflow); paused; blocked (see error; standin.workflow_retry lets it try again); compensating; orphaned (its role was dropped, see standin.workflow_reassign); completed, failed, dead, cancelled';
COMMENT ON COLUMN standin.workflows.error IS 'how it ended; of one that is open, what went wrong last';
COMMENT ON COLUMN standin.workflows.wakes_at IS 'when a wait ends at the latest; null: only what it waits for ends it';
COMMENT ON COLUMN standin.workflows.submitter IS 'null if the role does not exist any more, see submitter_name';

CREATE VIEW standin.workflow_steps WITH (security_barrier) AS
SELECT s.workflow_id, s.seq, s.name, 'recorded' AS status, s.output, NULL::jsonb AS error,
       1 + (SELECT count(*) FROM standin_private.workflow_attempt a WHERE a.workflow_id = s.workflow_id AND a.seq = s.seq)
           AS attempts,
       s.started_at, s.recorded_at, s.kind
  FROM standin_private.workflow_step s JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE pg_has_role(to_regrole(quote_ident(r.submitter)), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'))
UNION ALL
SELECT a.workflow_id, a.seq, a.name, 'failed', NULL, a.error, a.attempt, NULL, a.failed_at, 'step'
  FROM standin_private.workflow_attempt a JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE NOT EXISTS (SELECT FROM standin_private.workflow_step s WHERE s.workflow_id = a.workflow_id AND s.seq = a.seq)
   AND NOT EXISTS (SELECT FROM standin_private.workflow_attempt later
                    WHERE later.workflow_id = a.workflow_id AND later.seq = a.seq AND later.attempt > a.attempt)
   AND (pg_has_role(to_regrole(quote_ident(r.submitter)), 'USAGE')
        OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE')));
COMMENT ON VIEW standin.workflow_steps IS
    'The steps of the workflows that the reader may see: recorded ones, and those whose last attempt failed. Distributed by workflow_id.';

CREATE VIEW standin.workflow_messages WITH (security_barrier) AS
SELECT m.n, m.workflow_id, m.topic, m.body, m.key, m.sender, m.sent_at, m.received_by AS received_by_step
  FROM standin_private.workflow_message m LEFT JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE pg_has_role(to_regrole(quote_ident(coalesce(r.submitter, m.sender))), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'));
COMMENT ON VIEW standin.workflow_messages IS 'Messages to workflows that the reader may see, and to none yet, if the reader sent them.';

CREATE VIEW standin.workflow_events WITH (security_barrier) AS
SELECT e.workflow_id, e.name, e.n, e.value, e.set_at
  FROM standin_private.workflow_event e JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE pg_has_role(to_regrole(quote_ident(r.submitter)), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'));
COMMENT ON VIEW standin.workflow_events IS 'What workflows have told of themselves, with its history.';

CREATE VIEW standin.workflow_grants AS
SELECT g.name, g.role, g.privilege, g.granted_by, g.granted_at FROM standin_private.workflow_grant g;
COMMENT ON VIEW standin.workflow_grants IS 'Who besides the role that started a workflow may work on it or send to it.';

CREATE VIEW standin_private.workflow_workers AS
SELECT 'executor'::text AS kind, w.role::text AS key, coalesce(a.oid, 0::oid) AS role, false AS outward
  FROM standin_private.workflow_role w LEFT JOIN pg_catalog.pg_roles a ON a.rolname = w.role
 WHERE EXISTS (SELECT FROM standin_private.workflow_task t WHERE t.form = 'database' AND t.submitter = w.role AND t.waiting IS NULL)
UNION ALL
SELECT 'dispatcher', '', NULL, false
 WHERE EXISTS (SELECT FROM standin_private.workflow_signal)
    OR EXISTS (SELECT FROM standin_private.workflow_task t
                WHERE t.waiting IS NOT NULL AND t.form = 'database' AND t.waiting NOT IN ('paused', 'blocked'));
COMMENT ON VIEW standin_private.workflow_workers IS 'One executor for each role that has an in-database workflow that could run, role 0 if it was dropped, one that runs stays until it was idle for a while; one dispatcher while anything waits.';
