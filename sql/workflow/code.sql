-- A version of a workflow runs a copy of the procedure it was defined with, so that nothing that happens to the procedure
-- happens to what is open. The copy has a schema of its own: a body may name its parameters by the procedure's name.

CREATE SEQUENCE standin_private.workflow_code;

CREATE FUNCTION standin_private.workflow_source_hash(procedure oid) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT encode(sha256(convert_to(p.prosrc, 'UTF8')), 'hex') FROM pg_proc p WHERE p.oid = procedure);
END $$;
COMMENT ON FUNCTION standin_private.workflow_source_hash(oid) IS 'SHA-256 of a procedure''s source.';

CREATE FUNCTION standin_private.workflow_procedure(qualified text, returns_output boolean) RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RETURN (SELECT p.oid FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
             WHERE n.nspname = (parse_ident(qualified))[1] AND p.proname = (parse_ident(qualified))[2] AND p.prokind = 'p'
               AND p.proargtypes = (CASE WHEN returns_output THEN '3802 3802' ELSE '3802' END)::oidvector); -- 3802 is jsonb
END $$;
COMMENT ON FUNCTION standin_private.workflow_procedure(text, boolean) IS
    'Finds the procedure of a definition without needing rights on its schema; NULL if it is gone.';

CREATE FUNCTION standin_private.workflow_code_schema() RETURNS name
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_workflow_code_schema';
COMMENT ON FUNCTION standin_private.workflow_code_schema() IS
    'Makes a schema for one version''s code, which belongs to standin_owner: that role may create nothing in a database by itself.';

CREATE FUNCTION standin_private.workflow_pin(procedure oid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET check_function_bodies = off AS $$
DECLARE
    code name := standin_private.workflow_code_schema();
    original pg_proc;
    qualified text;
BEGIN
    SELECT * INTO STRICT original FROM pg_proc p WHERE p.oid = workflow_pin.procedure;
    qualified := format('%I.%I', code, original.proname);
    -- Only its body is copied: what its parameters' defaults are does not matter to a workflow.
    EXECUTE format('CREATE PROCEDURE %s(%s) LANGUAGE plpgsql AS %L', qualified,
        (SELECT string_agg(format('%s %I jsonb', CASE WHEN n = 2 THEN 'INOUT' ELSE 'IN' END,
                                  coalesce(nullif(original.proargnames[n], ''), '$' || n)), ', ' ORDER BY n)
         FROM generate_series(1, original.pronargs) n), original.prosrc);
    EXECUTE format('REVOKE ALL ON PROCEDURE %s FROM PUBLIC', qualified);
    EXECUTE format('GRANT USAGE ON SCHEMA %I TO standin_app', code);
    EXECUTE format('GRANT EXECUTE ON PROCEDURE %s TO standin_app', qualified);
    RETURN qualified;
END $$;
COMMENT ON FUNCTION standin_private.workflow_pin(oid) IS
    'Copies a procedure, so that it stays what it is; returns the copy''s qualified name. The copy belongs to the product, and runs with its caller''s rights.';

CREATE FUNCTION standin_private.workflow_pin_late(name text, version integer) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_variable
DECLARE
    original oid;
BEGIN
    SELECT p.oid INTO original FROM standin_private.workflow_definition d
      JOIN pg_proc p ON p.oid = standin_private.workflow_procedure(d.procedure, d.returns_output)
     WHERE d.name = name AND d.version = version AND d.code IS NULL AND d.source_hash = standin_private.workflow_source_hash(p.oid)
       FOR UPDATE OF d;
    IF FOUND THEN
        UPDATE standin_private.workflow_definition d SET code = standin_private.workflow_pin(original)
         WHERE d.name = name AND d.version = version AND d.code IS NULL;
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.workflow_pin_late(text, integer) IS
    'Gives a version that was defined before there were copies its own, if the procedure is still what was defined.';
