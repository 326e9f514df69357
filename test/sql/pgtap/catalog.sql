-- The house rules that the catalog can show, for every object of the extension.
BEGIN;
SELECT plan(13);

CREATE TEMP VIEW routine AS
SELECT p.*, p.oid::regprocedure::text AS signature, l.lanname FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang
WHERE p.pronamespace IN ('standin'::regnamespace, 'standin_private'::regnamespace);
CREATE TEMP VIEW relation AS
SELECT c.*, c.oid::regclass::text AS name FROM pg_class c
WHERE c.relnamespace IN ('standin'::regnamespace, 'standin_private'::regnamespace);

SELECT is_empty($$ SELECT signature FROM routine
    WHERE EXISTS (SELECT FROM aclexplode(coalesce(proacl, acldefault('f', proowner))) a WHERE a.grantee = 0) $$,
    'no routine may be executed by PUBLIC');
SELECT is_empty($$ SELECT name FROM relation WHERE EXISTS (SELECT FROM aclexplode(relacl) a WHERE a.grantee = 0) $$,
    'no relation is granted to PUBLIC');
SELECT is_empty($$ SELECT name FROM relation c WHERE c.relkind IN ('r', 'p')
    AND EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee <> c.relowner) $$,
    'no table is granted to anybody: rights are on views and functions');
SELECT is_empty($$ SELECT name FROM relation WHERE relkind IN ('r', 'p', 'v', 'S') AND pg_get_userbyid(relowner) <> 'standin_owner' $$,
    'every relation belongs to standin_owner');
SELECT is_empty($$ SELECT signature FROM routine WHERE pg_get_userbyid(proowner) <> 'standin_owner' $$,
    'every routine belongs to standin_owner');
SELECT is_empty($$ SELECT name FROM relation c WHERE c.relkind IN ('r', 'p')
    AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary) $$,
    'every table has a primary key');
SELECT is_empty($$ SELECT name FROM relation c WHERE c.relkind IN ('r', 'p')
    AND coalesce(obj_description(c.oid, 'pg_class'), '') !~ '(distributed by|kept whole)' $$,
    'every table says what it would be distributed by');
SELECT is_empty($$ SELECT name FROM relation c WHERE c.relkind = 'v' AND obj_description(c.oid, 'pg_class') IS NULL
    AND c.relnamespace = 'standin'::regnamespace
    UNION ALL SELECT signature FROM routine p WHERE obj_description(p.oid, 'pg_proc') IS NULL
    AND p.pronamespace = 'standin'::regnamespace $$,
    'every public object has a comment');
SELECT is_empty($$ SELECT signature FROM routine WHERE lanname IN ('sql', 'plpgsql') AND prokind = 'f'
    AND prosqlbody IS NULL AND NOT coalesce(proconfig::text LIKE '%search_path=pg_catalog, pg_temp%', false) $$,
    'every function pins its search_path, or has a body that is bound already');
SELECT is_empty($$ SELECT signature FROM routine WHERE prosecdef AND lanname = 'c' $$,
    'a C function switches to the owner itself, around its own statements only');
SELECT is_empty($$ SELECT name FROM relation c WHERE c.relkind IN ('r', 'p') AND c.relname NOT IN ('worker_mark', 'clock_mark', 'foreign_key', 'instance_doubt', 'core_witness')
    AND NOT c.oid = ANY (SELECT unnest(e.extconfig) FROM pg_extension e WHERE e.extname = 'pg_standin') $$,
    'pg_dump carries every table');
-- Of a table that exists a dump carries the name; pg_upgrade gives it no other number. Rows of a dropped one are left out of the dump.
SELECT is_empty($$ SELECT name || '.' || a.attname FROM relation c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    JOIN pg_type t ON t.oid = a.atttypid
    LEFT JOIN (SELECT unnest(extconfig) AS relation, unnest(extcondition) AS condition FROM pg_extension WHERE extname = 'pg_standin') d ON d.relation = c.oid
    WHERE c.relkind IN ('r', 'p') AND d.relation IS NOT NULL
      AND EXISTS (SELECT FROM pg_type n WHERE n.oid IN (t.oid, t.typelem, t.typbasetype) AND n.typnamespace = 'pg_catalog'::regnamespace
                  AND (n.typname = 'oid' OR n.typname LIKE 'reg%'))
      AND NOT (a.atttypid = 'regclass'::regtype AND d.condition LIKE format('%%(SELECT FROM pg\_catalog.pg\_class r WHERE r.oid = %s)%%', a.attname))
      AND name || '.' || a.attname <> 'standin_private.instance.database_oid' $$,
    'names are kept: a number that a dump carries may be somebody else''s where it is restored, and pg_upgrade gives most a new one');

-- A view's functions run with the rights of whoever reads it, so a grant on the view alone is half a grant.
CREATE FUNCTION pg_temp.failure(reader text, view_name text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
    EXECUTE format('SET LOCAL ROLE %I', reader);
    EXECUTE format('SELECT * FROM %s LIMIT 1', view_name);
    RESET ROLE;
    RETURN NULL;
EXCEPTION WHEN insufficient_privilege THEN
    RETURN format('%s reads %s: %s', reader, view_name, SQLERRM);
END $$;
SELECT is_empty($$ SELECT f FROM (
        SELECT pg_temp.failure(pg_get_userbyid(a.grantee), c.name) AS f
        FROM relation c, aclexplode(c.relacl) a
        WHERE c.relkind = 'v' AND a.privilege_type = 'SELECT' AND a.grantee NOT IN (0, c.relowner)) t WHERE f IS NOT NULL $$,
    'who may read a view may call what it calls');

SELECT * FROM finish();
ROLLBACK;
