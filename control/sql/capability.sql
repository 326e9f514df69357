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

CREATE FUNCTION standin.capability_define(
    capability text, bian_domain text, owner text, important_service boolean DEFAULT false,
    impact_tolerance interval DEFAULT NULL, bian_release text DEFAULT '14') RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF capability_define.important_service AND capability_define.impact_tolerance IS NULL THEN
        RAISE EXCEPTION 'important service "%" has no impact tolerance', capability_define.capability
            USING ERRCODE = 'null_value_not_allowed', HINT = 'Give impact_tolerance: the most disruption the bank allows.';
    END IF;
    INSERT INTO standin_private.capability (capability, bian_domain, bian_release, owner, important_service, impact_tolerance, defined_at)
    VALUES (capability_define.capability, capability_define.bian_domain, capability_define.bian_release, capability_define.owner,
            capability_define.important_service, capability_define.impact_tolerance, standin_private.clock_now())
    ON CONFLICT (capability) DO UPDATE SET
        (bian_domain, bian_release, owner, important_service, impact_tolerance, defined_at, defined_by)
      = (excluded.bian_domain, excluded.bian_release, excluded.owner, excluded.important_service, excluded.impact_tolerance,
         excluded.defined_at, excluded.defined_by);
END $$;
COMMENT ON FUNCTION standin.capability_define(text, text, text, boolean, interval, text) IS 'registers a capability of the bank under its BIAN service domain, or changes its entry. impact_tolerance: the most disruption the bank allows. Errors: 22004 important service without tolerance, 23514 malformed domain';

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

GRANT EXECUTE ON FUNCTION standin.capability_define(text, text, text, boolean, interval, text) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.clock_now() TO standin_operator, standin_approver, standin_auditor, standin_admin; -- for the view
GRANT SELECT ON standin.capabilities TO standin_operator, standin_approver, standin_auditor, standin_admin;
