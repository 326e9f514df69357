CREATE FUNCTION standin_private.server_usage_require(server name) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    caller name := standin_private.caller();
BEGIN
    IF has_server_privilege(caller, server, 'USAGE') IS NOT TRUE THEN
        RAISE EXCEPTION 'permission denied for foreign server %', server USING ERRCODE = 'insufficient_privilege',
            DETAIL = 'Its user mapping of standin_owner holds somebody''s password.',
            HINT = format('GRANT USAGE ON FOREIGN SERVER %I TO %I;', server, caller);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.server_usage_require(name) IS 'raises 42501 unless the caller may use the foreign server, and with it the password that its user mapping has for us';
