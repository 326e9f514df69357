CREATE FUNCTION standin_private.user_role_require(role name, what text) RETURNS void
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'standin_user_role_require';
COMMENT ON FUNCTION standin_private.user_role_require(name, text) IS 'raises 42501, beginning with what, for a role that code of users never runs as: a superuser, a role of pg_standin, or one with a membership, however indirect, in a superuser or standin_owner';

CREATE FUNCTION standin_private.type_is_built_in(type oid) RETURNS boolean
LANGUAGE c STRICT STABLE AS 'MODULE_PATHNAME', 'standin_type_is_built_in';
COMMENT ON FUNCTION standin_private.type_is_built_in(oid) IS 'whether PostgreSQL itself brought the type: reading, writing or comparing its values runs nobody''s code';

-- A trigger, rule, policy or expression that somebody adds to a table of the product would run in the product's workers.
CREATE FUNCTION standin_private.foreign_parts(OUT part text) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    WITH own AS MATERIALIZED (
        SELECT d.classid, d.objid FROM pg_depend d JOIN pg_extension e ON e.extname = 'pg_standin' AND d.refobjid = e.oid
        WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
    ), own_table AS MATERIALIZED (
        SELECT c.oid, c.reltype, c.relrowsecurity FROM pg_class c JOIN own o ON o.classid = 'pg_class'::regclass AND o.objid = c.oid
        WHERE c.relkind IN ('r', 'p')
    ), own_code AS MATERIALIZED (
        SELECT o.classid, o.objid FROM own o
        UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type t
        WHERE t.typelem IN (SELECT o.objid FROM own o WHERE o.classid = 'pg_type'::regclass)
           OR t.oid IN (SELECT reltype FROM own_table) OR t.typelem IN (SELECT reltype FROM own_table)
    ), attached (classid, objid) AS ( -- foreign if it refers to code that is
        SELECT 'pg_class'::regclass::oid, t.oid FROM own_table t
        UNION ALL SELECT 'pg_class'::regclass, i.indexrelid FROM pg_index i WHERE i.indrelid IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint c WHERE c.conrelid IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_attrdef'::regclass, a.oid FROM pg_attrdef a WHERE a.adrelid IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_trigger'::regclass, g.oid FROM pg_trigger g WHERE g.tgrelid IN (SELECT oid FROM own_table) AND NOT g.tgisinternal
    ), foreign_part (classid, objid) AS (
        SELECT a.classid, a.objid FROM attached a
        WHERE EXISTS (SELECT FROM pg_depend d WHERE d.classid = a.classid AND d.objid = a.objid
                        AND d.refclassid IN ('pg_proc'::regclass, 'pg_operator'::regclass, 'pg_type'::regclass, 'pg_opclass'::regclass)
                        AND NOT EXISTS (SELECT FROM own_code o WHERE o.classid = d.refclassid AND o.objid = d.refobjid))
        UNION ALL SELECT 'pg_rewrite'::regclass, r.oid FROM pg_rewrite r WHERE r.ev_class IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_policy'::regclass, p.oid FROM pg_policy p WHERE p.polrelid IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_class'::regclass, t.oid FROM own_table t WHERE t.relrowsecurity
        UNION ALL SELECT 'pg_class'::regclass, i.inhrelid FROM pg_inherits i
                  WHERE i.inhparent IN (SELECT oid FROM own_table) AND i.inhrelid NOT IN (SELECT oid FROM own_table)
        UNION ALL SELECT 'pg_constraint'::regclass, c.oid FROM pg_constraint c
                  WHERE c.contype = 'f' AND (c.conrelid IN (SELECT oid FROM own_table)) <> (c.confrelid IN (SELECT oid FROM own_table))
    )
    SELECT DISTINCT pg_describe_object(f.classid, f.objid, 0) || ' is not of pg_standin, or has something that is not' FROM foreign_part f ORDER BY 1
$$;
COMMENT ON FUNCTION standin_private.foreign_parts() IS 'triggers, rules, policies, row security, inheritance, foreign keys from or to outside, and columns, constraints, defaults and indexes with code that is not of the extension, on its tables: while there is one, no worker starts';
