-- The bridge between C++ and PostgreSQL: whole errors, every destructor, nothing leaked.
CREATE FUNCTION bridge_execute(text) RETURNS void STRICT LANGUAGE c AS 'standin_test';
CREATE FUNCTION bridge_rethrow(text) RETURNS void STRICT LANGUAGE c AS 'standin_test';
CREATE FUNCTION bridge_throw(int) RETURNS void STRICT LANGUAGE c AS 'standin_test';
CREATE FUNCTION bridge_allocator(boolean) RETURNS bigint STRICT LANGUAGE c AS 'standin_test';
CREATE FUNCTION bridge_subtransaction(text) RETURNS text STRICT LANGUAGE c AS 'standin_test';
CREATE FUNCTION bridge_types() RETURNS boolean LANGUAGE c AS 'standin_test';
CREATE FUNCTION bridge_owner() RETURNS text LANGUAGE c AS 'standin_test';
CREATE FUNCTION bridge_live_probes() RETURNS int LANGUAGE c AS 'standin_test';
CREATE FUNCTION bridge_heap_bytes() RETURNS bigint LANGUAGE c AS 'standin_test';
CREATE FUNCTION refuse() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'refused' USING ERRCODE = '22023', DETAIL = 'the detail', HINT = 'the hint', COLUMN = 'c', TABLE = 't';
END $$;
-- An error keeps everything it carried.
DO $$
DECLARE
    state text; message text; detail text; hint text; context text; col text; tab text;
BEGIN
    PERFORM bridge_rethrow('SELECT bridge_execute(''SELECT refuse()'')');
EXCEPTION WHEN OTHERS THEN
    GET STACKED DIAGNOSTICS state = RETURNED_SQLSTATE, message = MESSAGE_TEXT, detail = PG_EXCEPTION_DETAIL,
        hint = PG_EXCEPTION_HINT, context = PG_EXCEPTION_CONTEXT, col = COLUMN_NAME, tab = TABLE_NAME;
    RAISE NOTICE '% | % | % | % | % | %', state, message, detail, hint, col, tab;
    RAISE NOTICE '%', context;
END $$;
SELECT bridge_live_probes();
-- Exceptions of C++ arrive as errors with the right SQLSTATE.
\set VERBOSITY sqlstate
SELECT bridge_throw(0);
SELECT bridge_throw(1);
SELECT bridge_throw(2);
SELECT bridge_throw(3);
\set VERBOSITY default
SELECT bridge_throw(1);
SELECT bridge_throw(3);
SELECT bridge_live_probes();
SELECT bridge_allocator(false);
SELECT bridge_allocator(true);
SELECT bridge_subtransaction('SELECT 1'), bridge_subtransaction('SELECT 1/0'), bridge_subtransaction('SELECT refuse()');
SELECT bridge_types();
SET search_path = public, pg_catalog;
SELECT bridge_owner();
RESET search_path;
-- 20,000 errors: no probe lives on, neither the C++ heap nor PostgreSQL's contexts grow.
CREATE FUNCTION provoke(times int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..times LOOP
        BEGIN
            CASE i % 4
                WHEN 0 THEN PERFORM bridge_execute('SELECT 1/0');
                WHEN 1 THEN PERFORM bridge_rethrow('SELECT refuse()');
                WHEN 2 THEN PERFORM bridge_throw(i / 4 % 4);
                ELSE PERFORM bridge_subtransaction('SELECT 1/0');
            END CASE;
        EXCEPTION WHEN OTHERS THEN NULL;
        END;
    END LOOP;
END $$;
SELECT provoke(1000);
SELECT bridge_heap_bytes() AS heap_before,
       (SELECT sum(used_bytes) FROM pg_backend_memory_contexts) AS contexts_before \gset
SELECT provoke(20000);
SELECT bridge_live_probes() AS live_probes,
       bridge_heap_bytes() - :heap_before < 200000 AS heap_steady,
       (SELECT sum(used_bytes) FROM pg_backend_memory_contexts) - :contexts_before < 200000 AS contexts_steady;
