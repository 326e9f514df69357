-- What connectors lost. The source's worker notices it, in the transaction topic and the events that Kafka has; what is
-- to be done about it is decided here.
CREATE TABLE standin_private.cdc_gap (
    source text NOT NULL REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    transaction_id text NOT NULL,
    topic_offset bigint NOT NULL,
    begin_position bigint,
    first_position bigint,
    missing_orders bigint[] NOT NULL,
    missing_of_collections jsonb NOT NULL,
    collections text[] NOT NULL,
    state text NOT NULL DEFAULT 'open' CHECK (state IN ('open', 'snapshot_requested', 'mended', 'dismissed')),
    noticed_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    requested_at timestamptz,
    signals text[],
    closed_at timestamptz,
    closed_by name,
    reason text,
    PRIMARY KEY (source, transaction_id, topic_offset),
    CHECK (state <> 'snapshot_requested' OR requested_at IS NOT NULL),
    CHECK ((state IN ('mended', 'dismissed')) = (closed_at IS NOT NULL)),
    CHECK (state <> 'dismissed' OR reason IS NOT NULL)
);
COMMENT ON TABLE standin_private.cdc_gap IS 'transactions of which a connector lost events; noticed once each, known by where they begin in the transaction topic; distributed by source';
COMMENT ON COLUMN standin_private.cdc_gap.topic_offset IS 'of its BEGIN in the transaction topic';
COMMENT ON COLUMN standin_private.cdc_gap.begin_position IS 'where in the source''s log BEGIN is; null: this connector''s do not say';
COMMENT ON COLUMN standin_private.cdc_gap.first_position IS 'where the first event is that came; null: not compared, or the same';

CREATE TABLE standin_private.cdc_gap_watch (
    source text PRIMARY KEY REFERENCES standin_private.cdc_source ON DELETE CASCADE,
    topic text NOT NULL,
    next_offset bigint NOT NULL
);
COMMENT ON TABLE standin_private.cdc_gap_watch IS 'how far the transaction topic was searched for gaps; moved in the transaction that notes them; distributed by source';

CREATE FUNCTION standin_private.cdc_gap_note(source text, transaction_id text, topic_offset bigint, begin_position bigint,
    first_position bigint, missing_orders bigint[], missing_of_collections jsonb, collections text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    INSERT INTO standin_private.cdc_gap (source, transaction_id, topic_offset, begin_position, first_position, missing_orders,
        missing_of_collections, collections)
    VALUES (source, transaction_id, topic_offset, begin_position, first_position, missing_orders, missing_of_collections, collections)
    ON CONFLICT DO NOTHING;
    IF FOUND THEN
        PERFORM standin_private.log_at_commit(format(
            'pg_standin source "%s": the connector lost events of transaction %s: %s; standin.cdc_gaps has it', source, transaction_id,
            CASE WHEN first_position IS NOT NULL THEN format('it begins at %s, its first event is at %s',
                                                             pg_lsn '0/0' + begin_position, pg_lsn '0/0' + first_position)
                 WHEN collections = '{}' THEN 'it has none'
                 ELSE format('missing are %s', missing_of_collections) END));
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_gap_note(text, text, bigint, bigint, bigint, bigint[], jsonb, text[]) IS 'notes a gap, once, with a line of the server''s log';

CREATE FUNCTION standin_private.cdc_gaps_request(source text, asked_by name) RETURNS text[]
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.cdc_source;
    asked text[];
BEGIN
    SELECT c.* INTO s FROM standin_private.cdc_source c WHERE c.source = cdc_gaps_request.source;
    -- A history would get a row for each row that is read again.
    SELECT array_agg(standin_private.cdc_snapshot_ask(s, t.topic, NULL, 'incremental', NULL, asked_by) ORDER BY t.topic) INTO asked
    FROM (SELECT DISTINCT coalesce(o.topic, d.topic) AS topic
          FROM standin_private.cdc_table d
          LEFT JOIN standin_private.kafka_offset o ON o.consumer = d.source AND standin_private.cdc_topic_of(o.consumer, o.topic) = d.topic
          WHERE d.source = cdc_gaps_request.source AND d.kind = 'current' AND (o.topic IS NOT NULL OR d.topic NOT LIKE '^%')) t;
    UPDATE standin_private.cdc_gap g SET state = 'snapshot_requested', signals = asked, requested_at = standin_private.clock_now()
    WHERE g.source = cdc_gaps_request.source AND g.state IN ('open', 'snapshot_requested') AND asked IS NOT NULL;
    RETURN asked;
END $$;
COMMENT ON FUNCTION standin_private.cdc_gaps_request(text, name) IS 'asks for incremental snapshots of the source''s tables, whose rows mend what is missing; the signals'' ids, null if it has no table that a snapshot mends';

CREATE FUNCTION standin_private.cdc_gaps_answer(source text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    s standin_private.cdc_source;
BEGIN
    SELECT c.* INTO s FROM standin_private.cdc_source c WHERE c.source = cdc_gaps_answer.source AND c.on_gap = 'snapshot'
        AND EXISTS (SELECT FROM standin_private.cdc_gap g WHERE g.source = c.source AND g.state = 'open');
    IF FOUND THEN
        PERFORM standin_private.cdc_gaps_request(source, s.created_by);
    END IF;
EXCEPTION WHEN OTHERS THEN -- the gap is noted all the same
    PERFORM standin_private.log_at_commit(format('pg_standin source "%s": no snapshot was asked for that would mend its gaps: %s', source, SQLERRM));
END $$;
COMMENT ON FUNCTION standin_private.cdc_gaps_answer(text) IS 'does what on_gap says about the source''s open gaps; a failure is a line of the server''s log, and they stay open';

CREATE FUNCTION standin_private.cdc_gaps_mend(source text) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    UPDATE standin_private.cdc_gap g
    SET state = 'mended', closed_at = standin_private.clock_now(), closed_by = standin_private.caller()
    WHERE g.source = cdc_gaps_mend.source AND g.state IN ('open', 'snapshot_requested')
      AND NOT EXISTS (
          SELECT FROM standin_private.cdc_table t WHERE t.source = g.source AND NOT EXISTS (
              SELECT FROM standin_private.cdc_verification v
              WHERE v.source = t.source AND v.topic = t.topic AND v.state = 'finished' AND v.differences = 0 AND v.unsettled = 0
                AND v.started_at > coalesce(g.requested_at, g.noticed_at)))
$$;
COMMENT ON FUNCTION standin_private.cdc_gaps_mend(text) IS 'closes gaps since which each table of the source was found equal; a history cannot be compared, so with one among them somebody has to dismiss the gap';

CREATE FUNCTION standin.cdc_gaps_snapshot(source text) RETURNS text[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    asked text[];
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    asked := standin_private.cdc_gaps_request(source, standin_private.caller());
    IF asked IS NULL THEN
        RAISE EXCEPTION 'source "%" has no table that a snapshot would mend', source USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = 'A history would get a row for each row that is read again.';
    END IF;
    RETURN asked;
END $$;
COMMENT ON FUNCTION standin.cdc_gaps_snapshot(text) IS 'asks the connector to read all tables of the source again (but for histories), as on_gap => ''snapshot'' does by itself, to mend the gaps of standin.cdc_gaps; returns the ids of the signals, see standin.cdc_signals. They are mended once standin.cdc_verify finds each table equal. Errors: 42704 unknown source, 55000 no way to signal, no such table, or not the instance that may, 42501 no INSERT on the signal table';

CREATE FUNCTION standin.cdc_gap_dismiss(source text, transaction_id text, reason text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    IF coalesce(reason, '') = '' THEN
        RAISE EXCEPTION 'a reason must be given' USING ERRCODE = 'null_value_not_allowed';
    END IF;
    UPDATE standin_private.cdc_gap g
    SET state = 'dismissed', closed_at = standin_private.clock_now(), closed_by = standin_private.caller(), reason = cdc_gap_dismiss.reason
    WHERE g.source = cdc_gap_dismiss.source AND g.transaction_id = cdc_gap_dismiss.transaction_id AND g.state IN ('open', 'snapshot_requested');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no open gap of transaction "%"', source, transaction_id USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_gaps lists them.';
    END IF;
    PERFORM standin_private.log_at_commit(format('pg_standin source "%s": the gap of transaction %s was dismissed by %s: %s', source,
                                                 transaction_id, standin_private.caller(), reason));
END $$;
COMMENT ON FUNCTION standin.cdc_gap_dismiss(text, text, text) IS 'closes a gap that needs no mending, or that was mended by hand; nothing is changed in the tables. Errors: 42704 unknown source or no open gap of that transaction, 22004 no reason';

CREATE VIEW standin.cdc_gaps AS
SELECT g.source, g.transaction_id, g.begin_position, g.first_position, g.missing_orders, g.missing_of_collections, g.collections, g.state,
       g.noticed_at, g.requested_at, g.signals, g.closed_at, g.closed_by, g.reason, g.topic_offset
FROM standin_private.cdc_gap g;
COMMENT ON VIEW standin.cdc_gaps IS 'transactions of which a connector lost events when it restarted, so that tables may differ from the source though nothing is late and nothing failed';
COMMENT ON COLUMN standin.cdc_gaps.begin_position IS 'where in the source''s log the transaction begins (of PostgreSQL an LSN as a number); null: its connector does not say';
COMMENT ON COLUMN standin.cdc_gaps.first_position IS 'where its first event is that came: what stands between was lost; null: there is none, it is the same, or they were not compared';
COMMENT ON COLUMN standin.cdc_gaps.missing_orders IS 'values of total_order that no event of the transaction has; the first hundred';
COMMENT ON COLUMN standin.cdc_gaps.missing_of_collections IS 'values of data_collection_order that no event has, by data collection';
COMMENT ON COLUMN standin.cdc_gaps.collections IS 'data collections of which something came, empty if nothing did; the lost events may be of any table of the source';
COMMENT ON COLUMN standin.cdc_gaps.state IS 'open, snapshot_requested (signals has the ids of standin.cdc_signals), mended (every table of the source was compared since, and found equal) or dismissed';
COMMENT ON COLUMN standin.cdc_gaps.topic_offset IS 'of its BEGIN in the transaction topic';
