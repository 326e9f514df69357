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

CREATE FUNCTION standin_private.stat_worker_times(OUT kind text, OUT key text, OUT recovered_at timestamptz, OUT end_seen_at timestamptz)
RETURNS SETOF record LANGUAGE c AS 'MODULE_PATHNAME', 'standin_stat_worker_times';
COMMENT ON FUNCTION standin_private.stat_worker_times() IS 'the same: when a worker went on after its last error, and when it last knew how far what it reads goes';

CREATE VIEW standin_private.worker_status AS
SELECT w.*, t.recovered_at, t.end_seen_at, nullif(pg_blocking_pids(w.pid), '{}') AS blocked_by
FROM standin_private.stat_worker() w LEFT JOIN standin_private.stat_worker_times() t USING (kind, key);
COMMENT ON VIEW standin_private.worker_status IS 'all that is known of this database''s workers';

CREATE FUNCTION standin_private.process_memory(pid integer) RETURNS bigint
LANGUAGE c STRICT VOLATILE AS 'MODULE_PATHNAME', 'standin_process_memory';
COMMENT ON FUNCTION standin_private.process_memory(integer) IS 'bytes of memory that a server process has to itself right now (Linux: RssAnon), or null if there is no such process';

CREATE VIEW standin.stat_worker AS
SELECT w.kind, w.key, r.rolname AS role, w.state, w.detail, w.pid, w.since, w.restarts, w.error_sqlstate, w.last_error,
       w.error_at, w.outward, standin_private.process_memory(w.pid) AS memory_bytes, w.recovered_at, w.blocked_by
FROM standin_private.worker_status w LEFT JOIN pg_roles r ON r.oid = w.role;
COMMENT ON VIEW standin.stat_worker IS 'the background workers of this database and its supervisor, running or not';
COMMENT ON COLUMN standin.stat_worker.state IS 'the worker''s own word (running, paused, blocked by a session''s lock...), or: starting, stopped, crashed, held (suspected of a server crash), refused (instance guard, or a role that may not log in or is gone), no_slot (max_worker_processes; executors of more roles than there are processes take turns)';
COMMENT ON COLUMN standin.stat_worker.memory_bytes IS 'resident memory of its own, now; shared memory is not counted';
COMMENT ON COLUMN standin.stat_worker.last_error IS 'what went wrong last, whether it is over or not: see recovered_at';
COMMENT ON COLUMN standin.stat_worker.recovered_at IS 'when the worker had done what had failed with last_error, or something after it: that is over; null: it is not yet, or nothing has failed';
COMMENT ON COLUMN standin.stat_worker.blocked_by IS 'processes for whose locks the worker waits at this moment (0: a prepared transaction); a worker gives up after 3 s, is blocked for as long as it tries again, and names in detail who it may have been';
COMMENT ON COLUMN standin.stat_worker.restarts IS 'failures in a row';

GRANT EXECUTE ON FUNCTION standin_private.stat_worker(), standin_private.stat_worker_times(), standin_private.process_memory(integer) TO standin_operator, standin_auditor, standin_admin, pg_monitor; -- for the view
GRANT SELECT ON standin.stat_worker TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT USAGE ON SCHEMA standin TO pg_monitor;
