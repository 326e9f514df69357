-- Whose options there are: the table that keeps the objects, and the columns that name one.
CREATE VIEW standin_private.option_object (object, relation, key) AS VALUES
    ('source', 'cdc_source', '{source}'::text[]),
    ('table', 'cdc_table', '{source,topic}'),
    ('core', 'core', '{core}'),
    ('operation', 'operation', '{core,operation}'),
    ('rule', 'rule', '{core,operation,rule,window,account}'),
    ('capability', 'capability', '{capability}'),
    ('schedule', 'schedule', '{schedule}'),
    ('relay', 'outbox_relay', '{relay}'),
    ('outbox_topic', 'outbox_topic', '{topic}');
COMMENT ON VIEW standin_private.option_object IS 'kinds of objects that have options, with the table and the key of each; standin_private has a function ..._validate(row) for each of the tables';

CREATE VIEW standin_private.option AS
SELECT o.object, o.name, o.type, o.default_value, o.allowed, o.meaning, NOT a.attnotnull AS nullable
FROM (SELECT * FROM standin_private.cdc_option
      UNION ALL SELECT * FROM standin_private.standin_option
      UNION ALL SELECT * FROM standin_private.capability_option
      UNION ALL SELECT * FROM standin_private.schedule_option
      UNION ALL SELECT * FROM standin_private.outbox_option) o (object, name, type, default_value, allowed, meaning)
JOIN standin_private.option_object k USING (object)
JOIN pg_class c ON c.relname = k.relation AND c.relnamespace = (SELECT n.oid FROM pg_namespace n WHERE n.nspname = 'standin_private')
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attname = o.name;
COMMENT ON VIEW standin_private.option IS 'every option. allowed: "a | b" one of these, "1 .. 9" or "1 .." a range, "~ x" what matches x, null any value of the type';

CREATE VIEW standin.options AS
SELECT o.object, k.name, o.name AS option, k.settings ->> o.name AS value, o.default_value AS "default"
FROM standin_private.option o
JOIN (SELECT 'source' AS object, source AS name, to_jsonb(s) AS settings FROM standin_private.cdc_source s
      UNION ALL SELECT 'table', source || ' ' || topic, to_jsonb(t) FROM standin_private.cdc_table t
      UNION ALL SELECT 'core', core, to_jsonb(c) FROM standin_private.core c
      UNION ALL SELECT 'operation', core || ' ' || operation, to_jsonb(p) FROM standin_private.operation p
      UNION ALL SELECT 'rule', concat_ws(' ', core, operation, rule, nullif("window", ''), 'account ' || nullif(account, '*')), to_jsonb(r) FROM standin_private.rule r
      UNION ALL SELECT 'capability', capability, to_jsonb(y) FROM standin_private.capability y
      UNION ALL SELECT 'schedule', schedule, to_jsonb(h) FROM standin_private.schedule h
      UNION ALL SELECT 'relay', relay, to_jsonb(w) FROM standin_private.outbox_relay w
      UNION ALL SELECT 'outbox_topic', topic, to_jsonb(e) FROM standin_private.outbox_topic e) k USING (object);
COMMENT ON VIEW standin.options IS 'the options in force of every source, table, core, operation, rule, capability, schedule, relay and topic that is published to; ..._alter sets, ..._reset takes back';
COMMENT ON COLUMN standin.options.name IS 'of the object; what belongs to a source or a core begins with its name';
COMMENT ON COLUMN standin.options.value IS 'as text; null: none';
COMMENT ON COLUMN standin.options."default" IS 'what a new object has and ..._reset brings back; null: none';
GRANT SELECT ON standin.options TO standin_operator, standin_auditor, standin_admin;
