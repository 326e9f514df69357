CREATE FUNCTION standin_private.cdc_mapping_check(target regclass, role name, "column" text, kind text, argument text, computed text[], is_key boolean)
RETURNS void LANGUAGE c AS 'MODULE_PATHNAME', 'standin_cdc_mapping_check';
COMMENT ON FUNCTION standin_private.cdc_mapping_check(regclass, name, text, text, text, text[], boolean) IS 'raises what is wrong with the mapping of a column, or with a row filter (no column); what users bring is parsed as the role given';

CREATE FUNCTION standin_private.cdc_table_of(source text, topic text) RETURNS standin_private.cdc_table
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    found_table standin_private.cdc_table;
BEGIN
    PERFORM standin_private.cdc_source_check(source);
    SELECT t.* INTO found_table FROM standin_private.cdc_table t WHERE t.source = cdc_table_of.source AND t.topic = cdc_table_of.topic;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source "%" has no topic "%"', source, topic USING ERRCODE = 'undefined_object',
            HINT = 'standin.cdc_tables lists the topics of each source.';
    ELSIF NOT EXISTS (SELECT FROM pg_class c WHERE c.oid = found_table.target) THEN
        RAISE EXCEPTION 'the target table of topic "%" does not exist any more', topic USING ERRCODE = 'undefined_table',
            HINT = 'Call standin.cdc_table_remove.';
    END IF;
    RETURN found_table;
END $$;
COMMENT ON FUNCTION standin_private.cdc_table_of(text, text) IS 'the table of a topic. Errors: 42704 unknown source or topic, 42P01 its target is gone';

CREATE FUNCTION standin_private.cdc_apply_role(t standin_private.cdc_table) RETURNS name
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN coalesce((t).apply_role, (SELECT pg_get_userbyid(c.relowner) FROM pg_class c WHERE c.oid = (t).target));
COMMENT ON FUNCTION standin_private.cdc_apply_role(standin_private.cdc_table) IS 'as whom rows are written and expressions run';

CREATE FUNCTION standin_private.cdc_computed_columns(t standin_private.cdc_table, but text) RETURNS text[]
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
RETURN ARRAY(SELECT c.name::text FROM standin_private.cdc_column c
             WHERE c.source = (t).source AND c.topic = (t).topic AND c.kind = 'expression'
             UNION SELECT but WHERE but IS NOT NULL);
COMMENT ON FUNCTION standin_private.cdc_computed_columns(standin_private.cdc_table, text) IS 'columns that expressions compute, which other expressions therefore cannot use';

CREATE FUNCTION standin_private.cdc_filter_check(t standin_private.cdc_table) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF (t).row_filter IS NOT NULL THEN
        PERFORM standin_private.cdc_mapping_check((t).target, standin_private.cdc_apply_role(t), NULL, 'filter', (t).row_filter,
                                                  standin_private.cdc_computed_columns(t, NULL), false);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_filter_check(standin_private.cdc_table) IS 'raises what is wrong with the row filter: syntax, names, 42804 not boolean';

-- A field that becomes confidential must not be readable in records that were put aside before.
CREATE FUNCTION standin_private.cdc_dead_letters_check(t standin_private.cdc_table, field text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT FROM standin_private.kafka_dead_letter d
               WHERE d.consumer = (t).source AND NOT d.redacted
                 AND standin_private.cdc_topic_of(d.consumer, d.topic) = (t).topic) THEN
        RAISE EXCEPTION 'dead letters of topic "%" hold the field "%" in the clear', (t).topic, field
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Retry or discard them first; standin.cdc_dead_letters lists them.';
    END IF;
    -- Behind the look for open ones: whatever is discarded in between is seen here.
    UPDATE standin_private.kafka_dead_letter_discarded d SET key = NULL, value = NULL, headers = '[]', redacted = true
    WHERE d.consumer = (t).source AND NOT d.redacted
      AND standin_private.cdc_topic_of(d.consumer, d.topic) = (t).topic;
END $$;
COMMENT ON FUNCTION standin_private.cdc_dead_letters_check(standin_private.cdc_table, text) IS 'raises 55000 while the topic has dead letters in the clear; discarded ones lose their contents';

CREATE FUNCTION standin_private.cdc_confidential_fields(t standin_private.cdc_table) RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp
BEGIN ATOMIC
    SELECT lower(CASE WHEN c.kind = 'drop' THEN c.name::text ELSE coalesce(c.field, c.name::text) END)
    FROM standin_private.cdc_column c
    WHERE c.source = (t).source AND c.topic = (t).topic AND c.kind IN ('mask', 'hash', 'drop');
END;
COMMENT ON FUNCTION standin_private.cdc_confidential_fields(standin_private.cdc_table) IS 'fields that are masked, hashed or dropped, in lower case';

-- Confidential fields may reach columns that mask or hash them, and no other.
CREATE FUNCTION standin_private.cdc_clear_columns_check(t standin_private.cdc_table) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    clear record;
BEGIN
    SELECT a.attname, coalesce(c.field, a.attname::text) AS field INTO clear
    FROM pg_attribute a
    LEFT JOIN standin_private.cdc_column c ON c.source = (t).source AND c.topic = (t).topic AND c.name = a.attname AND c.kind <> 'drop'
    WHERE a.attrelid = (t).target AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = '' AND coalesce(c.kind, 'field') = 'field'
      AND lower(coalesce(c.field, a.attname::text)) IN (SELECT standin_private.cdc_confidential_fields(t))
    LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'column "%" of table % takes the confidential field "%" in the clear', clear.attname, (t).target, clear.field
            USING ERRCODE = 'invalid_object_definition',
                  HINT = format('First mask or hash the column, map it to something else, or ALTER TABLE %s DROP COLUMN %I.', (t).target, clear.attname);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.cdc_clear_columns_check(standin_private.cdc_table) IS 'raises 42P17 if a column stores a field in the clear that is confidential';

CREATE FUNCTION standin_private.cdc_column_kind(field text, expression text, mask text, hash boolean, constant text, metadata text) RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kinds text[] := array_remove(ARRAY[
        CASE WHEN expression IS NOT NULL THEN 'expression' END, CASE WHEN mask IS NOT NULL THEN 'mask' END,
        CASE WHEN hash THEN 'hash' END, CASE WHEN constant IS NOT NULL THEN 'constant' END,
        CASE WHEN metadata IS NOT NULL THEN 'metadata' END], NULL);
BEGIN
    IF cardinality(kinds) > 1 THEN
        RAISE EXCEPTION 'a column is mapped in one way, not by % and %', kinds[1], kinds[2] USING ERRCODE = 'invalid_parameter_value';
    ELSIF field = '' OR (field IS NULL AND cardinality(kinds) = 0) THEN
        RAISE EXCEPTION 'nothing says what the column is to store' USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Give one of field, expression, mask, hash, constant and metadata; field may go with mask or hash.';
    ELSIF field IS NOT NULL AND kinds[1] NOT IN ('mask', 'hash') THEN
        RAISE EXCEPTION 'a field cannot be combined with %', kinds[1] USING ERRCODE = 'invalid_parameter_value',
            HINT = 'field goes alone, or with mask or hash.';
    END IF;
    RETURN coalesce(kinds[1], 'field');
END $$;
COMMENT ON FUNCTION standin_private.cdc_column_kind(text, text, text, boolean, text, text) IS 'which way of mapping a column the arguments ask for. Errors: 22023 none or two';

CREATE FUNCTION standin.cdc_column_map(
    source text, topic text, "column" name, field text DEFAULT NULL, expression text DEFAULT NULL, mask text DEFAULT NULL,
    hash boolean DEFAULT false, constant text DEFAULT NULL, metadata text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t standin_private.cdc_table := standin_private.cdc_table_of(source, topic);
    kind text := standin_private.cdc_column_kind(field, expression, mask, coalesce(hash, false), constant, metadata);
    argument text := coalesce(expression, mask, constant, metadata);
    attribute pg_attribute;
    is_key boolean;
BEGIN
    PERFORM standin_private.cdc_target_check(t.target, t.apply_role, standin_private.caller());
    SELECT a.* INTO attribute FROM pg_attribute a
    WHERE a.attrelid = t.target AND a.attname = "column" AND a.attnum > 0 AND NOT a.attisdropped;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'table % has no column "%"', t.target, "column" USING ERRCODE = 'undefined_column';
    ELSIF attribute.attgenerated <> '' THEN
        RAISE EXCEPTION 'column "%" is generated', "column" USING ERRCODE = 'generated_always',
            DETAIL = 'The table computes it by itself.';
    END IF;
    is_key := EXISTS (SELECT FROM pg_index i WHERE i.indrelid = t.target AND i.indisprimary AND attribute.attnum = ANY (i.indkey))
              AND t.kind = 'current';
    IF is_key AND kind = 'mask' THEN
        RAISE EXCEPTION 'column "%" is part of the primary key and cannot be masked', "column" USING ERRCODE = 'invalid_object_definition',
            DETAIL = 'Rows are found again by their key, and masked values are alike.', HINT = 'Hash it: equal values have equal hashes.';
    END IF;
    PERFORM standin_private.cdc_mapping_check(t.target, standin_private.cdc_apply_role(t), "column", kind, argument,
                                              standin_private.cdc_computed_columns(t, "column"), is_key);
    IF kind IN ('mask', 'hash') THEN
        PERFORM standin_private.cdc_dead_letters_check(t, coalesce(field, "column"));
    END IF;
    DELETE FROM standin_private.cdc_column c
    WHERE c.source = t.source AND c.topic = t.topic AND c.name = "column" AND c.kind <> 'drop';
    INSERT INTO standin_private.cdc_column (source, topic, name, kind, field, argument)
    VALUES (t.source, t.topic, "column", kind, cdc_column_map.field, argument);
    PERFORM standin_private.cdc_clear_columns_check(t);
    PERFORM standin_private.cdc_expressions_check(t);
END $$;
COMMENT ON FUNCTION standin.cdc_column_map IS 'says what a column of the target stores instead of the event''s field of its name, in exactly one way; replaces what was said before, and holds for all that is applied from the commit of this on. field: another field. expression: SQL over the target''s columns by their names and event (jsonb, the row as it came, confidential fields hidden), evaluated as the role that applies; it sees masked and hashed columns as they are stored. mask: all, null, text:..., or the characters to keep at both ends (last4, first6last4). hash: HMAC-SHA-256 with the secret "cdc.hash.key" of the server''s user mapping, as hexadecimal text or bytea. constant: a literal of the column''s type. metadata: topic, partition, offset, timestamp (Kafka''s), op (r, c, u, d), source_ts, debezium_ts, origin, position (in the source''s log, hexadecimal). A key column cannot be masked; its expression must be immutable and use fields of the source''s key only. Errors: 42704 unknown source or topic, 42703 unknown column or name in the expression, 428C9 generated column, 22023 none or two ways, unknown mask or metadata, 42804 wrong type, 42P17 not deterministic, or a confidential field in the clear elsewhere, 42501 not the owner, 55000 dead letters hold the field in the clear, 0A000 the transaction does not see them (at the commit)';

CREATE FUNCTION standin_private.cdc_expressions_check(t standin_private.cdc_table) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    computed text[] := standin_private.cdc_computed_columns(t, NULL);
BEGIN
    PERFORM standin_private.cdc_filter_check(t);
    PERFORM standin_private.cdc_mapping_check((t).target, standin_private.cdc_apply_role(t), c.name, c.kind, c.argument, computed, false)
    FROM standin_private.cdc_column c
    WHERE c.source = (t).source AND c.topic = (t).topic AND c.kind = 'expression';
END $$;
COMMENT ON FUNCTION standin_private.cdc_expressions_check(standin_private.cdc_table) IS 'raises what is wrong with the expressions of a table: one may use a column that another now computes';

CREATE FUNCTION standin.cdc_field_drop(source text, topic text, field text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t standin_private.cdc_table := standin_private.cdc_table_of(source, topic);
BEGIN
    PERFORM standin_private.cdc_target_check(t.target, t.apply_role, standin_private.caller());
    IF coalesce(field, '') = '' OR octet_length(field) > 63 THEN
        RAISE EXCEPTION 'invalid name of a field: "%"', field USING ERRCODE = 'invalid_name';
    ELSIF EXISTS (SELECT FROM standin_private.cdc_column c WHERE c.source = t.source AND c.topic = t.topic AND c.kind IN ('mask', 'hash')
                  AND coalesce(c.field, c.name::text) = cdc_field_drop.field) THEN
        RAISE EXCEPTION 'the field "%" is masked or hashed into a column', field USING ERRCODE = 'object_in_use',
            HINT = 'Call standin.cdc_column_unmap for that column first.';
    END IF;
    PERFORM standin_private.cdc_dead_letters_check(t, field);
    INSERT INTO standin_private.cdc_column (source, topic, name, kind) VALUES (t.source, t.topic, cdc_field_drop.field, 'drop')
    ON CONFLICT DO NOTHING;
    PERFORM standin_private.cdc_clear_columns_check(t);
END $$;
COMMENT ON FUNCTION standin.cdc_field_drop(text, text, text) IS 'the event''s field is stored nowhere: in no column, no dead letter, and no expression sees it. Errors: 42704 unknown source or topic, 42602 no name, 42P17 a column takes it, 55006 a column masks or hashes it, 42501 not the owner, 55000 dead letters hold it in the clear, 0A000 the transaction does not see them (at the commit)';

CREATE FUNCTION standin.cdc_column_unmap(source text, topic text, "column" name) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    t standin_private.cdc_table := standin_private.cdc_table_of(source, topic);
BEGIN
    PERFORM standin_private.cdc_target_check(t.target, t.apply_role, standin_private.caller());
    DELETE FROM standin_private.cdc_column c WHERE c.source = t.source AND c.topic = t.topic AND c.name = "column";
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topic "%" of source "%" maps no column and drops no field "%"', topic, source, "column"
            USING ERRCODE = 'undefined_object', HINT = 'standin.cdc_columns lists what is mapped.';
    END IF;
    PERFORM standin_private.cdc_clear_columns_check(t);
END $$;
COMMENT ON FUNCTION standin.cdc_column_unmap(text, text, name) IS 'takes back cdc_column_map or cdc_field_drop: from the commit on the column takes the field of its name, and the field is no longer confidential. Errors: 42704 unknown source, topic or nothing mapped, 42P17 the column would take a confidential field in the clear, 42501 not the owner';

CREATE FUNCTION standin_private.cdc_table_write(source text, topic text, given jsonb) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_table_of(source, topic);
    PERFORM standin_private.option_write('table', jsonb_build_object('source', source, 'topic', topic), given, false);
END $$;
COMMENT ON FUNCTION standin_private.cdc_table_write(text, text, jsonb) IS 'changes options of a table';

CREATE FUNCTION standin.cdc_table_alter(
    source text, topic text, apply_role name DEFAULT NULL, on_truncate text DEFAULT NULL, schema_evolution text DEFAULT NULL,
    foreign_keys text DEFAULT NULL, row_filter text DEFAULT NULL, data_collection text DEFAULT NULL)
RETURNS void LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.cdc_table_write(source, topic, standin_private.option_given(jsonb_build_object(
        'apply_role', apply_role, 'on_truncate', on_truncate, 'schema_evolution', schema_evolution, 'foreign_keys', foreign_keys,
        'row_filter', row_filter, 'data_collection', data_collection)));
END $$;
COMMENT ON FUNCTION standin.cdc_table_alter IS 'changes options of cdc_table_add, for all that is applied from the commit on; null leaves one as it is, an empty text takes apply_role, row_filter or data_collection away. A row filter that is changed does not look at rows that were filtered before. Errors: as cdc_table_add, and 42704 unknown topic';

CREATE FUNCTION standin.cdc_table_reset(source text, topic text, VARIADIC option text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF 'kind' = ANY (option) THEN
        RAISE EXCEPTION 'option "kind" cannot be changed' USING ERRCODE = 'feature_not_supported',
            HINT = 'Take the topic away with standin.cdc_table_remove and add it again; it starts at its beginning.';
    END IF;
    PERFORM standin_private.cdc_table_write(source, topic, standin_private.option_defaults('table', option));
END $$;
COMMENT ON FUNCTION standin.cdc_table_reset(text, text, text[]) IS 'brings options of cdc_table_add back to their defaults, those that have none to nothing. Errors: as cdc_table_alter, 42704 unknown option, 0A000 kind';

CREATE VIEW standin.cdc_columns AS
SELECT c.source, c.topic, t.target, CASE WHEN c.kind <> 'drop' THEN c.name END AS column_name, c.kind,
       CASE WHEN c.kind IN ('mask', 'hash') THEN coalesce(c.field, c.name::text) WHEN c.kind = 'drop' THEN c.name::text ELSE c.field END AS field,
       c.argument, c.kind IN ('mask', 'hash', 'drop') AS confidential
FROM standin_private.cdc_column c JOIN standin_private.cdc_table t USING (source, topic);
COMMENT ON VIEW standin.cdc_columns IS 'columns of targets that do not simply take the event''s field of their name, and fields that are stored nowhere; confidential: the field''s value appears in the clear in no table, dead letter, error, view or log';
