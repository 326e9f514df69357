-- Who may call and read what: the whole of it, so that a grant too many is a decision and not an accident.
BEGIN;
SELECT plan(4);
CREATE ROLE stranger LOGIN;

CREATE TEMP TABLE expected (name text, kind text, roles text[]);
INSERT INTO expected
SELECT name, 'routine', string_to_array(roles, ' ') FROM (VALUES
    ('', 'version'),
    ('admin', 'balance_bind capability_alter capability_create capability_define capability_drop capability_reset cdc_column_map cdc_column_unmap
               cdc_field_drop cdc_source_alter cdc_source_create cdc_source_drop cdc_source_reset cdc_table_add cdc_table_alter cdc_table_create
               cdc_table_remove cdc_table_reset core_alter core_create core_define core_drop core_reset instance_adopt operation_alter
               operation_create operation_define operation_drop operation_grant operation_reset operation_revoke outbox_relay_adopt outbox_relay_alter
               outbox_relay_create outbox_relay_define outbox_relay_drop outbox_relay_reset outbox_topic_alter outbox_topic_create outbox_topic_define
               outbox_topic_drop outbox_topic_grant outbox_topic_reset outbox_topic_revoke reconciliation_bind rule_alter
               rule_create rule_define rule_drop rule_reset workflow_define workflow_grant workflow_reassign workflow_revoke'),
    ('admin app', 'schedule_alter schedule_create schedule_drop schedule_pause schedule_reset schedule_resume schedule_trigger_now
               transaction_execute transaction_submit'),
    ('admin app auditor operator', 'schedule_preview'),
    ('admin app auditor operator', 'transaction_status transaction_wait'),
    ('admin auditor operator', 'cdc_verification_begin cdc_verification_commits cdc_verification_ends cdc_verification_note cdc_verification_passed cdc_verification_pin
               cdc_verification_range cdc_verification_row cdc_verification_settle cdc_verification_state cdc_verify preflight rule_evaluate'),
    ('admin operator', 'cdc_dead_letter_discard cdc_dead_letter_restore cdc_dead_letter_retry cdc_gap_dismiss cdc_gaps_snapshot cdc_pause cdc_replay cdc_resume cdc_seek cdc_snapshot
               account_list_add account_list_remove core_switch difference_settle outbox_event_discard outbox_relay_pause outbox_relay_resume repair_resolve'),
    ('app', 'await_event await_workflow event_set message_send outbox_publish recv sleep sleep_until step step_key step_record step_result value
               workflow_claim workflow_claim_wait workflow_complete workflow_current workflow_extend workflow_fail workflow_fork workflow_release workflow_start'),
    ('app operator', 'workflow_cancel workflow_migrate workflow_pause workflow_resume workflow_retry'),
    ('app auditor operator', 'event_get workflow_result workflow_wait')) r (roles, names), regexp_split_to_table(names, '\s+') name
UNION ALL
SELECT name, 'view', string_to_array(roles, ' ') FROM (VALUES
    ('admin app approver auditor operator', 'core_status'),
    ('admin approver auditor operator', 'account_list_changes account_lists accounts bindings capabilities conservation conservation_faults core_mode_changes cores decisions episodes
               operation_grants operations pending_transactions reconciliation_differences repairs rule_changes rule_kinds rules transactions'),
    ('admin auditor operator', 'backlogs cdc_columns cdc_dead_letters cdc_dead_letters_discarded cdc_differences cdc_gaps cdc_messages cdc_signals
               cdc_tables_planned cdc_verifications instance options outbox_discarded'),
    ('admin app auditor operator', 'schedules'),
    ('app auditor operator', 'workflow_events workflow_messages workflow_steps workflows'),
    ('admin app auditor operator', 'workflow_grants'),
    ('admin auditor operator pg_monitor', 'cdc_sources cdc_tables outbox_queue outbox_relays outbox_topics stat_cdc stat_cdc_records stat_outbox stat_worker')) r (roles, names), regexp_split_to_table(names, '\s+') name;

CREATE TEMP VIEW actual AS
SELECT o.kind, o.name, coalesce(array_agg(regexp_replace(r.name, '^standin_', '') ORDER BY r.name) FILTER (WHERE
           CASE o.kind WHEN 'routine' THEN has_function_privilege(r.name, o.oid, 'EXECUTE') ELSE has_table_privilege(r.name, o.oid, 'SELECT') END), '{}') AS roles
FROM (SELECT 'routine' AS kind, p.proname::text AS name, p.oid FROM pg_proc p WHERE p.pronamespace = 'standin'::regnamespace
      UNION ALL SELECT 'view', c.relname, c.oid FROM pg_class c WHERE c.relnamespace = 'standin'::regnamespace AND c.relkind IN ('v', 'm', 'r', 'p', 'f')) o,
     unnest(ARRAY['standin_app', 'standin_operator', 'standin_approver', 'standin_auditor', 'standin_admin', 'standin_nobody', 'pg_monitor', 'stranger']) r (name)
GROUP BY o.kind, o.name, o.oid;
SELECT is_empty($$ SELECT DISTINCT a.kind, a.name, a.roles, e.roles AS expected FROM actual a FULL JOIN expected e USING (kind, name)
    WHERE NOT coalesce(a.roles @> e.roles AND a.roles <@ e.roles, false) $$, 'routines and views are granted to these roles and to no other');

SELECT is_empty($$ SELECT c.oid::regclass, r FROM pg_class c, unnest(ARRAY['standin_app', 'standin_operator', 'standin_approver', 'standin_auditor',
        'standin_admin', 'standin_nobody', 'pg_monitor', 'stranger']) r
    WHERE c.relnamespace = 'standin_private'::regnamespace AND c.relkind IN ('r', 'p', 'v')
      AND has_table_privilege(r, c.oid, 'SELECT, INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') $$, 'no role reads or writes private tables');
SELECT is_empty($$ SELECT c.oid::regclass FROM pg_class c, unnest(ARRAY['standin_app', 'standin_operator', 'standin_approver', 'standin_auditor',
        'standin_admin', 'pg_monitor', 'stranger']) r
    WHERE c.relnamespace = 'standin'::regnamespace AND c.relkind = 'v'
      AND has_table_privilege(r, c.oid, 'INSERT, UPDATE, DELETE, TRUNCATE, REFERENCES, TRIGGER') $$, 'views are only read');

-- The roles are apart: none is a member of another, nor of anything else.
SELECT is_empty($$ SELECT a.rolname, b.rolname FROM pg_auth_members m JOIN pg_roles a ON a.oid = m.member JOIN pg_roles b ON b.oid = m.roleid
    WHERE a.rolname ~ '^standin_' $$, 'no role of ours is a member of any role');

SELECT * FROM finish();
ROLLBACK;
