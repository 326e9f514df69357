CREATE FUNCTION standin_private.librdkafka_version() RETURNS text
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'standin_librdkafka_version';
COMMENT ON FUNCTION standin_private.librdkafka_version() IS 'version of the Kafka client library in this process';

CREATE FUNCTION standin_private.cores_that_never_release() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT string_agg(h.core, ', ' ORDER BY h.core) FROM standin_private.core_holds h WHERE h.holds = 'never released');
END $$;
COMMENT ON FUNCTION standin_private.cores_that_never_release() IS 'cores whose balances are bound and whose postings nothing confirms; null: none';

CREATE FUNCTION standin_private.roles_missing() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT string_agg(format('%s (%s)', n.role, n.place), ', ' ORDER BY n.role, n.place)
            FROM (SELECT t.apply_role::text AS role, format('apply_role of topic %s', t.topic) AS place FROM standin_private.cdc_table t
                  UNION ALL SELECT p.owner, format('owner of the table planned for topic %s', p.topic) FROM standin_private.cdc_table_planned p
                  UNION ALL SELECT c.connector_role, format('connector_role of core %s', c.core) FROM standin_private.core c
                  UNION ALL SELECT g.role, format('operations granted at core %s', g.core) FROM (SELECT DISTINCT role, core FROM standin_private.operation_grant) g
                  UNION ALL SELECT w.role, 'workflows' FROM standin_private.workflow_role w) n (role, place)
            WHERE n.role IS NOT NULL AND NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = n.role));
END $$;
COMMENT ON FUNCTION standin_private.roles_missing() IS 'roles that are named somewhere and do not exist any more: whoever gets such a name gets the rights; null: none';
CREATE FUNCTION standin_private.cores_without_witness() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT string_agg(c.core, ', ' ORDER BY c.core) FROM standin_private.core c WHERE c.witness_function IS NULL);
END $$;
COMMENT ON FUNCTION standin_private.cores_without_witness() IS 'cores that cannot tell an old copy of this database from the newest; null: none';

CREATE FUNCTION standin_private.relays_that_stand() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT string_agg(format('%s (%s: %s)', s.relay, s.state, s.reason), ', ' ORDER BY s.relay) FROM standin.stat_outbox s
            WHERE s.state IN ('blocked', 'fenced', 'diverged'));
END $$;
COMMENT ON FUNCTION standin_private.relays_that_stand() IS 'relays that send nothing until somebody does something; null: none';

CREATE FUNCTION standin.preflight(OUT check_name text, OUT status text, OUT found text, OUT advice text)
RETURNS SETOF record
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT c.check_name, CASE WHEN c.good THEN 'ok' ELSE c.otherwise END, c.found, CASE WHEN NOT c.good THEN c.advice END
    FROM (VALUES
        ('library_version',
         standin.version() = (SELECT e.extversion FROM pg_extension e WHERE e.extname = 'pg_standin'), 'error',
         standin.version(), 'run ALTER EXTENSION pg_standin UPDATE, or restart the server with the matching library'),
        ('instance',
         standin_private.instance_refusal() IS NULL, 'error',
         coalesce(standin_private.instance_refusal(), 'bound to this server'),
         'call standin.instance_adopt(reason) if the server bound before is gone for good'),
        ('max_worker_processes',
         current_setting('max_worker_processes')::integer >= 5 + (SELECT count(*) FROM standin_private.worker_wanted w WHERE w.kind <> 'executor'), 'error',
         current_setting('max_worker_processes'), 'one launcher, one supervisor a database, one process a worker, some for executors, and parallel query: raise it'),
        ('supervisor',
         EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.kind = 'supervisor' AND w.state = 'running'), 'error',
         (SELECT concat_ws(': ', w.state, w.detail) FROM standin_private.stat_worker() w WHERE w.kind = 'supervisor'),
         'without it no worker of this database runs; with state no_slot raise max_worker_processes and restart'),
        ('workers_without_slot',
         NOT EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.state = 'no_slot' AND w.kind <> 'executor'), 'error',
         (SELECT count(*)::text FROM standin_private.stat_worker() w WHERE w.state = 'no_slot' AND w.kind <> 'executor'), 'raise max_worker_processes and restart'),
        ('executors_without_slot',
         NOT EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.state = 'no_slot' AND w.kind = 'executor'), 'warning',
         (SELECT count(*)::text FROM standin_private.stat_worker() w WHERE w.state = 'no_slot' AND w.kind = 'executor'),
         'more roles have workflows than there are processes: they take turns; raise max_worker_processes'),
        ('workers_without_place',
         NOT EXISTS (SELECT FROM standin_private.worker_wanted w WHERE (w.kind, w.key) NOT IN (SELECT s.kind, s.key FROM standin_private.stat_worker() s))
         OR NOT EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.kind = 'supervisor' AND w.state = 'running'), 'error',
         (SELECT count(*)::text FROM standin_private.worker_wanted w WHERE (w.kind, w.key) NOT IN (SELECT s.kind, s.key FROM standin_private.stat_worker() s)),
         'if it stays so: the server has no place for more workers, of all databases together'),
        ('foreign_parts',
         NOT EXISTS (SELECT FROM standin_private.foreign_parts()), 'error',
         coalesce((SELECT string_agg(f.part, '; ') FROM standin_private.foreign_parts() f), 'none'),
         'drop it: it runs with the rights of pg_standin, and no worker starts while it is there'),
        ('holds', standin_private.cores_that_never_release() IS NULL, 'error',
         coalesce('never released by ' || standin_private.cores_that_never_release(), 'released'),
         'what is posted holds customers'' money for ever: call standin.reconciliation_bind, or standin.core_alter(core, hold_release => ''watermark'')'),
        ('roles', standin_private.roles_missing() IS NULL, 'error', coalesce('gone: ' || standin_private.roles_missing(), 'all exist'),
         'what is named after a dropped role stands still, and a new role of that name would take it over: name another, or call standin.operation_revoke'),
        ('core_witness', standin_private.cores_without_witness() IS NULL, 'warning',
         coalesce('none at ' || standin_private.cores_without_witness(), 'at every core'),
         'an old data directory put back in its place is not noticed: give the core the function of docs/concepts.md and name it with standin.core_alter(core, witness_function => ...)'),
        ('outbox', standin_private.relays_that_stand() IS NULL, 'error', coalesce(standin_private.relays_that_stand(), 'no relay stands still'),
         'see the hint in standin.stat_outbox'),
        ('fsync', current_setting('fsync') = 'on', 'error', current_setting('fsync'), 'with fsync off an accepted transaction can be lost'),
        ('full_page_writes', current_setting('full_page_writes') = 'on', 'error', current_setting('full_page_writes'), 'a torn page can lose an accepted transaction'),
        ('synchronous_standby_names', current_setting('synchronous_standby_names') <> '', 'warning',
         coalesce(nullif(current_setting('synchronous_standby_names'), ''), 'none'), 'without a synchronous standby the loss of this server''s disk loses what it accepted'),
        ('wal_level', current_setting('wal_level') <> 'minimal', 'warning', current_setting('wal_level'), 'no standby and no point-in-time recovery with minimal'),
        ('data_checksums', current_setting('data_checksums') = 'on', 'warning', current_setting('data_checksums'), 'enable with pg_checksums: a silent disk error is a lie about money'),
        ('encoding', current_setting('server_encoding') = 'UTF8', 'error', current_setting('server_encoding'), 'change events are UTF-8'),
        ('librdkafka', string_to_array(regexp_replace(standin_private.librdkafka_version(), '[^0-9.].*', ''), '.')::integer[] >= ARRAY[2, 0, 2], 'warning',
         standin_private.librdkafka_version(), 'older ones than 2.0.2 were never tried with this library'),
        ('clock', standin_private.clock_put_back() IS NULL, 'warning', coalesce(standin_private.clock_put_back(), 'never behind itself'),
         'times of before are later than now: read logs by ticket or sequence, and see why the clock was wrong'),
        ('test_clock', current_setting('pg_standin.allow_test_clock') = 'off', 'warning', current_setting('pg_standin.allow_test_clock'), 'for tests only')
    ) AS c(check_name, good, otherwise, found, advice)
$$;
COMMENT ON FUNCTION standin.preflight() IS 'what is missing or unwise on this server, a row each: ok, warning or error, with advice';
GRANT EXECUTE ON FUNCTION standin.preflight() TO standin_operator, standin_auditor, standin_admin;
