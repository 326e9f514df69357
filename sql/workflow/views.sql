CREATE VIEW standin.workflows WITH (security_barrier) AS
SELECT r.workflow_id, r.name, r.version, d.procedure, to_regrole(quote_ident(r.submitter)) AS submitter,
       CASE WHEN r.status <> 'open' THEN r.status WHEN t.token > 0 THEN 'running' ELSE 'pending' END AS status,
       r.input, r.output, coalesce(r.error, t.last_error) AS error,
       coalesce(r.token, t.token) AS token, t.worker,
       CASE WHEN t.token > 0 AND t.form = 'external' THEN t.available_at END AS lease_until,
       t.stalls AS recoveries_without_progress, r.created_at, t.claimed_at, r.finished_at,
       r.submitter AS submitter_name
  FROM standin_private.workflow_run r
  JOIN standin_private.workflow_definition d USING (name, version)
  LEFT JOIN standin_private.workflow_task t USING (workflow_id)
 WHERE pg_has_role(to_regrole(quote_ident(r.submitter)), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'));
COMMENT ON VIEW standin.workflows IS
    'Every workflow that the reader started; operators and auditors see all. Distributed by workflow_id.';

COMMENT ON COLUMN standin.workflows.submitter IS 'null if the role does not exist any more, see submitter_name';

CREATE VIEW standin.workflow_steps WITH (security_barrier) AS
SELECT s.workflow_id, s.seq, s.name, 'recorded' AS status, s.output, NULL::jsonb AS error,
       1 + (SELECT count(*) FROM standin_private.workflow_attempt a WHERE a.workflow_id = s.workflow_id AND a.seq = s.seq)
           AS attempts,
       s.started_at, s.recorded_at
  FROM standin_private.workflow_step s JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE pg_has_role(to_regrole(quote_ident(r.submitter)), 'USAGE')
    OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE'))
UNION ALL
SELECT a.workflow_id, a.seq, a.name, 'failed', NULL, a.error, a.attempt, NULL, a.failed_at
  FROM standin_private.workflow_attempt a JOIN standin_private.workflow_run r USING (workflow_id)
 WHERE NOT EXISTS (SELECT FROM standin_private.workflow_step s WHERE s.workflow_id = a.workflow_id AND s.seq = a.seq)
   AND NOT EXISTS (SELECT FROM standin_private.workflow_attempt later
                    WHERE later.workflow_id = a.workflow_id AND later.seq = a.seq AND later.attempt > a.attempt)
   AND (pg_has_role(to_regrole(quote_ident(r.submitter)), 'USAGE')
        OR (SELECT pg_has_role('standin_operator', 'USAGE') OR pg_has_role('standin_auditor', 'USAGE')));
COMMENT ON VIEW standin.workflow_steps IS
    'The steps of the workflows that the reader may see: recorded ones, and those whose last attempt failed. Distributed by workflow_id.';

CREATE VIEW standin_private.workflow_workers AS
SELECT 'executor'::text AS kind, w.role::text AS key, coalesce(a.oid, 0::oid) AS role, false AS outward
  FROM standin_private.workflow_role w LEFT JOIN pg_catalog.pg_roles a ON a.rolname = w.role
 WHERE EXISTS (SELECT FROM standin_private.workflow_task t WHERE t.form = 'database' AND t.submitter = w.role);
COMMENT ON VIEW standin_private.workflow_workers IS 'One executor for each role that has an open in-database workflow, role 0 if it was dropped; one that runs stays until it was idle for a while.';
