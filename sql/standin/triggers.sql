CREATE FUNCTION standin_private.pending_transaction_guard() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_pending_transaction_guard';
COMMENT ON FUNCTION standin_private.pending_transaction_guard() IS
    'refuses state changes outside the state diagram, and any change of what was accepted';
CREATE TRIGGER pending_transaction_guard BEFORE UPDATE ON standin_private.pending_transaction
    FOR EACH ROW EXECUTE FUNCTION standin_private.pending_transaction_guard();

CREATE FUNCTION standin_private.account_queue_follow() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_account_queue_follow';
COMMENT ON FUNCTION standin_private.account_queue_follow() IS 'keeps the head of an account''s queue when a transaction changes its state';
-- Not at INSERT: accepts know better, and a restore brings the rows of both tables.
CREATE TRIGGER account_queue_follow AFTER UPDATE OF state, due_at ON standin_private.pending_transaction
    FOR EACH ROW EXECUTE FUNCTION standin_private.account_queue_follow();

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

-- Sessions keep what a decision needs to know of a core.
CREATE FUNCTION standin_private.config_changed() RETURNS trigger
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_config_changed';
COMMENT ON FUNCTION standin_private.config_changed() IS 'at the commit, every session forgets what it knew of cores, operations, rules and modes';
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON standin_private.core
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON standin_private.operation
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON standin_private.operation_grant
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON standin_private.rule
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON standin_private.balance_source
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
CREATE TRIGGER config_changed AFTER INSERT OR UPDATE OF mode, epoch, episode, backlog OR DELETE OR TRUNCATE ON standin_private.core_mode
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.config_changed();
