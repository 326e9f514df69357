CREATE FUNCTION standin.transaction_submit(core text, operation text, key text, payload jsonb,
    OUT ticket bigint, OUT status text, OUT code text, OUT message text)
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_transaction_submit';
COMMENT ON FUNCTION standin.transaction_submit IS 'takes a transaction inside the caller''s own, in every mode; it goes to the core after the commit, in its account''s order. key: idempotency key, unique in the caller''s channel of the core (see standin.operation_grant); with the channel 1 to 255 bytes. Returns ticket, status (accepted, declined), ISO 8583 code (09 processing, 14 no such account, 51 insufficient funds, 57 not permitted, 61 over a limit, 91 too many wait, or the balance is unknown) and a message for the customer. The manual lists all codes. The same key and payload again return the first answer. Errors: SI001 key used with another payload, or for the same transaction in another channel; 42501 operation not granted; 42725 granted with several channels; 42704 unknown core or operation; 22023 malformed payload; at commit 40001 the core''s mode changed: retry; 40P01 two transactions took the same accounts in another order: retry, 40001 under a transaction''s snapshot: retry';

CREATE PROCEDURE standin.transaction_execute(core text, operation text, key text, payload jsonb,
    INOUT ticket bigint DEFAULT NULL, INOUT status text DEFAULT NULL, INOUT code text DEFAULT NULL, INOUT message text DEFAULT NULL)
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_transaction_execute';
COMMENT ON PROCEDURE standin.transaction_execute IS 'like transaction_submit, but commits the intent, posts it while the core is online and the account has no backlog, and returns the core''s answer (posted, rejected); accepted and "processing" otherwise, or when the answer stayed out. Errors: those of transaction_submit; 25001 inside a transaction block, 55000 this server may not speak to the core';

CREATE PROCEDURE standin.transaction_wait(ticket bigint, timeout interval,
    INOUT status text DEFAULT NULL, INOUT code text DEFAULT NULL, INOUT message text DEFAULT NULL)
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_transaction_wait';
COMMENT ON PROCEDURE standin.transaction_wait IS 'waits, holding no snapshot, until a transaction is decided or the time is over; call it outside a transaction block. Errors: 42704 unknown ticket, or one of a channel that is not the caller''s and the caller no operator, auditor or administrator; 22004 null; 25001 inside a transaction block';

CREATE FUNCTION standin.core_switch(core text, mode text, reason text, capability text DEFAULT NULL) RETURNS bigint
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_core_switch';
COMMENT ON FUNCTION standin.core_switch IS 'sets the mode of a core, or of one capability of it: forced_stand_in, forced_online, online, stand_in. Takes effect at commit, audited in standin.core_mode_changes; returns the highest new epoch. Errors: 42704 unknown core or capability, 22023 unknown mode or no reason';

-- Its body is bound when it is created, so it needs no search_path, and is put into the query that calls it.
CREATE FUNCTION standin_private.state_message(state text, promised boolean, message text) RETURNS text
    LANGUAGE sql IMMUTABLE
RETURN CASE
    WHEN state IN ('accepted', 'in_flight', 'retry_wait', 'unknown') THEN 'processing'
    WHEN state IN ('posted', 'reconciled') THEN 'done'
    WHEN state = 'repair' OR (state = 'rejected' AND promised) THEN 'being checked'
    WHEN state = 'compensated' THEN 'reversed'
    WHEN state IN ('cancelled', 'expired') THEN state
    ELSE coalesce(message, state) END;
COMMENT ON FUNCTION standin_private.state_message IS 'what a customer is told about a state';

CREATE FUNCTION standin.transaction_status(core text, key text,
    OUT ticket bigint, OUT status text, OUT message text, OUT account text, OUT amount numeric, OUT operation text,
    OUT reference text, OUT accepted_at timestamptz, OUT changed_at timestamptz) RETURNS SETOF record
    LANGUAGE c STABLE AS 'MODULE_PATHNAME', 'standin_transaction_status';
COMMENT ON FUNCTION standin.transaction_status IS 'where the transaction with this key stands, with a message for the customer: of the caller''s own channels, or with the key as the core sees it for operators, auditors and administrators; no row if there is none';

CREATE FUNCTION standin.repair_resolve(ticket bigint, resolution text, reason text) RETURNS text
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    item standin_private.pending_transaction;
    target text;
BEGIN
    PERFORM standin_private.caller();
    IF resolution IS NULL OR resolution NOT IN ('retry', 'compensated', 'cancelled') THEN
        RAISE EXCEPTION 'resolution "%" is not known', resolution USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Use retry, compensated or cancelled.';
    END IF;
    IF coalesce(reason, '') = '' THEN
        RAISE EXCEPTION 'a repair needs a reason' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- The account's row first, as everywhere.
    PERFORM FROM standin_private.account a JOIN standin_private.pending_transaction p USING (core, account)
    WHERE p.ticket = repair_resolve.ticket FOR UPDATE OF a;
    SELECT * INTO item FROM standin_private.pending_transaction p WHERE p.ticket = repair_resolve.ticket FOR UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'ticket % does not exist', repair_resolve.ticket USING ERRCODE = 'undefined_object';
    END IF;
    IF NOT (item.state = 'repair' OR (item.state = 'rejected' AND item.promised)
            OR (item.state IN ('accepted', 'retry_wait') AND resolution = 'cancelled')) THEN
        RAISE EXCEPTION 'ticket % is % and cannot be resolved as %', item.ticket, item.state, resolution
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'Transactions in repair or rejected can be resolved; one that was not sent can be cancelled.';
    END IF;
    IF EXISTS (SELECT FROM standin_private.confirmation c WHERE (c.core, c.account, c.ticket) = (item.core, item.account, item.ticket)) THEN
        RAISE EXCEPTION 'ticket % was booked by the core a moment ago', item.ticket
            USING ERRCODE = 'object_not_in_prerequisite_state', HINT = 'It is about to become reconciled. See standin.transactions.';
    END IF;
    IF resolution = 'retry' AND EXISTS (SELECT FROM standin_private.core_event e WHERE (e.core, e.key) = (item.core, item.key)) THEN
        RAISE EXCEPTION 'ticket % was booked by the core, and is not sent again', item.ticket
            USING ERRCODE = 'object_not_in_prerequisite_state',
                  HINT = 'See standin.reconciliation_differences, and settle it with standin.difference_settle.';
    END IF;
    target := CASE resolution WHEN 'retry' THEN 'accepted' ELSE resolution END;
    IF item.state = 'rejected' AND resolution = 'retry' THEN
        UPDATE standin_private.pending_transaction p SET state = 'repair' WHERE p.ticket = item.ticket AND p.account = item.account;
    END IF;
    UPDATE standin_private.pending_transaction p
    SET state = target, hold = CASE resolution WHEN 'retry' THEN p.hold ELSE 0 END, attempts = 0, due_at = NULL,
        changed_at = standin_private.clock_now()
    WHERE p.ticket = item.ticket AND p.account = item.account;
    IF resolution <> 'retry' AND item.hold > 0 THEN
        UPDATE standin_private.account a SET held = a.held - item.hold WHERE a.core = item.core AND a.account = item.account;
    END IF;
    INSERT INTO standin_private.repair (ticket, account, core, key, resolution, reason, state_before, repaired_at)
    VALUES (item.ticket, item.account, item.core, item.key, resolution, reason, item.state, standin_private.clock_now());
    PERFORM standin_private.wake('replay');
    PERFORM standin_private.wake('ticket');
    RETURN target;
END $$;
COMMENT ON FUNCTION standin.repair_resolve IS 'a person''s decision about a transaction in state repair: ''retry'' (send it again), ''compensated'' (reversed by another entry) or ''cancelled''; audited in standin.repairs. Returns the new state. Errors: 22023 unknown resolution or no reason, 42704 unknown ticket, 55000 not in repair, or a retry of what the core has booked';
