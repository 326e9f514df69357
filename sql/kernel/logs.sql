-- Every log of the product, and every row whose absence would let something happen twice: nothing is changed or taken away,
-- by nobody, whatever session_replication_role says. A superuser can drop the triggers; conservation shows what he did.
CREATE FUNCTION standin_private.append_only() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'rows of "%" are never %', tg_table_name, CASE tg_op WHEN 'UPDATE' THEN 'changed' ELSE 'taken away' END
        USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'It is a log: rows are only added.';
END $$;
COMMENT ON FUNCTION standin_private.append_only() IS 'refuses to change or to take away rows of a log; a trigger''s condition says which change is none';

-- once: columns that an update may set, if the condition holds; guard: a trigger that says which updates are right.
DO $$
DECLARE
    log record;
BEGIN
    FOR log IN SELECT * FROM (VALUES
        ('decision', NULL::text[], NULL, NULL),
        ('core_answer', NULL, NULL, NULL),
        ('core_event', NULL, NULL, NULL),
        ('repair', NULL, NULL, NULL),
        ('difference', NULL, NULL, NULL),
        ('account_list_change', NULL, NULL, NULL),
        ('rule_change', NULL, NULL, NULL),
        ('transaction_key', NULL, NULL, NULL),
        ('core_mode_change', NULL, NULL, NULL),
        ('cdc_difference', NULL, NULL, NULL),
        ('workflow_attempt', NULL, NULL, NULL),
        ('outbox_discarded', NULL, NULL, NULL),
        ('outbox_adoption', ARRAY['applied_at', 'mark'], 'old.applied_at IS NULL AND new.applied_at IS NOT NULL', NULL),
        ('workflow_step', NULL, NULL, 'workflow_step_guard'),
        ('workflow_run', NULL, NULL, 'workflow_run_guard'),
        ('pending_transaction', NULL, NULL, 'pending_transaction_guard'),
        ('episode', ARRAY['closed_at', 'closed_epoch', 'closed_because'], 'old.closed_at IS NULL AND new.closed_at IS NOT NULL', NULL),
        ('instance', ARRAY['superseded_by'], 'old.superseded_by IS NULL AND new.superseded_by IS NOT NULL', NULL),
        ('cdc_verification', ARRAY['state', 'rows_compared', 'differences', 'unsettled', 'progress_at'],
         $when$old.state = 'running'$when$, NULL),
        -- What was discarded before its column became confidential is hidden afterwards; what was discarded may be taken back, once.
        ('kafka_dead_letter_discarded', ARRAY['key', 'value', 'headers', 'redacted', 'restored_at', 'restored_by'],
         $when$CASE WHEN new.restored_at IS DISTINCT FROM old.restored_at OR new.restored_by IS DISTINCT FROM old.restored_by
                    THEN old.restored_at IS NULL AND new.restored_at IS NOT NULL AND new.restored_by IS NOT NULL
                     AND (new.key, new.value, new.headers, new.redacted) IS NOT DISTINCT FROM (old.key, old.value, old.headers, old.redacted)
                    ELSE new.redacted AND new.key IS NULL AND new.value IS NULL AND new.headers = '[]' END$when$, NULL)) l (name, once, condition, guard)
    LOOP
        EXECUTE format('CREATE OR REPLACE TRIGGER append_only BEFORE %2$s ON standin_private.%1$I'
                       ' FOR EACH ROW EXECUTE FUNCTION standin_private.append_only()', log.name,
                       CASE WHEN coalesce(log.condition, log.guard) IS NULL THEN 'UPDATE OR DELETE' ELSE 'DELETE' END);
        EXECUTE format('CREATE OR REPLACE TRIGGER append_only_truncate BEFORE TRUNCATE ON standin_private.%I'
                       ' FOR EACH STATEMENT EXECUTE FUNCTION standin_private.append_only()', log.name);
        IF log.condition IS NOT NULL THEN
            EXECUTE format('CREATE OR REPLACE TRIGGER append_only_update BEFORE UPDATE ON standin_private.%I'
                           ' FOR EACH ROW WHEN ((%s) IS NOT TRUE OR to_jsonb(new) - %L::text[] IS DISTINCT FROM to_jsonb(old) - %3$L::text[])'
                           ' EXECUTE FUNCTION standin_private.append_only()', log.name, log.condition, log.once);
            log.guard := 'append_only_update';
        END IF;
        EXECUTE format('ALTER TABLE standin_private.%1$I ENABLE ALWAYS TRIGGER append_only, ENABLE ALWAYS TRIGGER append_only_truncate%2$s',
                       log.name, ', ENABLE ALWAYS TRIGGER ' || quote_ident(log.guard));
    END LOOP;
END $$;
