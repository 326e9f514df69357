-- What a source is, its tables and their columns, and its pause take effect at the commit of their change: what a worker
-- applied by an earlier version is not committed after it. Both sides lock in the last moment, when they wait for nothing
-- else of this source any more, so that neither holds the other up. PREPARE TRANSACTION of a change holds workers up until
-- its second half.
CREATE FUNCTION standin_private.cdc_version_lock(source text) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_cdc_version_lock';
COMMENT ON FUNCTION standin_private.cdc_version_lock(text) IS 'until the end of the transaction no worker of the source commits anything';

CREATE FUNCTION standin_private.cdc_is_worker() RETURNS boolean
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_cdc_is_worker';
COMMENT ON FUNCTION standin_private.cdc_is_worker() IS 'whether a worker of a source asks: what it changes of it (a planned table is made, too many dead letters pause it) invalidates nothing';

CREATE FUNCTION standin_private.cdc_version_raise() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    changed text;
BEGIN
    IF TG_TABLE_NAME = 'kafka_consumer' THEN
        changed := NEW.consumer;
    ELSE
        changed := coalesce(NEW.source, OLD.source);
    END IF;
    IF NOT standin_private.cdc_is_worker() THEN
        -- Another session may hold the row until its end: that is waited for before workers have to wait for this one.
        UPDATE standin_private.cdc_source s SET version = s.version + 1 WHERE s.source = changed;
        PERFORM standin_private.cdc_version_lock(changed);
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION standin_private.cdc_version_raise() IS 'deferred trigger: from the commit on the source is applied as it is now';

-- Since the field was found to be in no dead letter, records may have become some.
CREATE FUNCTION standin_private.cdc_confidential_check() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t standin_private.cdc_table;
BEGIN
    IF current_setting('transaction_isolation') NOT LIKE 'read %' THEN
        RAISE EXCEPTION 'cannot make a field confidential in a transaction of isolation level %', current_setting('transaction_isolation')
            USING ERRCODE = 'feature_not_supported', DETAIL = 'It does not see dead letters that came since it began.',
                  HINT = 'BEGIN ISOLATION LEVEL READ COMMITTED;';
    END IF;
    SELECT d.* INTO t FROM standin_private.cdc_table d WHERE d.source = NEW.source AND d.topic = NEW.topic;
    IF FOUND THEN
        PERFORM FROM standin_private.cdc_source s WHERE s.source = t.source FOR NO KEY UPDATE; -- first, as in cdc_version_raise
        PERFORM standin_private.cdc_version_lock(t.source);
        PERFORM standin_private.cdc_dead_letters_check(t, coalesce(NEW.field, NEW.name));
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION standin_private.cdc_confidential_check() IS 'deferred trigger: raises 55000 if the topic of a field that becomes confidential has dead letters in the clear';

CREATE FUNCTION standin_private.cdc_pause_log() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.log_at_commit(CASE WHEN NEW.paused
        THEN format('pg_standin source "%s" paused by %s: %s', NEW.consumer, NEW.changed_by, coalesce(NEW.pause_reason, 'no reason given'))
        ELSE format('pg_standin source "%s" resumed by %s', NEW.consumer, NEW.changed_by) END);
    RETURN NULL;
END $$;
COMMENT ON FUNCTION standin_private.cdc_pause_log() IS 'a pause and its end are lines of the server''s log';
CREATE TRIGGER pause_log AFTER UPDATE OF paused ON standin_private.kafka_consumer
    FOR EACH ROW WHEN (OLD.paused <> NEW.paused) EXECUTE FUNCTION standin_private.cdc_pause_log();

CREATE CONSTRAINT TRIGGER version AFTER UPDATE OF server, paused ON standin_private.kafka_consumer DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER version AFTER UPDATE ON standin_private.cdc_source DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.version = NEW.version) EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER version AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_table DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER version AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_table_planned DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER version AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_column DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.cdc_version_raise();
-- Of the product's own statements only: a restore brings rows that were consistent, in whatever order.
CREATE CONSTRAINT TRIGGER confidential AFTER INSERT ON standin_private.cdc_column DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind IN ('mask', 'hash', 'drop') AND current_user = 'standin_owner') EXECUTE FUNCTION standin_private.cdc_confidential_check();
