-- Options of sources, tables, cores, operations, rules and capabilities: one way to check, write, reset and show them. Each room
-- lists its own in a view of the columns of standin_private.option; an option is a column of the object's table.

CREATE FUNCTION standin_private.value_require(name text, value text, VARIADIC allowed text[]) RETURNS void
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF NOT coalesce(value = ANY (allowed), false) THEN
        RAISE EXCEPTION 'invalid value for option "%": %', name, coalesce('"' || value || '"', 'null') USING ERRCODE = 'invalid_parameter_value',
            HINT = format('It is one of: %s.', array_to_string(allowed, ', '));
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.value_require(text, text, text[]) IS 'raises 22023 if an argument has none of the values that it may have';

CREATE FUNCTION standin_private.option_within(value text, type text, allowed text) RETURNS boolean
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    lowest text := btrim(split_part(allowed, '..', 1));
    highest text := btrim(split_part(allowed, '..', 2));
    within boolean;
BEGIN
    EXECUTE format('SELECT $1::%1$s >= $2::%1$s AND ($3 = '''' OR $1::%1$s <= nullif($3, '''')::%1$s)', type)
    INTO within USING value, lowest, highest;
    RETURN within AND lower(value) NOT IN ('nan', 'infinity');
END $$;
COMMENT ON FUNCTION standin_private.option_within(text, text, text) IS 'whether a value is in the range "lowest .. highest", or "lowest .."';

CREATE FUNCTION standin_private.option_check(object text, given jsonb) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    o record;
BEGIN
    FOR o IN SELECT g.key, g.value #>> '{}' AS value, c.*
             FROM jsonb_each(given) g LEFT JOIN standin_private.option c ON c.object = option_check.object AND c.name = g.key LOOP
        IF o.name IS NULL THEN
            RAISE EXCEPTION 'unrecognized option "%"', o.key USING ERRCODE = 'undefined_object',
                HINT = format('It is one of: %s.', (SELECT string_agg(c.name, ', ' ORDER BY c.name) FROM standin_private.option c
                                                    WHERE c.object = option_check.object));
        ELSIF NOT (CASE WHEN o.value IS NULL THEN o.nullable
                       WHEN o.allowed IS NULL THEN true
                       WHEN o.allowed LIKE '~ %' THEN o.value ~ substr(o.allowed, 3)
                       WHEN o.allowed LIKE '%..%' THEN standin_private.option_within(o.value, o.type, o.allowed)
                       ELSE o.value = ANY (string_to_array(o.allowed, ' | ')) END) THEN
            RAISE EXCEPTION 'invalid value for option "%": %', o.name, coalesce('"' || o.value || '"', 'null') USING ERRCODE = 'invalid_parameter_value',
                HINT = CASE WHEN o.allowed IS NULL THEN format('It is a value of type %s.', o.type)
                            WHEN o.allowed = '~ .' THEN 'It is not empty.'
                            WHEN o.allowed LIKE '~ %' THEN format('It matches %s.', substr(o.allowed, 3))
                            WHEN o.allowed LIKE '%.. _%' THEN format('It is %s.', replace(o.allowed, '..', 'to'))
                            WHEN o.allowed LIKE '%..' THEN format('It is at least %s.', btrim(replace(o.allowed, '..', '')))
                            ELSE format('It is one of: %s.', replace(o.allowed, ' | ', ', ')) END;
        END IF;
    END LOOP;
END $$;
COMMENT ON FUNCTION standin_private.option_check(text, jsonb) IS 'raises 22023 for an option out of its range, 42704 for one that does not exist, with a hint of what is allowed';

CREATE FUNCTION standin_private.option_given(arguments jsonb) RETURNS jsonb
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(a.key, a.value), '{}') FROM jsonb_each(arguments) a WHERE a.value <> 'null'
$$;
COMMENT ON FUNCTION standin_private.option_given(jsonb) IS 'without the arguments that are null: they were not given';

CREATE FUNCTION standin_private.option_defaults(object text, option text[]) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
    SELECT coalesce(jsonb_object_agg(coalesce(n.name, ''), CASE o.type WHEN 'jsonb' THEN o.default_value::jsonb ELSE to_jsonb(o.default_value) END), '{}')
    FROM unnest(option) n (name) LEFT JOIN standin_private.option o ON o.object = option_defaults.object AND o.name = n.name
$$;
COMMENT ON FUNCTION standin_private.option_defaults(text, text[]) IS 'the defaults of these options; null where there is none, or no such option';

-- The table's function ..._validate looks at the row as it is to be: options that contradict each other, and what they name.
CREATE FUNCTION standin_private.option_write(object text, key jsonb, given jsonb, make boolean, noted jsonb DEFAULT '{}') RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kept standin_private.option_object;
    place text := (SELECT string_agg(format('t.%I = %L', k.key, k.value), ' AND ') FROM jsonb_each_text(key) k);
    label text;
    present boolean;
    columns text;
    written bigint;
BEGIN
    SELECT * INTO kept FROM standin_private.option_object o WHERE o.object = option_write.object;
    label := format('%s "%s"', object, (SELECT string_agg(key ->> k.name, ' ' ORDER BY k.n) FROM unnest(kept.key) WITH ORDINALITY k (name, n)));
    EXECUTE format('SELECT true FROM standin_private.%I t WHERE %s FOR NO KEY UPDATE', kept.relation, place) INTO present;
    IF make AND present THEN
        RAISE EXCEPTION '% already exists', label USING ERRCODE = 'duplicate_object', HINT = format('Change it with standin.%s_alter.', kept.relation);
    ELSIF NOT make AND present IS NULL THEN
        RAISE EXCEPTION '% does not exist', label USING ERRCODE = 'undefined_object', HINT = 'The view standin.options lists what exists.';
    ELSIF present IS NULL THEN
        given := standin_private.option_defaults(object, ARRAY(SELECT o.name FROM standin_private.option o WHERE o.object = option_write.object)) || given;
    END IF;
    given := (SELECT coalesce(jsonb_object_agg(g.key, CASE WHEN g.value = '""' AND o.nullable THEN 'null' ELSE g.value END), '{}')
              FROM jsonb_each(given) g LEFT JOIN standin_private.option o ON o.object = option_write.object AND o.name = g.key);
    PERFORM standin_private.option_check(object, given);
    given := given || key || noted;
    EXECUTE format('SELECT standin_private.%I(n) FROM ', kept.relation || '_validate')
            || CASE WHEN present THEN format('standin_private.%I t, jsonb_populate_record(t, $1) n WHERE %s', kept.relation, place)
                    ELSE format('jsonb_populate_record(NULL::standin_private.%I, $1) n', kept.relation) END USING given;
    SELECT string_agg(quote_ident(k), ', ') INTO columns FROM jsonb_object_keys(given) k;
    EXECUTE format(CASE WHEN present THEN 'UPDATE standin_private.%1$I t SET (%2$s) = (SELECT %2$s FROM jsonb_populate_record(t, $1)) WHERE %3$s'
                        ELSE 'INSERT INTO standin_private.%1$I (%2$s) SELECT %2$s FROM jsonb_populate_record(NULL::standin_private.%1$I, $1) ON CONFLICT DO NOTHING'
                   END, kept.relation, columns, place) USING given;
    GET DIAGNOSTICS written = ROW_COUNT;
    IF written = 0 THEN -- another session was faster
        RAISE EXCEPTION '% already exists', label USING ERRCODE = 'duplicate_object';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.option_write(text, jsonb, jsonb, boolean, jsonb) IS 'makes an object (make), alters it (not make), or whichever is right (null): checks what is given, then the whole row, and writes it. A given null, or an empty text where nothing is allowed, takes an option away; noted are columns that are no options. Errors: 42710 exists, 42704 does not, or an unknown option, 22023 an option out of range';
