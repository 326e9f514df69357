-- A dead letter is retried by the worker of its source, in the transaction that takes it away. What must not happen is that it
-- brings old values back; so every later record of its key that is applied leaves its offset in superseded_by.
CREATE FUNCTION standin_private.cdc_dead_letter_stale(letter standin_private.kafka_dead_letter) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE
        WHEN EXISTS (SELECT FROM standin_private.cdc_table t WHERE t.source = letter.consumer AND t.kind = 'history'
                     AND t.topic = standin_private.cdc_topic_of(letter.consumer, letter.topic)) THEN NULL
        WHEN letter.superseded_by IS NOT NULL THEN format('a later change of the same row was applied (offset %s)', letter.superseded_by)
        WHEN letter.key IS NULL THEN 'it has no key, so whether its row was changed later is not known'
        WHEN letter.restored_at IS NOT NULL THEN 'it was discarded for a while, so whether its row was changed later is not known'
    END
$$;
COMMENT ON FUNCTION standin_private.cdc_dead_letter_stale(standin_private.kafka_dead_letter) IS 'why a retry might bring old values back, or null; rows of a history target are only ever added';

CREATE FUNCTION standin.cdc_dead_letter_retry(source text, topic text, partition integer, record_offset bigint, force boolean DEFAULT false)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    letter standin_private.kafka_dead_letter;
    stale text;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    SELECT * INTO letter FROM standin_private.kafka_dead_letter d
    WHERE d.consumer = cdc_dead_letter_retry.source AND d.topic = cdc_dead_letter_retry.topic
      AND d.partition = cdc_dead_letter_retry.partition AND d.record_offset = cdc_dead_letter_retry.record_offset FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no dead letter at offset % of partition % of topic "%"', source, record_offset, partition, topic
            USING ERRCODE = 'undefined_object', HINT = 'standin.cdc_dead_letters lists them.';
    END IF;
    stale := standin_private.cdc_dead_letter_stale(letter);
    IF stale IS NOT NULL AND force IS NOT TRUE THEN
        RAISE EXCEPTION 'a retry may bring old values back' USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = stale, HINT = 'Discard it, or apply it all the same with force => true.';
    END IF;
    UPDATE standin_private.kafka_dead_letter d
    SET retry_at = standin_private.clock_now(), retry_by = standin_private.caller(), retry_force = coalesce(force, false)
    WHERE d.consumer = letter.consumer AND d.topic = letter.topic AND d.partition = letter.partition AND d.record_offset = letter.record_offset;
    PERFORM standin_private.wake('cdc');
END $$;
COMMENT ON FUNCTION standin.cdc_dead_letter_retry(text, text, integer, bigint, boolean) IS 'lets the worker apply a dead letter as it is, also while the source is paused: then it is gone from cdc_dead_letters, or is there with one attempt more and the new error. Refused (unless forced) if a later change of the row was applied, or if that cannot be known because the record has no key. Errors: 42704 unknown source or dead letter, 55000 refused';

CREATE FUNCTION standin.cdc_dead_letter_retry(source text, topic text DEFAULT NULL, sqlstate text DEFAULT NULL, force boolean DEFAULT false)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked bigint;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    UPDATE standin_private.kafka_dead_letter d
    SET retry_at = standin_private.clock_now(), retry_by = standin_private.caller(), retry_force = coalesce(force, false)
    WHERE d.consumer = cdc_dead_letter_retry.source
      AND (cdc_dead_letter_retry.topic IS NULL OR d.topic = cdc_dead_letter_retry.topic)
      AND (cdc_dead_letter_retry.sqlstate IS NULL OR d.sqlstate = cdc_dead_letter_retry.sqlstate)
      AND (force IS TRUE OR standin_private.cdc_dead_letter_stale(d) IS NULL);
    GET DIAGNOSTICS asked = ROW_COUNT;
    PERFORM standin_private.wake('cdc');
    RETURN asked;
END $$;
COMMENT ON FUNCTION standin.cdc_dead_letter_retry(text, text, text, boolean) IS 'the same for all dead letters of a source, or those of a topic or with an SQLSTATE, in the order of topic, partition and offset; leaves out those that would be refused, and returns how many are being retried. Errors: 42704 unknown source';

CREATE FUNCTION standin_private.cdc_dead_letter_bury(source text, topic text, partition integer, record_offset bigint, sqlstate text, reason text)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    discarded bigint;
BEGIN
    IF coalesce(btrim(reason), '') = '' THEN
        RAISE EXCEPTION 'a reason must be given' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'It is kept with the record, with who discarded it and when.';
    END IF;
    WITH gone AS (
        DELETE FROM standin_private.kafka_dead_letter d
        WHERE d.consumer = cdc_dead_letter_bury.source
          AND (cdc_dead_letter_bury.topic IS NULL OR d.topic = cdc_dead_letter_bury.topic)
          AND (cdc_dead_letter_bury.partition IS NULL OR d.partition = cdc_dead_letter_bury.partition)
          AND (cdc_dead_letter_bury.record_offset IS NULL OR d.record_offset = cdc_dead_letter_bury.record_offset)
          AND (cdc_dead_letter_bury.sqlstate IS NULL OR d.sqlstate = cdc_dead_letter_bury.sqlstate)
        RETURNING d.*)
    INSERT INTO standin_private.kafka_dead_letter_discarded
        (consumer, topic, partition, record_offset, key, value, headers, record_at, sqlstate, error, column_name, attempts, created_at,
         last_attempt_at, superseded_by, redacted, retry_force, hint, discarded_by, reason)
    SELECT g.consumer, g.topic, g.partition, g.record_offset, g.key, g.value, g.headers, g.record_at, g.sqlstate, g.error, g.column_name,
           g.attempts, g.created_at, g.last_attempt_at, g.superseded_by, g.redacted, false, g.hint, standin_private.caller(), cdc_dead_letter_bury.reason
    FROM gone g;
    GET DIAGNOSTICS discarded = ROW_COUNT;
    RETURN discarded;
END $$;
COMMENT ON FUNCTION standin_private.cdc_dead_letter_bury(text, text, integer, bigint, text, text) IS 'moves dead letters to the discarded ones';

CREATE FUNCTION standin.cdc_dead_letter_discard(source text, topic text, partition integer, record_offset bigint, reason text)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF source IS NULL OR topic IS NULL OR partition IS NULL OR record_offset IS NULL
       OR standin_private.cdc_dead_letter_bury(source, topic, partition, record_offset, NULL, reason) = 0 THEN
        RAISE EXCEPTION 'source "%" has no dead letter at offset % of partition % of topic "%"', source, record_offset, partition, topic
            USING ERRCODE = 'undefined_object', HINT = 'standin.cdc_dead_letters lists them.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.cdc_dead_letter_discard(text, text, integer, bigint, text) IS 'gives a dead letter up: it goes to cdc_dead_letters_discarded, with who, when and why. Errors: 42704 unknown dead letter, 22004 no reason';

CREATE FUNCTION standin.cdc_dead_letter_discard(source text, topic text DEFAULT NULL, sqlstate text DEFAULT NULL, reason text DEFAULT NULL,
    everything boolean DEFAULT false)
RETURNS bigint LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF topic IS NULL AND sqlstate IS NULL AND everything IS NOT TRUE THEN
        RAISE EXCEPTION 'all dead letters of source "%" would be discarded', source USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Name a topic or an SQLSTATE, or say everything => true.';
    END IF;
    RETURN standin_private.cdc_dead_letter_bury(source, topic, NULL, NULL, sqlstate, reason);
END $$;
COMMENT ON FUNCTION standin.cdc_dead_letter_discard(text, text, text, text, boolean) IS 'the same for the dead letters of a topic of the source, or those with an SQLSTATE; for all of the source only if everything is true; returns how many. Also for a source that was dropped. standin.cdc_dead_letter_restore takes it back. Errors: 22004 no reason, 22023 neither a topic nor an SQLSTATE nor everything';

CREATE FUNCTION standin_private.cdc_dead_letter_unbury(source text, topic text, partition integer, record_offset bigint, sqlstate text)
RETURNS bigint LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    restored bigint;
BEGIN
    PERFORM standin_private.caller();
    WITH back AS (
        UPDATE standin_private.kafka_dead_letter_discarded d
        SET restored_at = standin_private.clock_now(), restored_by = standin_private.caller()
        WHERE d.consumer = cdc_dead_letter_unbury.source AND d.restored_at IS NULL
          AND (cdc_dead_letter_unbury.topic IS NULL OR d.topic = cdc_dead_letter_unbury.topic)
          AND (cdc_dead_letter_unbury.partition IS NULL OR d.partition = cdc_dead_letter_unbury.partition)
          AND (cdc_dead_letter_unbury.record_offset IS NULL OR d.record_offset = cdc_dead_letter_unbury.record_offset)
          AND (cdc_dead_letter_unbury.sqlstate IS NULL OR d.sqlstate = cdc_dead_letter_unbury.sqlstate)
          AND NOT EXISTS (SELECT FROM standin_private.kafka_dead_letter l WHERE l.consumer = d.consumer AND l.topic = d.topic
                          AND l.partition = d.partition AND l.record_offset = d.record_offset)
        RETURNING d.*)
    INSERT INTO standin_private.kafka_dead_letter (consumer, topic, partition, record_offset, key, value, headers, record_at, sqlstate, error,
        column_name, hint, redacted, attempts, created_at, last_attempt_at, superseded_by, restored_at, restored_by)
    SELECT DISTINCT ON (b.consumer, b.topic, b.partition, b.record_offset) b.consumer, b.topic, b.partition, b.record_offset, b.key, b.value,
           b.headers, b.record_at, b.sqlstate, b.error, b.column_name, b.hint, b.redacted, b.attempts, b.created_at, b.last_attempt_at,
           b.superseded_by, b.restored_at, b.restored_by
    FROM back b ORDER BY b.consumer, b.topic, b.partition, b.record_offset, b.discard_number DESC;
    GET DIAGNOSTICS restored = ROW_COUNT;
    RETURN restored;
END $$;
COMMENT ON FUNCTION standin_private.cdc_dead_letter_unbury(text, text, integer, bigint, text) IS 'makes discarded dead letters open ones again; that they were discarded stays noted';

CREATE FUNCTION standin.cdc_dead_letter_restore(source text, topic text, partition integer, record_offset bigint)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF source IS NULL OR topic IS NULL OR partition IS NULL OR record_offset IS NULL
       OR standin_private.cdc_dead_letter_unbury(source, topic, partition, record_offset, NULL) = 0 THEN
        RAISE EXCEPTION 'source "%" has no discarded dead letter at offset % of partition % of topic "%"', source, record_offset, partition, topic
            USING ERRCODE = 'undefined_object', HINT = 'standin.cdc_dead_letters_discarded lists them, without restored_at.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.cdc_dead_letter_restore(text, text, integer, bigint) IS 'takes cdc_dead_letter_discard back: the record is in standin.cdc_dead_letters again. A retry must be forced unless the target is a history, since nobody noted what came for its row meanwhile. Errors: 42704 not discarded, or taken back already';

CREATE FUNCTION standin.cdc_dead_letter_restore(source text, topic text DEFAULT NULL, sqlstate text DEFAULT NULL)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT standin_private.cdc_dead_letter_unbury(source, topic, NULL, NULL, sqlstate)
$$;
COMMENT ON FUNCTION standin.cdc_dead_letter_restore(text, text, text) IS 'the same for all discarded dead letters of a source, or those of a topic or with an SQLSTATE; returns how many';
