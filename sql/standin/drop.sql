-- What is taken away must have no open work: a transaction that nobody brings to an end is money that nobody sees.
CREATE FUNCTION standin_private.mode_lock(mode integer) RETURNS void
    LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_mode_lock';
COMMENT ON FUNCTION standin_private.mode_lock(integer) IS 'until the end of the transaction nothing commits that was decided under the mode';

CREATE FUNCTION standin_private.open_work_require_none(core text, capability text DEFAULT NULL, operation text DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    work bigint;
BEGIN
    SELECT count(*) INTO work FROM standin_private.pending_transaction p
    WHERE p.core = open_work_require_none.core AND p.capability = coalesce(open_work_require_none.capability, p.capability)
      AND p.operation = coalesce(open_work_require_none.operation, p.operation)
      AND (p.state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair') OR (p.state = 'rejected' AND p.promised) OR p.hold > 0
           OR EXISTS (SELECT FROM standin_private.confirmation w WHERE w.core = p.core AND w.account = p.account AND w.ticket = p.ticket));
    IF work > 0 THEN
        RAISE EXCEPTION '% cannot be dropped because some transactions depend on it',
            CASE WHEN operation IS NULL THEN format('core "%s"', open_work_require_none.core)
                 ELSE format('operation "%s" of core "%s"', open_work_require_none.operation, open_work_require_none.core) END
            USING ERRCODE = 'object_in_use', DETAIL = format('%s of them are not settled.', work),
                  HINT = 'The view standin.pending_transactions lists them; standin.repair_resolve settles what nobody answers for any more.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.open_work_require_none IS 'raises 55006 while transactions of a core, or of its capability or operation, are not settled';

-- At the commit, when no session can add to it any more: what was decided under the mode has been committed, or fails.
CREATE FUNCTION standin_private.open_work_check() RETURNS trigger
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
        RAISE EXCEPTION 'cannot drop a core or an operation in a transaction of isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'feature_not_supported', DETAIL = 'It does not see transactions that came since it began.',
                  HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED;';
    END IF;
    IF tg_table_name = 'core_mode' THEN
        PERFORM standin_private.mode_lock(old.id);
        PERFORM standin_private.open_work_require_none(old.core, old.capability);
    ELSE
        PERFORM standin_private.mode_lock(m.id) FROM standin_private.core_mode m WHERE (m.core, m.capability) = (old.core, old.capability);
        PERFORM standin_private.open_work_require_none(old.core, operation => old.operation);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION standin_private.open_work_check() IS 'deferred trigger: raises 55006 if what was dropped has open work';
CREATE CONSTRAINT TRIGGER open_work AFTER DELETE ON standin_private.core_mode DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.open_work_check();
CREATE CONSTRAINT TRIGGER open_work AFTER DELETE ON standin_private.operation DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.open_work_check();

CREATE FUNCTION standin.core_drop(core text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    rules bigint;
BEGIN
    PERFORM standin_private.core_require(core_drop.core), standin_private.foreign_keys_enforce();
    PERFORM FROM standin_private.core_mode m WHERE m.core = core_drop.core FOR UPDATE;
    IF EXISTS (SELECT FROM standin_private.core_mode m WHERE m.core = core_drop.core AND m.episode IS NOT NULL) THEN
        RAISE EXCEPTION 'core "%" is in stand-in', core_drop.core USING ERRCODE = 'object_in_use',
            HINT = format('End the episode: SELECT standin.core_switch(%L, ''forced_online'', ''to be dropped'');', core_drop.core);
    END IF;
    PERFORM standin_private.open_work_require_none(core_drop.core);
    WITH gone AS (DELETE FROM standin_private.rule r WHERE r.core = core_drop.core RETURNING r AS rule)
    SELECT count(standin_private.rule_log(gone.rule, NULL)) INTO rules FROM gone;
    DELETE FROM standin_private.account_list l WHERE l.core = core_drop.core;
    DELETE FROM standin_private.operation_grant g WHERE g.core = core_drop.core;
    DELETE FROM standin_private.balance_source b WHERE b.core = core_drop.core;
    DELETE FROM standin_private.reconciliation b WHERE b.core = core_drop.core;
    DELETE FROM standin_private.core_mode m WHERE m.core = core_drop.core;
    DELETE FROM standin_private.operation o WHERE o.core = core_drop.core;
    DELETE FROM standin_private.core c WHERE c.core = core_drop.core;
    PERFORM standin_private.wake('cdc');
END $$;
COMMENT ON FUNCTION standin.core_drop(text) IS 'takes a core away, with its operations, rules, grants and bindings; its transactions, keys and logs stay. Errors: 42704 unknown core, 55006 it is in stand-in, or transactions are not settled (at the commit too), 0A000 the transaction does not see them';

CREATE FUNCTION standin.operation_drop(core text, operation text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    gone standin_private.operation;
    rules bigint;
BEGIN
    PERFORM standin_private.core_require(operation_drop.core), standin_private.foreign_keys_enforce();
    PERFORM standin_private.open_work_require_none(operation_drop.core, operation => operation_drop.operation);
    DELETE FROM standin_private.operation o WHERE o.core = operation_drop.core AND o.operation = operation_drop.operation RETURNING o.* INTO gone;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'operation "%" of core "%" is not defined', operation_drop.operation, operation_drop.core
            USING ERRCODE = 'undefined_object', HINT = 'The view standin.operations lists them.';
    END IF;
    -- Who decided before and commits after finds another epoch.
    UPDATE standin_private.core_mode m SET epoch = m.epoch + 1 WHERE (m.core, m.capability) = (gone.core, gone.capability);
    WITH taken AS (DELETE FROM standin_private.rule r WHERE (r.core, r.operation) = (gone.core, gone.operation) RETURNING r AS rule)
    SELECT count(standin_private.rule_log(taken.rule, NULL)) INTO rules FROM taken;
    DELETE FROM standin_private.operation_grant g WHERE (g.core, g.operation) = (gone.core, gone.operation);
END $$;
COMMENT ON FUNCTION standin.operation_drop(text, text) IS 'takes an operation of a core away, with its rules and grants; its transactions and logs stay. Errors: 42704 unknown core or operation, 55006 transactions are not settled (at the commit too), 0A000 the transaction does not see them';

CREATE FUNCTION standin.rule_drop(core text, rule text, operation text DEFAULT '*', "window" text DEFAULT '', account text DEFAULT '*') RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    gone standin_private.rule;
BEGIN
    PERFORM standin_private.core_require(rule_drop.core);
    DELETE FROM standin_private.rule r
    WHERE (r.core, r.operation, r.rule, r."window", r.account)
        = (rule_drop.core, rule_drop.operation, rule_drop.rule, standin_private.rule_window(rule_drop."window"), rule_drop.account)
    RETURNING r.* INTO gone;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'rule "%" of operation "%" of core "%" does not exist', rule_drop.rule, rule_drop.operation, rule_drop.core
            USING ERRCODE = 'undefined_object', HINT = 'The view standin.rules lists them.';
    END IF;
    PERFORM standin_private.rule_log(gone, NULL);
END $$;
COMMENT ON FUNCTION standin.rule_drop(text, text, text, text, text) IS 'takes a stand-in rule away. Errors: 42704 unknown core or rule';
