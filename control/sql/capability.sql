-- The control tower's register: what the bank does, in BIAN's terms, and who answers for it now.
CREATE TABLE standin_private.capability (
    capability text PRIMARY KEY CHECK (capability <> ''),
    bian_domain text NOT NULL CHECK (bian_domain ~ '^[A-Z][A-Za-z]+$'),
    bian_release text NOT NULL,
    owner text NOT NULL CHECK (owner <> ''),
    important_service boolean NOT NULL,
    impact_tolerance interval CHECK (impact_tolerance > interval '0'),
    defined_at timestamptz NOT NULL,
    defined_by text NOT NULL DEFAULT session_user,
    CHECK (impact_tolerance IS NOT NULL OR NOT important_service)
);
COMMENT ON TABLE standin_private.capability IS 'register of the bank''s capabilities; kept whole';

CREATE VIEW standin_private.capability_option (object, name, type, default_value, allowed, meaning) AS VALUES
    ('capability', 'bian_domain', 'text', NULL, '~ ^[A-Z][A-Za-z]+$', 'the BIAN service domain'),
    ('capability', 'bian_release', 'text', '14', '~ .', 'of which release of BIAN'),
    ('capability', 'owner', 'text', NULL, '~ .', 'who answers for it in the bank'),
    ('capability', 'important_service', 'boolean', 'false', NULL, 'whether it is an important business service'),
    ('capability', 'impact_tolerance', 'interval', NULL, '00:00:00.001 ..', 'the most disruption the bank allows');
COMMENT ON VIEW standin_private.capability_option IS 'options of capabilities';

CREATE FUNCTION standin_private.capability_validate(c standin_private.capability) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF c.capability = '' THEN
        RAISE EXCEPTION 'a capability has a name' USING ERRCODE = 'invalid_name';
    ELSIF c.important_service AND c.impact_tolerance IS NULL THEN
        RAISE EXCEPTION 'important service "%" has no impact tolerance', c.capability
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Give impact_tolerance: the most disruption the bank allows.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.capability_validate IS 'an error if a capability cannot be so';

CREATE FUNCTION standin_private.capability_write(capability text, given jsonb, make boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('capability', capability);
    PERFORM standin_private.option_write('capability', jsonb_build_object('capability', capability), given, make,
        jsonb_build_object('defined_at', standin_private.clock_now(), 'defined_by', standin_private.caller()));
END $$;
COMMENT ON FUNCTION standin_private.capability_write IS 'makes a capability (make), alters it (not make), or whichever is right (null)';

CREATE FUNCTION standin.capability_create(
    capability text, bian_domain text, owner text, important_service boolean DEFAULT NULL,
    impact_tolerance interval DEFAULT NULL, bian_release text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.capability_write(capability, standin_private.option_given(jsonb_build_object('bian_domain', bian_domain,
        'owner', owner, 'important_service', important_service, 'impact_tolerance', impact_tolerance, 'bian_release', bian_release)), true);
END $$;
COMMENT ON FUNCTION standin.capability_create(text, text, text, boolean, interval, text) IS 'registers a capability of the bank under its BIAN service domain. impact_tolerance: the most disruption the bank allows. Errors: 42710 exists, 22004 an important service without tolerance, 22023 an option missing or out of range';

CREATE FUNCTION standin.capability_alter(
    capability text, bian_domain text DEFAULT NULL, owner text DEFAULT NULL, important_service boolean DEFAULT NULL,
    impact_tolerance interval DEFAULT NULL, bian_release text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.capability_write(capability, standin_private.option_given(jsonb_build_object('bian_domain', bian_domain,
        'owner', owner, 'important_service', important_service, 'impact_tolerance', impact_tolerance, 'bian_release', bian_release)), false);
END $$;
COMMENT ON FUNCTION standin.capability_alter(text, text, text, boolean, interval, text) IS 'changes what is given of a capability. Errors: 42704 unknown capability, 22004 an important service without tolerance, 22023 an option out of range';

CREATE FUNCTION standin.capability_define(
    capability text, bian_domain text, owner text, important_service boolean DEFAULT NULL,
    impact_tolerance interval DEFAULT NULL, bian_release text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.capability_write(capability, standin_private.option_given(jsonb_build_object('bian_domain', bian_domain,
        'owner', owner, 'important_service', important_service, 'impact_tolerance', impact_tolerance, 'bian_release', bian_release)), NULL);
END $$;
COMMENT ON FUNCTION standin.capability_define(text, text, text, boolean, interval, text) IS 'capability_create, or capability_alter if the capability exists; superseded by these two. Errors: theirs';

CREATE FUNCTION standin.capability_reset(capability text, VARIADIC option text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.capability_write(capability, standin_private.option_defaults('capability', option), false);
END $$;
COMMENT ON FUNCTION standin.capability_reset(text, text[]) IS 'brings options of a capability back to their defaults. Errors: 42704 unknown capability or option, 22023 an option that has no default, 22004 an important service without tolerance';

CREATE FUNCTION standin.capability_drop(capability text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.caller();
    DELETE FROM standin_private.capability c WHERE c.capability = capability_drop.capability;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'capability "%" does not exist', capability USING ERRCODE = 'undefined_object', HINT = 'The view standin.capabilities lists them.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.capability_drop(text) IS 'takes a capability out of the register; operations that name it stay as they are. Errors: 42704 unknown capability';

-- Operations may name a capability that nobody registered: that shows here rather than being refused there.
CREATE VIEW standin.capabilities AS
SELECT capability, c.bian_domain, c.bian_release, c.owner, c.important_service, c.impact_tolerance,
       o.core, o.operations, m.mode,
       CASE WHEN m.mode IS NULL THEN NULL
            WHEN m.mode IN ('stand_in', 'recovering', 'forced_stand_in') THEN 'stand-in' ELSE 'core' END AS answered_by,
       m.since,
       m.mode IN ('stand_in', 'forced_stand_in') AND m.since < standin_private.clock_now() - c.impact_tolerance AS tolerance_exceeded
FROM standin_private.capability c
FULL JOIN (SELECT p.capability, p.core, array_agg(p.operation ORDER BY p.operation) AS operations
           FROM standin_private.operation p GROUP BY p.capability, p.core) o USING (capability)
LEFT JOIN standin_private.core_mode m USING (core, capability);
COMMENT ON VIEW standin.capabilities IS 'who answers what: each capability, the core and operations behind it, and whether the core or stand-in answers now';

GRANT EXECUTE ON FUNCTION standin.capability_create, standin.capability_alter, standin.capability_reset, standin.capability_drop, standin.capability_define
    TO standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.clock_now() TO standin_operator, standin_approver, standin_auditor, standin_admin; -- for the view
GRANT SELECT ON standin.capabilities TO standin_operator, standin_approver, standin_auditor, standin_admin;
