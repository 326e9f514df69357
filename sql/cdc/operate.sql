CREATE FUNCTION standin.cdc_pause(source text, reason text DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    UPDATE standin_private.kafka_consumer c
    SET paused = true, pause_reason = reason, changed_at = standin_private.clock_now(), changed_by = session_user
    WHERE c.consumer = cdc_pause.source;
END $$;
COMMENT ON FUNCTION standin.cdc_pause(text, text) IS 'stops applying, at the commit, until cdc_resume; nothing is lost while Kafka keeps the records; dead letters can be retried meanwhile. Errors: 42704 unknown source';

CREATE FUNCTION standin.cdc_resume(source text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    UPDATE standin_private.kafka_consumer c
    SET paused = false, pause_reason = NULL, changed_at = standin_private.clock_now(), changed_by = session_user
    WHERE c.consumer = cdc_resume.source;
END $$;
COMMENT ON FUNCTION standin.cdc_resume(text) IS 'goes on applying after cdc_pause, or after too many dead letters (which are counted anew from here). Errors: 42704 unknown source';

CREATE FUNCTION standin_private.cdc_topic_check(source text, topic text) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    IF NOT EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.source = cdc_topic_check.source AND t.topic = cdc_topic_check.topic AND t.topic !~ '^\^')
       AND NOT EXISTS (SELECT FROM standin_private.kafka_offset o WHERE o.consumer = cdc_topic_check.source AND o.topic = cdc_topic_check.topic) THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_topic_check(text, text) IS 'raises 42704 if there is no such source or it has no such topic';

-- The partition's position moves first: its row lock waits for the batch that is being applied, whose own position of the
-- source's log is then seen and forgotten by the statement after it.
CREATE FUNCTION standin_private.cdc_position_set(source text, topic text, partition integer, next_offset bigint, seek_at timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO standin_private.kafka_offset AS o (consumer, topic, partition, next_offset, seek_at)
    VALUES (cdc_position_set.source, cdc_position_set.topic, cdc_position_set.partition, coalesce(cdc_position_set.next_offset, 0),
            cdc_position_set.seek_at)
    ON CONFLICT ON CONSTRAINT kafka_offset_pkey DO UPDATE SET next_offset = coalesce(cdc_position_set.next_offset, o.next_offset),
        seek_at = EXCLUDED.seek_at, cluster_id = '', record_offset = NULL, record_hash = NULL;
    DELETE FROM standin_private.cdc_position p
    WHERE p.source = cdc_position_set.source AND p.topic = cdc_position_set.topic AND p.partition = cdc_position_set.partition;
    PERFORM standin_private.wake('cdc');
END $$;
COMMENT ON FUNCTION standin_private.cdc_position_set(text, text, integer, bigint, timestamptz) IS 'puts one partition elsewhere, at an offset or (once Kafka was asked) at a time, and forgets what was known of its past';

CREATE FUNCTION standin.cdc_seek(source text, topic text, partition integer, next_offset bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_topic_check(source, topic);
    IF next_offset IS NULL OR next_offset < 0 OR partition IS NULL OR partition < 0 THEN
        RAISE EXCEPTION 'partition and offset are numbers from 0 on' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Offset 0 means from the beginning, wherever that is.';
    END IF;
    PERFORM standin_private.cdc_position_set(source, topic, partition, next_offset, NULL);
END $$;
COMMENT ON FUNCTION standin.cdc_seek(text, text, integer, bigint) IS 'applies the partition from this offset on; earlier records again, or records in between never, so know why. Also accepts the offsets'' new cluster after a move. Errors: 42704 unknown source or topic, 22023 negative';

CREATE FUNCTION standin_private.cdc_seek_all(source text, topic text, partition integer, next_offset bigint, seek_at timestamptz)
RETURNS void LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    known integer;
    found_any boolean := false;
BEGIN
    PERFORM standin_private.cdc_topic_check(source, topic);
    IF partition < 0 THEN
        RAISE EXCEPTION 'partitions are numbers from 0 on' USING ERRCODE = 'invalid_parameter_value';
    ELSIF partition IS NOT NULL THEN
        PERFORM standin_private.cdc_position_set(source, topic, partition, next_offset, seek_at);
        RETURN;
    END IF;
    FOR known IN SELECT o.partition FROM standin_private.kafka_offset o
                 WHERE o.consumer = cdc_seek_all.source AND o.topic = cdc_seek_all.topic ORDER BY 1 LOOP
        PERFORM standin_private.cdc_position_set(source, topic, known, next_offset, seek_at);
        found_any := true;
    END LOOP;
    IF NOT found_any THEN
        RAISE EXCEPTION 'partitions of topic "%" are not known yet', topic USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'Name the partition, or let the worker find the topic first (standin.stat_cdc lists its partitions).';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_seek_all(text, text, integer, bigint, timestamptz) IS 'puts one partition of a topic, or all that are known, elsewhere';

CREATE FUNCTION standin.cdc_seek(source text, topic text, "to" text, partition integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF "to" = 'beginning' THEN
        PERFORM standin_private.cdc_seek_all(source, topic, partition, 0, NULL);
    ELSIF "to" = 'end' THEN
        PERFORM standin_private.cdc_seek_all(source, topic, partition, NULL, 'infinity');
    ELSE
        RAISE EXCEPTION 'cannot seek to "%"', "to" USING ERRCODE = 'invalid_parameter_value',
            HINT = 'It is ''beginning'', ''end'', a partition and an offset, or a time: "at" => timestamptz ''2026-01-31 12:00+00''.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.cdc_seek(text, text, text, integer) IS 'applies the topic (or one partition) from its beginning or its end on; the end is asked of Kafka by the worker: until then stat_cdc shows seek_at. Errors: 42704 unknown source or topic, 22023 another word, 55000 partitions not known yet';

CREATE FUNCTION standin.cdc_seek(source text, topic text, "at" timestamptz, partition integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF "at" IS NULL OR NOT isfinite("at") THEN
        RAISE EXCEPTION 'cannot seek to time %', coalesce("at"::text, 'null') USING ERRCODE = 'invalid_parameter_value',
            HINT = 'For the ends there are ''beginning'' and ''end''.';
    END IF;
    PERFORM standin_private.cdc_seek_all(source, topic, partition, NULL, "at");
END $$;
COMMENT ON FUNCTION standin.cdc_seek(text, text, timestamptz, integer) IS 'applies the topic (or one partition) from the first record on that has this time in Kafka or a later one; the worker asks Kafka for it: until then stat_cdc shows seek_at. Errors: 42704 unknown source or topic, 22023 no finite time, 55000 partitions not known yet';
