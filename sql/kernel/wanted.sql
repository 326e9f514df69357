-- The workers that the rooms want; each room declares its own in a view of the same columns.
CREATE VIEW standin_private.worker_wanted AS
SELECT w.kind, w.key, w.role, coalesce(r.rolcanlogin, w.role IS NULL) AS rolcanlogin, w.outward
FROM (
    SELECT NULL::text AS kind, NULL::text AS key, NULL::oid AS role, NULL::boolean AS outward WHERE false
    UNION ALL SELECT * FROM standin_private.cdc_workers
    UNION ALL SELECT * FROM standin_private.workflow_workers
    UNION ALL SELECT * FROM standin_private.schedule_workers
    UNION ALL SELECT * FROM standin_private.standin_workers
    UNION ALL SELECT * FROM standin_private.outbox_workers
) w LEFT JOIN pg_roles r ON r.oid = w.role;
COMMENT ON VIEW standin_private.worker_wanted IS 'the workers this database should have; the supervisor makes it so. A role of 0 does not exist any more';
