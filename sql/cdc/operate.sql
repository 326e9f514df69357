CREATE FUNCTION standin.cdc_pause(source text, reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    UPDATE standin_private.kafka_consumer c
    SET paused = true, pause_reason = reason, changed_at = standin_private.clock_now(), changed_by = standin_private.caller()
    WHERE c.consumer = cdc_pause.source;
END $$;
COMMENT ON FUNCTION standin.cdc_pause(text, text) IS 'stops applying until cdc_resume; nothing is lost while Kafka keeps the records. Errors: 42704 unknown source';

CREATE FUNCTION standin.cdc_resume(source text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    UPDATE standin_private.kafka_consumer c
    SET paused = false, pause_reason = NULL, changed_at = standin_private.clock_now(), changed_by = standin_private.caller()
    WHERE c.consumer = cdc_resume.source;
END $$;
COMMENT ON FUNCTION standin.cdc_resume(text) IS 'goes on applying after cdc_pause. Errors: 42704 unknown source';

CREATE FUNCTION standin.cdc_seek(source text, topic text, partition integer, next_offset bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    IF NOT EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.source = cdc_seek.source AND t.topic = cdc_seek.topic) THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    ELSIF next_offset IS NULL OR next_offset < 0 OR partition IS NULL OR partition < 0 THEN
        RAISE EXCEPTION 'partition and offset are numbers from 0 on' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Offset 0 means from the beginning, wherever that is.';
    END IF;
    INSERT INTO standin_private.kafka_offset (consumer, topic, partition, next_offset)
    VALUES (cdc_seek.source, cdc_seek.topic, cdc_seek.partition, cdc_seek.next_offset)
    ON CONFLICT ON CONSTRAINT kafka_offset_pkey DO UPDATE SET next_offset = EXCLUDED.next_offset, cluster_id = '';
    DELETE FROM standin_private.cdc_position p WHERE p.source = cdc_seek.source AND p.topic = cdc_seek.topic AND p.partition = cdc_seek.partition;
    PERFORM standin_private.wake('cdc');
END $$;
COMMENT ON FUNCTION standin.cdc_seek(text, text, integer, bigint) IS 'applies the partition from this offset on; earlier records again, or records in between never, so know why. Also accepts the offsets'' new cluster after a move. Errors: 42704 unknown source or topic, 22023 negative';
