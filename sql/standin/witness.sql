-- The witness: what a core keeps of this database, outside of it. The database makes claims, commits each, and only then tells
-- the core, which keeps the last one. So the newest copy of a database knows the claim that the core has; one that was made
-- earlier, or from which another copy parted, does not, whatever it did since.

CREATE FUNCTION standin_private.core_claim_make(core text, OUT instance text, OUT claim text)
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    -- What all copies of this database share, adopted or not: its first binding.
    SELECT i.id || '/' || core_claim_make.core INTO core_claim_make.instance FROM standin_private.instance i
    WHERE NOT EXISTS (SELECT FROM standin_private.instance r WHERE r.superseded_by = i.id) ORDER BY i.bound_at, i.id LIMIT 1;
    SELECT format('timeline %s, lsn %s, %s, %s', o.timeline, pg_current_wal_insert_lsn(),
                  to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), gen_random_uuid())
    INTO core_claim_make.claim FROM standin_private.instance_observed() o;
    INSERT INTO standin_private.core_claim (core, claim) VALUES (core_claim_make.core, core_claim_make.claim);
END $$;
COMMENT ON FUNCTION standin_private.core_claim_make IS 'a new claim for a core to keep; commit it before the core hears of it';

-- A core that went back itself, to its own standby say, has an earlier claim of ours: that is no sign of another copy.
CREATE FUNCTION standin_private.core_claim_answered(core text, claim text, standing text) RETURNS text
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    IF standing = core_claim_answered.claim THEN
        IF standin_private.core_witness_state(core_claim_answered.core) <> 'agreed' THEN
            PERFORM standin_private.wake('replay');
        END IF;
        INSERT INTO standin_private.core_witness AS w (core, agreed_at, server_started_at)
        VALUES (core_claim_answered.core, clock_timestamp(), pg_postmaster_start_time())
        ON CONFLICT (core) DO UPDATE SET (agreed_at, server_started_at) = (excluded.agreed_at, excluded.server_started_at);
        DELETE FROM standin_private.core_claim c
        WHERE c.core = core_claim_answered.core AND c.claim <> core_claim_answered.claim
          AND (c.claim = '*' OR c.made_at < clock_timestamp() - interval '1 hour');
        RETURN 'agreed';
    ELSIF EXISTS (SELECT FROM standin_private.core_claim c
                  WHERE c.core = core_claim_answered.core AND c.claim IN (core_claim_answered.standing, '*')) THEN
        RETURN 'ours';
    END IF;
    PERFORM standin_private.instance_doubt(format(
        'not the newest copy of this database: the last one that core "%s" heard of said "%s"', core_claim_answered.core, standing));
    RETURN 'another';
END $$;
COMMENT ON FUNCTION standin_private.core_claim_answered IS 'what it means that a core, told a claim, has the standing one: ''agreed'', ''ours'' (tell it again, in place of that one) or ''another'' (copy speaks to it: no worker runs here any more)';

CREATE FUNCTION standin_private.core_witness_adopt() RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO standin_private.core_claim (core, claim)
    SELECT c.core, '*' FROM standin_private.core c WHERE c.witness_function IS NOT NULL ON CONFLICT DO NOTHING
$$;
COMMENT ON FUNCTION standin_private.core_witness_adopt IS 'after an adoption each core''s next claim takes the place of whatever stands there';

-- Nothing is sent on the word of a witness that was heard before the server started, or that nobody has asked for long.
CREATE FUNCTION standin_private.core_witness_state(core text) RETURNS text
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT CASE WHEN c.witness_function IS NULL THEN 'none'
                WHEN standin_private.instance_doubted() IS NOT NULL THEN 'refused'
                WHEN w.server_started_at = pg_postmaster_start_time()
                     AND abs(extract(epoch FROM clock_timestamp() - w.agreed_at))
                         < greatest(30, 3 * extract(epoch FROM c.probe_interval + 2 * c.call_timeout)) THEN 'agreed'
                ELSE 'awaited' END
    FROM standin_private.core c LEFT JOIN standin_private.core_witness w USING (core) WHERE c.core = core_witness_state.core
$$;
COMMENT ON FUNCTION standin_private.core_witness_state IS 'none, agreed, awaited or refused, as standin.core_status shows it';

CREATE FUNCTION standin_private.core_witness_at(core text) RETURNS timestamptz
    LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT w.agreed_at FROM standin_private.core_witness w WHERE w.core = core_witness_at.core
$$;
COMMENT ON FUNCTION standin_private.core_witness_at IS 'when a core''s witness agreed last';
