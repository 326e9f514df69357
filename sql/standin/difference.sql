-- What a person may say about a difference: that the core's booking stands as it is.
CREATE FUNCTION standin_private.difference_find(ticket bigint) RETURNS standin_private.pending_transaction
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    item standin_private.pending_transaction;
    before standin_private.difference;
BEGIN
    -- The account's row first, as everywhere.
    PERFORM FROM standin_private.account a JOIN standin_private.pending_transaction p USING (core, account)
    WHERE p.ticket = difference_find.ticket FOR UPDATE OF a;
    SELECT * INTO item FROM standin_private.pending_transaction p WHERE p.ticket = difference_find.ticket FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ticket % does not exist', difference_find.ticket USING ERRCODE = 'undefined_object';
    END IF;
    SELECT * INTO before FROM standin_private.difference d WHERE (d.ticket, d.account) = (item.ticket, item.account);
    IF FOUND THEN
        RAISE EXCEPTION 'the difference of ticket % is settled', item.ticket USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = format('By %s at %s: %s', before.settled_by, before.settled_at, before.reason);
    ELSIF NOT EXISTS (SELECT FROM standin.reconciliation_differences d WHERE d.ticket = item.ticket) THEN
        RAISE EXCEPTION 'ticket % has no difference to settle', item.ticket USING ERRCODE = 'object_not_in_prerequisite_state',
            HINT = 'The view standin.reconciliation_differences lists them.';
    END IF;
    RETURN item;
END $$;
COMMENT ON FUNCTION standin_private.difference_find(bigint) IS 'the transaction with this ticket, its account locked; an error unless it has a difference that nobody settled';

CREATE FUNCTION standin.difference_settle(ticket bigint, reason text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    item standin_private.pending_transaction;
    now timestamptz := standin_private.clock_now();
    after text;
BEGIN
    PERFORM standin_private.caller(), standin_private.argument_require('ticket', difference_settle.ticket::text);
    IF coalesce(reason, '') = '' THEN
        RAISE EXCEPTION 'settling a difference needs a reason' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    item := standin_private.difference_find(difference_settle.ticket);
    INSERT INTO standin_private.difference (ticket, account, core, key, state_before, booked_account, booked_amount, reason, settled_at)
    SELECT item.ticket, item.account, item.core, item.key, item.state, e.booked_account, e.booked_amount, reason, now
    FROM standin_private.core_event e WHERE (e.core, e.key) = (item.core, item.key);
    IF item.state = 'rejected' AND item.promised THEN -- it is open: a person was to look at it
        UPDATE standin_private.pending_transaction p SET state = 'repair' WHERE (p.ticket, p.account) = (item.ticket, item.account);
        item.state := 'repair';
    END IF;
    -- What was settled here in another way stays so; the row above tells that the core has booked it.
    UPDATE standin_private.pending_transaction p SET state = 'reconciled', hold = 0, due_at = NULL, changed_at = now
    WHERE (p.ticket, p.account) = (item.ticket, item.account)
      AND item.state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'posted', 'repair') RETURNING p.state INTO after;
    IF FOUND AND item.hold > 0 THEN
        UPDATE standin_private.account a SET held = a.held - item.hold WHERE (a.core, a.account) = (item.core, item.account);
    END IF;
    PERFORM standin_private.wake('replay'), standin_private.wake('ticket');
    RETURN coalesce(after, item.state);
END $$;
COMMENT ON FUNCTION standin.difference_settle(bigint, text) IS 'a person''s word that what the core booked stands, though it is not what was promised: the transaction becomes reconciled and its hold goes; one that was declined, refused, cancelled or compensated here stays so. Who, when and why are kept in standin.reconciliation_differences; standin.conservation counts what the core booked, and balances. Returns the state. Errors: 22004 null, 22023 no reason, 42704 unknown ticket, 55000 no difference, or settled already';
