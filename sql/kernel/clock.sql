-- Where order is meant it is by sequence. But leases, retries and dwells end at a time, and a clock that is put back by a day
-- would hold them up for a day.
CREATE TABLE standin_private.clock_mark (
    single boolean PRIMARY KEY DEFAULT true CHECK (single),
    highest timestamptz NOT NULL,
    put_back_at timestamptz,
    put_back_by interval,
    CHECK ((put_back_at IS NULL) = (put_back_by IS NULL))
);
COMMENT ON TABLE standin_private.clock_mark IS 'the latest time that the supervisor has seen, to the minute, and when the clock went back last; of one server, so no dump has it; kept whole';

CREATE FUNCTION standin_private.clock_shift(step interval) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present timestamptz := standin_private.clock_now();
BEGIN
    UPDATE standin_private.workflow_task t SET available_at = t.available_at - step, claimed_at = t.claimed_at - step
     WHERE t.workflow_id IN (SELECT workflow_id FROM standin_private.workflow_task
                              WHERE form = 'external' AND claimed_at > present FOR UPDATE SKIP LOCKED);
    UPDATE standin_private.pending_transaction p SET due_at = p.due_at - step, sent_at = p.sent_at - step
     WHERE (p.ticket, p.account) IN (SELECT ticket, account FROM standin_private.pending_transaction
                                      WHERE state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')
                                        AND (due_at > present OR sent_at > present) FOR UPDATE SKIP LOCKED);
    UPDATE standin_private.core_mode m SET since = least(m.since, present), probed_at = least(m.probed_at, present)
     WHERE (m.core, m.capability) IN (SELECT core, capability FROM standin_private.core_mode
                                       WHERE since > present OR probed_at > present FOR UPDATE SKIP LOCKED);
    UPDATE standin_private.schedule s SET due_at = present -- for the scheduler to find the time of the next try, or tick
     WHERE s.schedule IN (SELECT schedule FROM standin_private.schedule WHERE due_at > present FOR NO KEY UPDATE SKIP LOCKED);
    PERFORM standin_private.wake('replay'), standin_private.wake('prober'), standin_private.wake('claim'), standin_private.wake('schedule');
END $$;
COMMENT ON FUNCTION standin_private.clock_shift(interval) IS 'after the clock was put back: what ends at a time ends as much earlier. Waits for nobody';

CREATE FUNCTION standin_private.clock_watch() RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    present timestamptz := standin_private.clock_now();
    mark standin_private.clock_mark;
BEGIN
    SELECT * INTO mark FROM standin_private.clock_mark;
    IF mark.highest IS NULL THEN
        INSERT INTO standin_private.clock_mark (highest) VALUES (present) ON CONFLICT DO NOTHING;
    ELSIF present < mark.highest - interval '1 min' THEN
        mark.put_back_by := mark.highest - present;
        UPDATE standin_private.clock_mark SET highest = present, put_back_at = present, put_back_by = mark.put_back_by;
        PERFORM standin_private.clock_shift(mark.put_back_by);
        PERFORM standin_private.log_at_commit(format('pg_standin finds the clock put back by %s: before, it was %s', mark.put_back_by, mark.highest));
    ELSIF present > mark.highest + interval '1 min' THEN
        UPDATE standin_private.clock_mark SET highest = present;
    END IF;
    RETURN standin_private.clock_put_back();
END $$;
COMMENT ON FUNCTION standin_private.clock_watch() IS 'the supervisor''s look at the clock, once a minute or more often; returns what clock_put_back does';

CREATE FUNCTION standin_private.clock_put_back() RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT format('the clock was put back by %s at %s', c.put_back_by, c.put_back_at) FROM standin_private.clock_mark c
    WHERE standin_private.clock_now() BETWEEN c.put_back_at AND c.put_back_at + interval '1 day'
$$;
COMMENT ON FUNCTION standin_private.clock_put_back() IS 'that the clock was put back within the last day, or null';
