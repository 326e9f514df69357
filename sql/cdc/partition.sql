-- Which table a topic belongs to, and which worker a partition.
CREATE FUNCTION standin_private.cdc_topic_of(source text, topic text) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT t.topic FROM standin_private.cdc_table t JOIN standin_private.cdc_source s USING (source)
    WHERE t.source = cdc_topic_of.source
      AND (t.topic = cdc_topic_of.topic
           OR (t.topic LIKE '^%' AND cdc_topic_of.topic ~ t.topic AND cdc_topic_of.topic NOT LIKE '\_\_%'
               AND cdc_topic_of.topic IS DISTINCT FROM s.transaction_topic AND cdc_topic_of.topic IS DISTINCT FROM s.signal_topic
               AND cdc_topic_of.topic IS DISTINCT FROM s.message_topic AND cdc_topic_of.topic IS DISTINCT FROM s.schema_topic))
    ORDER BY t.topic = cdc_topic_of.topic DESC, t.topic COLLATE "C" LIMIT 1
$$;
COMMENT ON FUNCTION standin_private.cdc_topic_of(text, text) IS 'the topic of cdc_table that a topic of Kafka belongs to: itself, or else the first pattern that it matches; null if none';

CREATE FUNCTION standin_private.cdc_worker_of(topic text, partition integer, workers integer) RETURNS integer
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT (((hashtextextended(topic, 0) & 2147483647) + partition) % workers)::integer
$$;
COMMENT ON FUNCTION standin_private.cdc_worker_of(text, integer, integer) IS 'which of a source''s workers, from 0 on, has the partition';

CREATE FUNCTION standin_private.cdc_worker_key(source text, ordinal integer) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT source || CASE WHEN ordinal = 0 THEN '' ELSE '/' || ordinal END
$$;
COMMENT ON FUNCTION standin_private.cdc_worker_key(text, integer) IS 'the name of a worker of a source: the source''s for the first, source/1 for the next';
