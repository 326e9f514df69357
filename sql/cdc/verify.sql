CREATE TABLE standin_private.cdc_verification (
    run bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text NOT NULL,
    topic text NOT NULL,
    target text NOT NULL, -- names with schema: tables come and go, and a number may be another's where a dump is restored
    reference text NOT NULL,
    compared name[] NOT NULL,
    skipped name[] NOT NULL,
    state text NOT NULL DEFAULT 'running' CHECK (state IN ('running', 'finished')),
    rows_compared bigint NOT NULL DEFAULT 0,
    differences bigint NOT NULL DEFAULT 0,
    unsettled bigint NOT NULL DEFAULT 0,
    backend integer NOT NULL DEFAULT pg_backend_pid(),
    started_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    progress_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    started_by name NOT NULL
);
COMMENT ON TABLE standin_private.cdc_verification IS 'comparisons of a target with its source; outlives its source; kept whole';

CREATE TABLE standin_private.cdc_difference (
    run bigint NOT NULL REFERENCES standin_private.cdc_verification ON DELETE RESTRICT,
    key jsonb NOT NULL,
    kind text NOT NULL CHECK (kind IN ('missing', 'extra', 'different', 'unsettled')),
    columns name[] NOT NULL,
    found_at timestamptz NOT NULL DEFAULT standin_private.clock_now(),
    PRIMARY KEY (run, key)
);
COMMENT ON TABLE standin_private.cdc_difference IS 'rows in which a target differs from its source, up to 1000 a run; distributed by run';

CREATE FUNCTION standin_private.cdc_canonical(expression text, type regtype) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN type = 'numeric'::regtype THEN format('pg_catalog.trim_scale(%s)::text', expression)
                WHEN type = 'json'::regtype THEN format('%s::pg_catalog.jsonb::text', expression)
                ELSE format('%s::text', expression) END
$$;
COMMENT ON FUNCTION standin_private.cdc_canonical(text, regtype) IS 'an expression for a value as text that equal values share, whatever server they come from';

CREATE FUNCTION standin.cdc_verification_begin(
    source text, topic text, reference regclass, OUT run bigint, OUT keys text[], OUT types text[],
    OUT target_from text, OUT target_keys text[], OUT target_values text,
    OUT reference_from text, OUT reference_keys text[], OUT reference_values text, OUT columns name[])
RETURNS record LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    entry standin_private.cdc_table;
    skipped name[];
    unusable text;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    SELECT * INTO entry FROM standin_private.cdc_table t
    WHERE t.source = cdc_verification_begin.source AND t.topic = cdc_verification_begin.topic;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    ELSIF reference IS NULL THEN
        RAISE EXCEPTION 'a reference must be given' USING ERRCODE = 'null_value_not_allowed',
            HINT = 'A foreign table, view or table with the source''s rows.';
    ELSIF entry.kind = 'history' OR NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = entry.target AND i.indisprimary) THEN
        RAISE EXCEPTION 'the target of topic "%" cannot be compared with its source', topic
            USING ERRCODE = 'object_not_in_prerequisite_state', DETAIL = 'Rows are compared by primary key, as they are now.';
    END IF;
    WITH taken AS (
        SELECT a.attnum, a.attname, format_type(a.atttypid, -1) AS type, a.atttypid, r.attname AS field,
               array_position(i.indkey::int2[], a.attnum) AS place
        FROM pg_attribute a
        JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary
        LEFT JOIN standin_private.cdc_column m ON m.source = entry.source AND m.topic = entry.topic
                                              AND m.name = a.attname AND m.kind <> 'drop'
        LEFT JOIN pg_attribute r ON r.attrelid = reference AND r.attnum > 0 AND NOT r.attisdropped
                                AND r.attname = CASE WHEN m.kind IS NULL THEN a.attname::text WHEN m.kind = 'field' THEN m.field END
        WHERE a.attrelid = entry.target AND a.attnum > 0 AND NOT a.attisdropped
    ), formed AS ( -- without the type's modifier: a cast would cut what does not fit and hide the difference
        SELECT t.*, format('t.%I', t.attname) AS ours, CASE WHEN t.field IS NOT NULL THEN format('r.%I::%s', t.field, t.type) END AS theirs FROM taken t
    )
    SELECT array_agg(f.attname::text ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           array_agg(f.type ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           array_agg(f.ours ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           array_agg(f.theirs ORDER BY f.place) FILTER (WHERE f.place IS NOT NULL),
           string_agg(standin_private.cdc_canonical(f.ours, f.atttypid), ', ' ORDER BY f.attnum) FILTER (WHERE f.field IS NOT NULL),
           string_agg(standin_private.cdc_canonical(f.theirs, f.atttypid), ', ' ORDER BY f.attnum) FILTER (WHERE f.field IS NOT NULL),
           coalesce(array_agg(f.attname ORDER BY f.attnum) FILTER (WHERE f.field IS NOT NULL), '{}'),
           coalesce(array_agg(f.attname ORDER BY f.attnum) FILTER (WHERE f.field IS NULL), '{}'),
           string_agg(quote_ident(f.attname), ', ') FILTER (WHERE f.place IS NOT NULL AND f.field IS NULL)
    INTO keys, types, target_keys, reference_keys, target_values, reference_values, columns, skipped, unusable
    FROM formed f;
    IF unusable IS NOT NULL THEN
        RAISE EXCEPTION 'reference % has no column for the key of table % (%)', reference, entry.target, unusable
            USING ERRCODE = 'undefined_column', HINT = 'Make a view that has the source''s key.';
    END IF;
    target_from := entry.target || ' t';
    reference_from := reference || ' r';
    INSERT INTO standin_private.cdc_verification (source, topic, target, reference, compared, skipped, started_by)
    VALUES (entry.source, entry.topic, standin_private.table_name(entry.target),
            standin_private.table_name(cdc_verification_begin.reference), columns, skipped, standin_private.caller())
    RETURNING cdc_verification.run INTO run;
END $$;
COMMENT ON FUNCTION standin.cdc_verification_begin(text, text, regclass) IS 'a part of standin.cdc_verify: begins a run and says what to compare. Errors: 42704 unknown source or topic, 55000 no primary key or a history, 42703 the reference lacks a key column';

CREATE FUNCTION standin_private.cdc_verification_mine(run bigint) RETURNS standin_private.cdc_verification
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine standin_private.cdc_verification;
BEGIN
    SELECT * INTO mine FROM standin_private.cdc_verification v
    WHERE v.run = cdc_verification_mine.run AND v.state = 'running' AND v.backend = pg_backend_pid() AND v.started_by = standin_private.caller();
    IF NOT FOUND THEN
        RAISE EXCEPTION 'verification % is not running in this session', run USING ERRCODE = 'object_not_in_prerequisite_state';
    END IF;
    RETURN mine;
END $$;
COMMENT ON FUNCTION standin_private.cdc_verification_mine(bigint) IS 'the run, if this session is its own; else 55000';

CREATE FUNCTION standin.cdc_verification_note(run bigint, compared bigint, key jsonb, kind text, columns name[], finished boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_verification_mine(run);
    UPDATE standin_private.cdc_verification v
    SET rows_compared = v.rows_compared + cdc_verification_note.compared, progress_at = standin_private.clock_now(),
        differences = v.differences + CASE WHEN kind <> 'unsettled' THEN 1 ELSE 0 END,
        unsettled = v.unsettled + CASE WHEN kind = 'unsettled' THEN 1 ELSE 0 END,
        state = CASE WHEN finished THEN 'finished' ELSE v.state END
    WHERE v.run = cdc_verification_note.run;
    IF kind IS NOT NULL AND (SELECT v.differences + v.unsettled <= 1000 FROM standin_private.cdc_verification v
                             WHERE v.run = cdc_verification_note.run) THEN
        INSERT INTO standin_private.cdc_difference (run, key, kind, columns)
        VALUES (cdc_verification_note.run, cdc_verification_note.key, cdc_verification_note.kind, cdc_verification_note.columns)
        ON CONFLICT DO NOTHING;
    END IF;
    IF finished THEN
        PERFORM standin_private.cdc_gaps_mend((SELECT v.source FROM standin_private.cdc_verification v WHERE v.run = cdc_verification_note.run));
    END IF;
END $$;
COMMENT ON FUNCTION standin.cdc_verification_note(bigint, bigint, jsonb, text, name[], boolean) IS 'a part of standin.cdc_verify: counts rows compared and notes a difference. Errors: 55000 not this session''s run';

CREATE FUNCTION standin.cdc_verification_ends(run bigint) RETURNS jsonb
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine standin_private.cdc_verification := standin_private.cdc_verification_mine(run);
BEGIN
    RETURN (SELECT coalesce(jsonb_object_agg(o.partition || ' ' || o.topic, greatest(o.end_offset, o.next_offset)), '{}')
            FROM standin_private.kafka_offset o
            WHERE o.consumer = mine.source AND standin_private.cdc_topic_of(o.consumer, o.topic) = mine.topic);
END $$;
COMMENT ON FUNCTION standin.cdc_verification_ends(bigint) IS 'a part of standin.cdc_verify: where the partitions end now. Errors: 55000 not this session''s run';

CREATE FUNCTION standin.cdc_verification_passed(run bigint, ends jsonb) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    mine standin_private.cdc_verification := standin_private.cdc_verification_mine(run);
BEGIN
    RETURN ends <> '{}'
        AND coalesce((SELECT bool_and(w.state = 'running') FROM standin_private.stat_worker() w
                      WHERE w.kind = 'cdc' AND split_part(w.key, '/', 1) = mine.source), false)
        AND NOT EXISTS (SELECT FROM jsonb_each_text(ends) e WHERE NOT EXISTS (
                SELECT FROM standin_private.kafka_offset o
                WHERE o.consumer = mine.source AND o.partition || ' ' || o.topic = e.key AND o.next_offset >= e.value::bigint));
END $$;
COMMENT ON FUNCTION standin.cdc_verification_passed(bigint, jsonb) IS 'a part of standin.cdc_verify: whether everything up to these ends is applied and all workers of the source run. Errors: 55000 not this session''s run';

CREATE FUNCTION standin.cdc_verification_range(keys text[], types text[], low text[], high text[]) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    last integer := cardinality(keys);
    above text := 'true';
    below text := 'true';
BEGIN
    -- Spelt out rather than as a comparison of rows, which foreign data wrappers do not send.
    IF low IS NOT NULL THEN
        above := format('%s > %L::%s', keys[last], low[last], types[last]);
        FOR i IN REVERSE last - 1 .. 1 LOOP
            above := format('%1$s >= %2$L::%3$s AND (%1$s > %2$L::%3$s OR %4$s)', keys[i], low[i], types[i], above);
        END LOOP;
    END IF;
    IF high IS NOT NULL THEN
        below := format('%s <= %L::%s', keys[last], high[last], types[last]);
        FOR i IN REVERSE last - 1 .. 1 LOOP
            below := format('%1$s <= %2$L::%3$s AND (%1$s < %2$L::%3$s OR %4$s)', keys[i], high[i], types[i], below);
        END LOOP;
    END IF;
    RETURN format('(%s) AND (%s)', above, below);
END $$;
COMMENT ON FUNCTION standin.cdc_verification_range(text[], text[], text[], text[]) IS 'a part of standin.cdc_verify: the condition that a key is above low and at most high; null: without bound';

CREATE FUNCTION standin.cdc_verification_row(keys text[], types text[], key jsonb) RETURNS text
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT string_agg(format('%s = %L::%s', k.name, key->>(k.number - 1)::integer, types[k.number]), ' AND ')
    FROM unnest(keys) WITH ORDINALITY AS k(name, number)
$$;
COMMENT ON FUNCTION standin.cdc_verification_row(text[], text[], jsonb) IS 'a part of standin.cdc_verify: the condition that a row has the key, given as an array of texts';

CREATE FUNCTION standin.cdc_verification_state(of_row text[]) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_jsonb(coalesce(md5(of_row::text), 'none'))
$$;
COMMENT ON FUNCTION standin.cdc_verification_state(text[]) IS 'a part of standin.cdc_verify: a fingerprint of a row, or of there being none';

CREATE PROCEDURE standin.cdc_verification_pin()
LANGUAGE plpgsql AS $$
BEGIN
    -- Rows are compared as texts, and ranges are told by them: no session's settings may make different values look alike.
    PERFORM pg_catalog.set_config(s.name, s.setting, true)
    FROM (VALUES ('search_path', 'pg_catalog, pg_temp'), ('DateStyle', 'ISO, MDY'), ('IntervalStyle', 'postgres'),
                 ('extra_float_digits', '1'), ('bytea_output', 'hex'), ('xmloption', 'content')) s (name, setting);
END $$;
COMMENT ON PROCEDURE standin.cdc_verification_pin() IS 'a part of standin.cdc_verify: until the end of the transaction names and texts mean what they mean there, whatever the session has set';

-- No pinned search_path: a procedure that commits cannot have one, so it pins anew in each transaction. It reads both sides as
-- its caller. Each look is a transaction of its own: a foreign data wrapper's snapshot lasts as long as one.
CREATE PROCEDURE standin.cdc_verification_settle(run bigint, plan jsonb, suspects jsonb[], patience interval)
LANGUAGE plpgsql AS $$
DECLARE
    names name[];
    types text[];
    target_keys text[];
    reference_keys text[];
    deadline timestamptz;
    remaining jsonb[];
    suspect jsonb;
    ours text[];
    theirs text[];
    passed boolean;
    verdict text;
BEGIN
    CALL standin.cdc_verification_pin();
    names := ARRAY(SELECT jsonb_array_elements_text(plan->'columns'));
    types := ARRAY(SELECT jsonb_array_elements_text(plan->'types'));
    target_keys := ARRAY(SELECT jsonb_array_elements_text(plan->'target_keys'));
    reference_keys := ARRAY(SELECT jsonb_array_elements_text(plan->'reference_keys'));
    deadline := clock_timestamp() + patience * 10;
    WHILE cardinality(suspects) > 0 LOOP
        COMMIT;
        CALL standin.cdc_verification_pin();
        PERFORM pg_sleep(least(0.2, extract(epoch FROM patience) / 10));
        remaining := '{}';
        FOREACH suspect IN ARRAY suspects LOOP
            passed := suspect ? 'ends' AND standin.cdc_verification_passed(run, suspect->'ends');
            EXECUTE format('SELECT ARRAY[%s]::text[] FROM %s WHERE %s', plan->>'reference_values', plan->>'reference_from',
                           standin.cdc_verification_row(reference_keys, types, suspect->'key')) INTO theirs;
            EXECUTE format('SELECT ARRAY[%s]::text[] FROM %s WHERE %s', plan->>'target_values', plan->>'target_from',
                           standin.cdc_verification_row(target_keys, types, suspect->'key')) INTO ours;
            -- What the source had at an earlier look and the target has now has arrived: the rest is on its way.
            CONTINUE WHEN ours IS NOT DISTINCT FROM theirs OR suspect->'seen' @> standin.cdc_verification_state(ours);
            verdict := NULL;
            IF suspect->'theirs' IS DISTINCT FROM standin.cdc_verification_state(theirs) THEN
                suspect := suspect - 'ends' || jsonb_build_object(
                    'since', clock_timestamp(), 'theirs', standin.cdc_verification_state(theirs),
                    'seen', suspect->'seen' || standin.cdc_verification_state(theirs));
            ELSIF passed THEN
                verdict := CASE WHEN ours IS NULL THEN 'missing' WHEN theirs IS NULL THEN 'extra' ELSE 'different' END;
            ELSIF NOT suspect ? 'ends' AND clock_timestamp() > (suspect->>'since')::timestamptz + patience THEN
                suspect := suspect || jsonb_build_object('ends', standin.cdc_verification_ends(run));
            END IF;
            IF verdict IS NULL AND clock_timestamp() <= deadline THEN
                remaining := remaining || suspect;
            ELSE
                PERFORM standin.cdc_verification_note(
                    run, 0, (SELECT jsonb_object_agg(k.name, suspect->'key'->(k.number - 1)::integer)
                             FROM jsonb_array_elements_text(plan->'keys') WITH ORDINALITY AS k(name, number)),
                    coalesce(verdict, 'unsettled'),
                    ARRAY(SELECT names[i] FROM generate_subscripts(names, 1) AS i WHERE ours[i] IS DISTINCT FROM theirs[i]), false);
            END IF;
        END LOOP;
        suspects := remaining;
    END LOOP;
END $$;
COMMENT ON PROCEDURE standin.cdc_verification_settle(bigint, jsonb, jsonb[], interval) IS 'a part of standin.cdc_verify: looks at rows that differ until they agree or the difference has outlived its position in the stream. Errors: 2D000 inside a transaction block';

CREATE FUNCTION standin.cdc_verification_commits() RETURNS void
LANGUAGE c AS 'MODULE_PATHNAME', 'standin_cdc_verification_commits';
COMMENT ON FUNCTION standin.cdc_verification_commits() IS 'a part of standin.cdc_verify: an error where it cannot commit. Errors: 25001';

CREATE PROCEDURE standin.cdc_verify(source text, topic text, reference regclass, chunk integer DEFAULT 10000,
                                    "wait" interval DEFAULT '10 seconds', INOUT run bigint DEFAULT NULL)
LANGUAGE plpgsql AS $$
DECLARE
    plan jsonb;
    keys text[];
    types text[];
    low text[];
    high text[];
    ours text;
    theirs text;
    counted bigint;
    same boolean;
    found jsonb[];
    suspects jsonb[] := '{}';
BEGIN
    PERFORM standin.cdc_verification_commits();
    COMMIT;
    CALL standin.cdc_verification_pin();
    IF coalesce(chunk < 1, true) OR coalesce("wait" <= '0', true) THEN
        RAISE EXCEPTION 'chunk and wait are positive' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'wait is longer than the time that a change needs from the source''s commit to Kafka.';
    END IF;
    plan := to_jsonb(b) FROM standin.cdc_verification_begin(source, topic, reference) AS b;
    run := (plan->>'run')::bigint;
    keys := ARRAY(SELECT jsonb_array_elements_text(plan->'target_keys'));
    types := ARRAY(SELECT jsonb_array_elements_text(plan->'types'));
    LOOP
        EXECUTE format('SELECT ARRAY[%1$s]::text[] FROM %2$s WHERE %3$s ORDER BY %1$s OFFSET %4$s LIMIT 1', array_to_string(keys, ', '),
                       plan->>'target_from', standin.cdc_verification_range(keys, types, low, NULL), chunk - 1) INTO high;
        SELECT format('SELECT jsonb_build_array(%s) AS key, hashtextextended(ARRAY[%s]::text, 0) AS hash FROM %s WHERE %s',
                      string_agg(k || '::text', ', '), plan->>'target_values', plan->>'target_from',
                      standin.cdc_verification_range(keys, types, low, high))
        INTO ours FROM unnest(keys) AS k;
        SELECT format('SELECT jsonb_build_array(%s) AS key, hashtextextended(ARRAY[%s]::text, 0) AS hash FROM %s WHERE %s',
                      string_agg(k || '::text', ', '), plan->>'reference_values', plan->>'reference_from',
                      standin.cdc_verification_range(array_agg(k), types, low, high))
        INTO theirs FROM jsonb_array_elements_text(plan->'reference_keys') AS k;
        EXECUTE format('SELECT greatest(o.count, t.count), o IS NOT DISTINCT FROM t FROM (SELECT count(*), sum(hash) FROM (%s) x) o, '
                       '(SELECT count(*), sum(hash) FROM (%s) x) t', ours, theirs) INTO counted, same;
        IF NOT same THEN
            EXECUTE format('SELECT array_agg(jsonb_build_object(''key'', key, ''seen'', ''[]''::jsonb)) FROM (%s) o FULL JOIN (%s) t USING (key) '
                           'WHERE o.hash IS DISTINCT FROM t.hash', ours, theirs) INTO found;
            suspects := suspects || coalesce(found, '{}');
        END IF;
        PERFORM standin.cdc_verification_note(run, counted, NULL, NULL, NULL, false);
        COMMIT;
        CALL standin.cdc_verification_pin();
        IF cardinality(suspects) >= 1000 OR (high IS NULL AND suspects <> '{}') THEN
            CALL standin.cdc_verification_settle(run, plan, suspects, "wait");
            CALL standin.cdc_verification_pin();
            suspects := '{}';
        END IF;
        EXIT WHEN high IS NULL;
        low := high;
    END LOOP;
    PERFORM standin.cdc_verification_note(run, 0, NULL, NULL, NULL, true);
END $$;
COMMENT ON PROCEDURE standin.cdc_verify IS 'compares a target with its source while both change, in ranges of chunk keys: reference is a foreign table, view or table with the source''s rows, its columns named as the event''s fields. Reads both as its caller. A row that differs is looked at again until it agrees; it counts once it has outlived wait and everything that Kafka had by then is applied. Results: standin.cdc_verifications, standin.cdc_differences. Errors: 25001 inside a transaction block or a function, 42704 unknown source or topic, 55000 no primary key or a history, 42703 the reference lacks a key column, 42501 rights on either table missing, 22023 an option out of range';

CREATE VIEW standin.cdc_verifications AS
SELECT v.run, v.source, v.topic, standin_private.table_named(v.target) AS target,
       standin_private.table_named(v.reference) AS reference, v.state, v.rows_compared, v.differences, v.unsettled, v.compared, v.skipped,
       v.started_at, v.progress_at, v.started_by, v.target AS target_name, v.reference AS reference_name
FROM standin_private.cdc_verification v;
COMMENT ON VIEW standin.cdc_verifications IS 'runs of cdc_verify; one that was interrupted stays running and makes no progress';
COMMENT ON COLUMN standin.cdc_verifications.target IS 'null if it was dropped or renamed, see target_name';
COMMENT ON COLUMN standin.cdc_verifications.reference IS 'null if it was dropped or renamed, see reference_name';
COMMENT ON COLUMN standin.cdc_verifications.unsettled IS 'rows that kept changing, or whose stream stood still, so that nothing can be said of them; 0 and no difference: equal';
COMMENT ON COLUMN standin.cdc_verifications.skipped IS 'columns that have no counterpart in the reference, or that the mapping computes or masks';

CREATE VIEW standin.cdc_differences AS
SELECT d.run, v.source, v.topic, standin_private.table_named(v.target) AS target, d.key, d.kind, d.columns, d.found_at, v.target AS target_name
FROM standin_private.cdc_difference d JOIN standin_private.cdc_verification v USING (run);
COMMENT ON VIEW standin.cdc_differences IS 'rows in which a target differs from its source, up to 1000 a run: missing from the target, extra there, different (in which columns), or unsettled';
