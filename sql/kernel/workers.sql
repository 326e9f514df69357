CREATE TABLE standin_private.worker_mark (
    kind text NOT NULL,
    key text NOT NULL,
    started_at timestamptz NOT NULL,
    crashes integer NOT NULL DEFAULT 0 CHECK (crashes >= 0),
    PRIMARY KEY (kind, key)
);
COMMENT ON TABLE standin_private.worker_mark IS 'workers started a moment ago; a mark that outlives the server names a suspect of its crash; kept whole';

CREATE FUNCTION standin_private.stat_worker(
    OUT kind text, OUT key text, OUT role oid, OUT state text, OUT detail text, OUT pid integer, OUT since timestamptz,
    OUT restarts integer, OUT error_sqlstate text, OUT last_error text, OUT error_at timestamptz, OUT outward boolean)
RETURNS SETOF record LANGUAGE c AS 'MODULE_PATHNAME', 'standin_stat_worker';
COMMENT ON FUNCTION standin_private.stat_worker() IS 'the registry of workers in shared memory, this database''s part';

CREATE FUNCTION standin_private.process_memory(pid integer) RETURNS bigint
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'standin_process_memory';
COMMENT ON FUNCTION standin_private.process_memory(integer) IS 'bytes of memory that a server process has to itself right now (Linux: RssAnon), or null if there is no such process';

CREATE VIEW standin.stat_worker AS
SELECT w.kind, w.key, r.rolname AS role, w.state, w.detail, w.pid, w.since, w.restarts, w.error_sqlstate, w.last_error,
       w.error_at, w.outward, standin_private.process_memory(w.pid) AS memory_bytes
FROM standin_private.stat_worker() w LEFT JOIN pg_roles r ON r.oid = w.role;
COMMENT ON VIEW standin.stat_worker IS 'the background workers of this database, running or not';
COMMENT ON COLUMN standin.stat_worker.state IS 'the worker''s own word (running, paused...), or: starting, stopped, crashed, held (suspected of a server crash), refused (instance guard or role), no_slot (max_worker_processes)';
COMMENT ON COLUMN standin.stat_worker.memory_bytes IS 'resident memory of its own, now; shared memory is not counted';
COMMENT ON COLUMN standin.stat_worker.restarts IS 'failures in a row';

GRANT EXECUTE ON FUNCTION standin_private.stat_worker(), standin_private.process_memory(integer) TO standin_operator, standin_auditor, standin_admin, pg_monitor; -- for the view
GRANT SELECT ON standin.stat_worker TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT USAGE ON SCHEMA standin TO pg_monitor;
