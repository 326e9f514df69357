CREATE FUNCTION standin_private.librdkafka_version() RETURNS text
LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'standin_librdkafka_version';
COMMENT ON FUNCTION standin_private.librdkafka_version() IS 'version of the Kafka client library in this process';

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
         current_setting('max_worker_processes')::integer >= 4 + (SELECT count(*) FROM standin_private.worker_wanted), 'error',
         current_setting('max_worker_processes'), 'one launcher, one supervisor a database, one process a worker, and parallel query: raise it'),
        ('workers_without_slot',
         NOT EXISTS (SELECT FROM standin_private.stat_worker() w WHERE w.state = 'no_slot'), 'error',
         (SELECT count(*)::text FROM standin_private.stat_worker() w WHERE w.state = 'no_slot'), 'raise max_worker_processes and restart'),
        ('fsync', current_setting('fsync') = 'on', 'error', current_setting('fsync'), 'with fsync off an accepted transaction can be lost'),
        ('full_page_writes', current_setting('full_page_writes') = 'on', 'error', current_setting('full_page_writes'), 'a torn page can lose an accepted transaction'),
        ('synchronous_standby_names', current_setting('synchronous_standby_names') <> '', 'warning',
         coalesce(nullif(current_setting('synchronous_standby_names'), ''), 'none'), 'without a synchronous standby the loss of this server''s disk loses what it accepted'),
        ('wal_level', current_setting('wal_level') <> 'minimal', 'warning', current_setting('wal_level'), 'no standby and no point-in-time recovery with minimal'),
        ('data_checksums', current_setting('data_checksums') = 'on', 'warning', current_setting('data_checksums'), 'enable with pg_checksums: a silent disk error is a lie about money'),
        ('encoding', current_setting('server_encoding') = 'UTF8', 'error', current_setting('server_encoding'), 'change events are UTF-8'),
        ('librdkafka', string_to_array(regexp_replace(standin_private.librdkafka_version(), '[^0-9.].*', ''), '.')::integer[] >= ARRAY[2, 0, 2], 'warning',
         standin_private.librdkafka_version(), 'older ones than 2.0.2 were never tried with this library'),
        ('test_clock', current_setting('pg_standin.allow_test_clock') = 'off', 'warning', current_setting('pg_standin.allow_test_clock'), 'for tests only')
    ) AS c(check_name, good, otherwise, found, advice)
$$;
COMMENT ON FUNCTION standin.preflight() IS 'what is missing or unwise on this server, a row each: ok, warning or error, with advice';
GRANT EXECUTE ON FUNCTION standin.preflight() TO standin_operator, standin_auditor, standin_admin;
