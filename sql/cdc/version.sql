-- What a source is, its tables and their columns, and its pause take effect at the commit of their change: what a worker applied by an
-- earlier version is not committed after it. Both sides lock in the last moment, when they wait for nothing else any more,
-- so that neither holds the other up and no deadlock can arise.
CREATE FUNCTION standin_private.cdc_version_lock(source text) RETURNS boolean
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_cdc_version_lock';
COMMENT ON FUNCTION standin_private.cdc_version_lock(text) IS 'until the end of the transaction no worker of the source commits anything; false in a worker itself, whose own changes (a planned table is made) invalidate nothing';

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
    IF standin_private.cdc_version_lock(changed) THEN
        UPDATE standin_private.cdc_source s SET version = s.version + 1 WHERE s.source = changed;
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
    IF standin_private.cdc_version_lock(NEW.source) THEN
        SELECT d.* INTO t FROM standin_private.cdc_table d WHERE d.source = NEW.source AND d.topic = NEW.topic;
        IF FOUND THEN
            PERFORM standin_private.cdc_dead_letters_check(t, coalesce(NEW.field, NEW.name));
        END IF;
    END IF;
    RETURN NULL;
END $$;
COMMENT ON FUNCTION standin_private.cdc_confidential_check() IS 'deferred trigger: raises 55000 if the topic of a field that becomes confidential has dead letters in the clear';

CREATE CONSTRAINT TRIGGER version AFTER UPDATE OF server, paused ON standin_private.kafka_consumer DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER version AFTER UPDATE ON standin_private.cdc_source DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (OLD.version = NEW.version) EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER version AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_table DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER version AFTER INSERT OR UPDATE OR DELETE ON standin_private.cdc_column DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION standin_private.cdc_version_raise();
CREATE CONSTRAINT TRIGGER confidential AFTER INSERT ON standin_private.cdc_column DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.kind IN ('mask', 'hash', 'drop')) EXECUTE FUNCTION standin_private.cdc_confidential_check();
