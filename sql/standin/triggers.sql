CREATE FUNCTION standin_private.pending_transaction_guard() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_pending_transaction_guard';
COMMENT ON FUNCTION standin_private.pending_transaction_guard() IS
    'refuses state changes outside the state diagram, and any change of what was accepted';
CREATE TRIGGER pending_transaction_guard BEFORE UPDATE ON standin_private.pending_transaction
    FOR EACH ROW EXECUTE FUNCTION standin_private.pending_transaction_guard();

CREATE FUNCTION standin_private.epoch_guard() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF new.epoch < old.epoch OR new.id <> old.id THEN
        RAISE EXCEPTION 'the epoch of core "%" cannot go back from % to %', old.core, old.epoch, new.epoch
            USING ERRCODE = 'check_violation';
    END IF;
    RETURN new;
END $$;
COMMENT ON FUNCTION standin_private.epoch_guard() IS 'the epoch only rises';
CREATE TRIGGER epoch_guard BEFORE UPDATE ON standin_private.core_mode
    FOR EACH ROW EXECUTE FUNCTION standin_private.epoch_guard();

-- Append-only by trigger against the product's own mistakes; a superuser can switch it off, and conservation shows it.
CREATE FUNCTION standin_private.append_only() RETURNS trigger
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'rows of "%" are never changed', tg_table_name USING ERRCODE = 'object_not_in_prerequisite_state';
END $$;
COMMENT ON FUNCTION standin_private.append_only() IS 'refuses updates of logs';
CREATE TRIGGER append_only BEFORE UPDATE ON standin_private.decision
    FOR EACH ROW EXECUTE FUNCTION standin_private.append_only();
CREATE TRIGGER append_only BEFORE UPDATE ON standin_private.core_answer
    FOR EACH ROW EXECUTE FUNCTION standin_private.append_only();
CREATE TRIGGER append_only BEFORE UPDATE ON standin_private.core_event
    FOR EACH ROW EXECUTE FUNCTION standin_private.append_only();
CREATE TRIGGER append_only BEFORE UPDATE ON standin_private.repair
    FOR EACH ROW EXECUTE FUNCTION standin_private.append_only();

-- Sessions keep what a decision needs to know of a core.
CREATE FUNCTION standin_private.config_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_config_changed';
COMMENT ON FUNCTION standin_private.config_changed() IS 'at the commit, every session forgets what it knew of cores, operations, rules and modes';
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON standin_private.core
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON standin_private.operation
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON standin_private.rule
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON standin_private.balance_source
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OF mode, epoch, episode, backlog OR DELETE OR TRUNCATE ON standin_private.core_mode
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
