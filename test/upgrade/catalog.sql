-- Everything that pg_standin has in this database, an object or a property of one a line.
WITH space AS (SELECT oid, nspname FROM pg_namespace WHERE nspname IN ('standin', 'standin_private')),
relation AS (SELECT c.*, c.oid::regclass::text AS name FROM pg_class c JOIN space s ON s.oid = c.relnamespace WHERE c.relkind IN ('r', 'p', 'v', 'S'))
SELECT format('member %s %s', type, identity) AS line
FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e',
     pg_identify_object(d.classid, d.objid, d.objsubid) WHERE e.extname = 'pg_standin'
UNION ALL SELECT format('dumped %s', c::regclass) FROM pg_extension e, unnest(e.extconfig) c WHERE e.extname = 'pg_standin'
UNION ALL SELECT format('version %s', extversion) FROM pg_extension WHERE extname = 'pg_standin'
UNION ALL SELECT format('schema %s %s %s %s', n.nspname, pg_get_userbyid(n.nspowner), obj_description(n.oid, 'pg_namespace'), a.entries)
FROM pg_namespace n JOIN space USING (oid) LEFT JOIN LATERAL (SELECT array_agg(x::text ORDER BY x::text) AS entries FROM unnest(n.nspacl) x) a ON true
UNION ALL SELECT format('routine %s %s %s %s', pg_get_functiondef(p.oid), pg_get_userbyid(p.proowner), obj_description(p.oid, 'pg_proc'), a.entries)
FROM pg_proc p JOIN space s ON s.oid = p.pronamespace
LEFT JOIN LATERAL (SELECT array_agg(x::text ORDER BY x::text) AS entries FROM unnest(p.proacl) x) a ON true
UNION ALL SELECT format('relation %s %s %s %s %s %s %s', c.relkind, c.name, pg_get_userbyid(c.relowner), c.reloptions, c.relrowsecurity,
                        obj_description(c.oid, 'pg_class'), a.entries)
FROM relation c LEFT JOIN LATERAL (SELECT array_agg(x::text ORDER BY x::text) AS entries FROM unnest(c.relacl) x) a ON true
UNION ALL SELECT format('view %s %s', c.name, pg_get_viewdef(c.oid)) FROM relation c WHERE c.relkind = 'v'
UNION ALL SELECT format('column %s.%s %s %s %s %s %s %s %s', c.name, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, a.attidentity,
                        a.attgenerated, a.attcollation, pg_get_expr(d.adbin, d.adrelid), col_description(c.oid, a.attnum))
FROM relation c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
UNION ALL SELECT format('constraint %s %s %s %s', c.name, k.conname, pg_get_constraintdef(k.oid), k.convalidated)
FROM relation c JOIN pg_constraint k ON k.conrelid = c.oid
UNION ALL SELECT format('index %s', pg_get_indexdef(i.indexrelid)) FROM relation c JOIN pg_index i ON i.indrelid = c.oid
UNION ALL SELECT format('trigger %s %s', pg_get_triggerdef(t.oid), t.tgenabled) FROM relation c JOIN pg_trigger t ON t.tgrelid = c.oid WHERE NOT t.tgisinternal
UNION ALL SELECT format('type %s %s %s', t.oid::regtype, pg_get_userbyid(t.typowner), t.typtype)
FROM pg_type t JOIN space s ON s.oid = t.typnamespace WHERE t.typtype IN ('e', 'd')
UNION ALL SELECT format('wrapper %s %s %s %s', f.fdwname, f.fdwhandler::regproc, f.fdwvalidator::regproc, f.fdwacl) FROM pg_foreign_data_wrapper f
ORDER BY 1;
