-- Who may ask for which operations, and in which namespace of keys. Roles by name, as in a dump.
CREATE FUNCTION standin.operation_grant(core text, operation text, role text, channel text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    present text;
    chosen text;
BEGIN
    PERFORM standin_private.core_require(operation_grant.core);
    IF operation_grant.operation IS DISTINCT FROM '*' AND NOT EXISTS (
        SELECT FROM standin_private.operation o WHERE o.core = operation_grant.core AND o.operation = operation_grant.operation) THEN
        RAISE EXCEPTION 'operation "%" of core "%" is not defined', operation_grant.operation, operation_grant.core
            USING ERRCODE = 'undefined_object', HINT = 'Declare it with standin.operation_create, or use * for all.';
    END IF;
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = operation_grant.role) THEN
        RAISE EXCEPTION 'role "%" does not exist', operation_grant.role USING ERRCODE = 'undefined_object';
    END IF;
    LOCK TABLE standin_private.operation_grant IN SHARE ROW EXCLUSIVE MODE; -- what is checked below stays so
    SELECT g.channel INTO present FROM standin_private.operation_grant g
    WHERE g.core = operation_grant.core AND g.role = operation_grant.role LIMIT 1;
    chosen := coalesce(operation_grant.channel, present, operation_grant.role);
    IF chosen !~ '^[^/]*$' OR octet_length(chosen) > 63 THEN
        RAISE EXCEPTION 'channel "%" has a slash or more than 63 bytes', chosen
            USING ERRCODE = 'invalid_parameter_value', HINT = 'The core sees keys as channel/key. Give another channel.';
    ELSIF chosen <> present THEN
        RAISE EXCEPTION 'role "%" has channel "%" at core "%"', operation_grant.role, present, operation_grant.core
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  DETAIL = 'With two channels a retry could become a second transaction.',
                  HINT = 'Revoke its other grants with standin.operation_revoke when nothing is retried any more.';
    ELSIF chosen <> '' AND EXISTS (SELECT FROM standin_private.transaction_key k
                                   WHERE k.core = operation_grant.core AND k.channel <> chosen AND starts_with(k.key, chosen || '/')) THEN
        RAISE EXCEPTION 'keys that begin with "%/" were used in another channel of core "%"', chosen, operation_grant.core
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'Give another channel.';
    END IF;
    INSERT INTO standin_private.operation_grant (core, operation, role, channel, granted_by, granted_at)
    VALUES (operation_grant.core, operation_grant.operation, operation_grant.role, chosen, standin_private.caller(),
            standin_private.clock_now())
    ON CONFLICT (core, operation, role) DO NOTHING;
END $$;
COMMENT ON FUNCTION standin.operation_grant IS 'lets a role, and its members, submit an operation of a core (* for all). channel: the namespace of its idempotency keys, one for all its operations of a core; by default the role''s name. The core sees channel/key; '''' means bare keys, shared by all who have it. Errors: 42704 unknown core, operation or role; 22023 a channel with a slash or too long; 55000 the role has another channel, or the channel''s keys were used as bare ones';

CREATE FUNCTION standin.operation_revoke(core text, operation text, role text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    DELETE FROM standin_private.operation_grant g
    WHERE g.core = operation_revoke.core AND g.operation = operation_revoke.operation AND g.role = operation_revoke.role;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'operation "%" of core "%" is not granted to role "%"', operation_revoke.operation, operation_revoke.core,
            operation_revoke.role USING ERRCODE = 'undefined_object', HINT = 'See standin.operation_grants.';
    END IF;
    PERFORM standin_private.caller(); -- not from an index or a materialized view
END $$;
COMMENT ON FUNCTION standin.operation_revoke IS 'takes back what standin.operation_grant gave, from the commit on. Errors: 42704 not granted';

CREATE VIEW standin.operation_grants AS
SELECT core, operation, role, channel, granted_by, granted_at FROM standin_private.operation_grant;
COMMENT ON VIEW standin.operation_grants IS 'which roles may submit which operations (* for all), and the channel of their idempotency keys';
