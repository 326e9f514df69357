-- Stand-in with commits: a core that is a set of functions of this database, the procedures, replay, repair, conservation.
SET client_min_messages = warning;
\set SHOW_CONTEXT never
ALTER SEQUENCE standin_private.ticket RESTART 1001;
CREATE ROLE bank_connector;
CREATE SCHEMA corebank;
GRANT USAGE ON SCHEMA corebank TO bank_connector;
CREATE TABLE corebank.booking (number serial PRIMARY KEY, key text UNIQUE, account text, amount numeric);
CREATE TABLE corebank.switch (how text);
INSERT INTO corebank.switch VALUES ('well');
GRANT SELECT, INSERT ON corebank.booking TO bank_connector;
GRANT USAGE ON SEQUENCE corebank.booking_number_seq TO bank_connector;
GRANT SELECT ON corebank.switch TO bank_connector;
-- How it behaves is told by a table: well, refuses, deaf (fails without a word), unreachable (fails before anything).
CREATE FUNCTION corebank.post(key text, operation text, payload jsonb, OUT status text, OUT reference text, OUT message text)
LANGUAGE plpgsql AS $$
#variable_conflict use_variable
DECLARE
    behaviour text := (SELECT how FROM corebank.switch);
BEGIN
    IF behaviour = 'unreachable' THEN
        RAISE EXCEPTION 'no line' USING ERRCODE = '08001';
    ELSIF behaviour = 'deaf' THEN
        RAISE EXCEPTION 'hung up';
    ELSIF behaviour = 'refuses' OR (payload ->> 'amount')::numeric > 1000 THEN
        status := 'rejected'; message := 'account closed';
        RETURN;
    END IF;
    INSERT INTO corebank.booking (key, account, amount) VALUES (key, payload ->> 'account', (payload ->> 'amount')::numeric)
    ON CONFLICT DO NOTHING;
    status := 'posted';
    reference := (SELECT 'R' || b.number FROM corebank.booking b WHERE b.key = post.key);
END $$;
CREATE FUNCTION corebank.inquire(key text, OUT status text, OUT reference text, OUT message text)
LANGUAGE sql AS $$
    SELECT coalesce(max('posted'), 'not_found'), max('R' || b.number), NULL FROM corebank.booking b WHERE b.key = inquire.key $$;
CREATE FUNCTION corebank.spy(key text, operation text, payload jsonb, OUT status text, OUT reference text, OUT message text)
LANGUAGE plpgsql AS $$
BEGIN
    status := 'rejected';
    message := session_user || ' ' || current_user;
    BEGIN
        RESET ROLE;
        message := message || ', reset to ' || current_user;
    EXCEPTION WHEN OTHERS THEN
        message := message || ', ' || sqlerrm;
    END;
    BEGIN
        PERFORM FROM standin_private.decision;
        message := message || ', read a private table';
    EXCEPTION WHEN OTHERS THEN
        message := message || ', ' || sqlerrm;
    END;
END $$;
-- Until a condition is true, within 20 seconds.
CREATE PROCEDURE await(what text) LANGUAGE plpgsql AS $$
DECLARE
    seen boolean;
BEGIN
    FOR i IN 1..2000 LOOP
        EXECUTE 'SELECT ' || what INTO seen;
        COMMIT;
        EXIT WHEN seen;
        PERFORM pg_sleep(0.01);
    END LOOP;
    IF seen IS NOT TRUE THEN
        RAISE EXCEPTION 'in vain: %', what;
    END IF;
END $$;

SELECT standin.core_define('fn', connector => 'function', connector_role => 'bank_connector', post_function => 'corebank.post',
                           inquire_function => 'corebank.inquire', probe_interval => '20 milliseconds', minimum_dwell => '0');
SELECT standin.operation_define('fn', 'pay', dedup => 'key', standin_allowed => true);
SELECT standin.operation_define('fn', 'cable', dedup => 'none', standin_allowed => true);
SELECT standin.operation_define('fn', 'fee', dedup => 'key', standin_allowed => true, on_reject => 'continue');

-- Online: the core's answer is the answer.
CALL standin.transaction_execute('fn', 'pay', 'x1', '{"account": "a", "amount": 10}');
CALL standin.transaction_execute('fn', 'pay', 'x1', '{"account": "a", "amount": 10}');
CALL standin.transaction_execute('fn', 'pay', 'x2', '{"account": "a", "amount": 2000}');
CALL standin.transaction_execute('fn', 'pay', 'x2', '{"account": "a", "amount": 2000}');
CALL standin.transaction_execute('fn', 'pay', 'x1', '{"account": "a", "amount": 11}');
CALL standin.transaction_execute('fn', 'nonsense', 'x3', '{}');
SELECT key, decision, code FROM standin.decisions WHERE core = 'fn' ORDER BY ticket, decision;
-- Inside a transaction somebody else opened it refuses, and says what to use.
BEGIN;
CALL standin.transaction_execute('fn', 'pay', 'x4', '{"account": "a", "amount": 1}');
ROLLBACK;
-- A DO block of its own is no transaction block.
DO $$ DECLARE t bigint; s text; c text; m text; BEGIN CALL standin.transaction_execute('fn', 'pay', 'x5', '{"account": "a", "amount": 1}', t, s, c, m); END $$;
SELECT status FROM standin.transaction_status('fn', 'x5');
BEGIN;
CALL standin.transaction_wait(1001, '1 second');
ROLLBACK;
CREATE FUNCTION inside() RETURNS void LANGUAGE plpgsql AS $$
DECLARE t bigint; s text; c text; m text;
BEGIN CALL standin.transaction_execute('fn', 'pay', 'x6', '{"account": "a", "amount": 1}', t, s, c, m); END $$;
SELECT inside();

-- Asynchronous: inside the caller's transaction, sent after its commit only.
BEGIN;
SELECT status, code, message FROM standin.transaction_submit('fn', 'pay', 's0', '{"account": "a", "amount": 1}');
ROLLBACK;
SELECT count(*) FROM standin.transaction_status('fn', 's0');
SELECT ticket AS s1, status, code, message FROM standin.transaction_submit('fn', 'pay', 's1', '{"account": "a", "amount": 20}') \gset
CALL standin.transaction_wait(:s1, '20 seconds');
SELECT status, message, account, amount, reference FROM standin.transaction_status('fn', 's1');
CALL standin.transaction_wait(999999, '1 second');
-- A decision cannot be prepared.
BEGIN;
SELECT status FROM standin.transaction_submit('fn', 'pay', 's2', '{"account": "a", "amount": 1}');
PREPARE TRANSACTION 'decided';
BEGIN;
SELECT standin.core_switch('fn', 'forced_stand_in', 'prepared?') > 0;
PREPARE TRANSACTION 'switched';

-- An operator's stand-in: accepted, in order, nothing sent; then the core refuses one of them.
SELECT standin.core_switch('fn', 'forced_stand_in', 'a test');
CALL standin.transaction_execute('fn', 'pay', 'f1', '{"account": "a", "amount": 30}');
SELECT status, message FROM standin.transaction_submit('fn', 'pay', 'f2', '{"account": "a", "amount": 3000}');
SELECT status, message FROM standin.transaction_submit('fn', 'pay', 'f3', '{"account": "a", "amount": 31}');
SELECT status, message FROM standin.transaction_submit('fn', 'fee', 'g1', '{"account": "b", "amount": 3000}');
SELECT status, message FROM standin.transaction_submit('fn', 'fee', 'g2', '{"account": "b", "amount": 32}');
SELECT accepted, posted, open, refused, balanced FROM standin.conservation WHERE core = 'fn';
SELECT standin.core_switch('fn', 'recovering', 'end of the test') > 0 AS switched;
CALL await($$(SELECT count(*) = 2 FROM standin.transactions WHERE key IN ('f2', 'g1') AND state IN ('repair', 'rejected')) AND
             (SELECT state = 'posted' FROM standin.transactions WHERE key = 'g2')$$);
SELECT key, state, message, hold FROM standin.transactions WHERE key ~ '^[fg]' ORDER BY key;
-- The poisoned account waits for a person, other accounts do not, and the mode is online again.
CALL await($$(SELECT mode = 'online' FROM standin.core_status WHERE core = 'fn')$$);
CALL standin.transaction_execute('fn', 'pay', 'f4', '{"account": "a", "amount": 33}');
CALL standin.transaction_execute('fn', 'pay', 'g3', '{"account": "b", "amount": 34}');
SELECT standin.repair_resolve((SELECT ticket FROM standin.transactions WHERE key = 'f2'), 'forget', 'r');
SELECT standin.repair_resolve((SELECT ticket FROM standin.transactions WHERE key = 'f2'), 'cancelled', '');
SELECT standin.repair_resolve((SELECT ticket FROM standin.transactions WHERE key = 'f2'), 'compensated', 'paid back by hand');
SELECT standin.repair_resolve((SELECT ticket FROM standin.transactions WHERE key = 'g1'), 'cancelled', 'waived');
SELECT standin.repair_resolve(-1, 'retry', 'r');
CALL await($$(SELECT state = 'posted' FROM standin.transactions WHERE key = 'f4')$$);
SELECT key, account, amount FROM corebank.booking ORDER BY number;
SELECT key, resolution, reason, state_before FROM standin.repairs WHERE core = 'fn' ORDER BY key;
SELECT accepted, posted, compensated, cancelled, open, refused, accepted_amount, balanced FROM standin.conservation WHERE core = 'fn';

-- Silence is unknown: inquired about where the core deduplicates, a person's business where it does not.
UPDATE corebank.switch SET how = 'deaf';
CALL standin.transaction_execute('fn', 'pay', 'u1', '{"account": "u", "amount": 40}');
CALL standin.transaction_execute('fn', 'cable', 'u2', '{"account": "v", "amount": 41}');
CALL await($$(SELECT state = 'repair' FROM standin.transactions WHERE key = 'u2')$$);
UPDATE corebank.switch SET how = 'well';
CALL await($$(SELECT state = 'posted' FROM standin.transactions WHERE key = 'u1')$$);
SELECT DISTINCT outcome, call FROM standin_private.core_answer WHERE key = 'u1' ORDER BY 1;
SELECT count(*) AS never_sent_again FROM standin_private.core_answer WHERE key = 'u2';
-- What surely was not delivered spends no attempts, and counts as failed probes: the mode falls.
UPDATE corebank.switch SET how = 'unreachable';
CALL standin.transaction_execute('fn', 'pay', 'd1', '{"account": "d", "amount": 50}');
SELECT attempts FROM standin.transactions WHERE key = 'd1';
UPDATE corebank.switch SET how = 'well';
CALL await($$(SELECT state = 'posted' FROM standin.transactions WHERE key = 'd1')$$);

-- The connector's function is not the product: it runs as its role, cannot become another, and reads nothing private.
SELECT standin.core_define('spied', connector => 'function', connector_role => 'bank_connector', post_function => 'corebank.spy',
                           inquire_function => 'corebank.inquire');
SELECT standin.operation_define('spied', 'pay', dedup => 'key');
CALL standin.transaction_execute('spied', 'pay', 'spy', '{"account": "s", "amount": 1}');

-- Conservation: whatever is taken away or altered in one place shows.
CREATE FUNCTION shows(tampering text) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    balanced boolean;
    touched bigint;
BEGIN
    BEGIN
        EXECUTE tampering;
        GET DIAGNOSTICS touched = ROW_COUNT;
        SELECT c.balanced INTO balanced FROM standin.conservation c WHERE c.core = 'fn';
        RAISE EXCEPTION 'undo';
    EXCEPTION WHEN raise_exception THEN
        RETURN touched > 0 AND NOT balanced;
    END;
END $$;
SELECT balanced FROM standin.conservation WHERE core = 'fn';
ALTER TABLE standin_private.decision DISABLE TRIGGER ALL;
ALTER TABLE standin_private.core_answer DISABLE TRIGGER ALL;
ALTER TABLE standin_private.repair DISABLE TRIGGER ALL;
ALTER TABLE standin_private.pending_transaction DISABLE TRIGGER ALL;
ALTER TABLE standin_private.transaction_key DISABLE TRIGGER ALL;
SELECT t.tampering, shows(t.tampering)
FROM (VALUES
    ($$DELETE FROM standin_private.decision WHERE key = 'f1'$$),
    ($$DELETE FROM standin_private.decision WHERE key = 'x2' AND decision = 'refused'$$),
    ($$DELETE FROM standin_private.pending_transaction WHERE key = 'f1'$$),
    ($$DELETE FROM standin_private.pending_transaction WHERE key = 'u2'$$),
    ($$DELETE FROM standin_private.transaction_key WHERE key = 'f1'$$),
    ($$DELETE FROM standin_private.core_answer WHERE key = 'f1'$$),
    ($$DELETE FROM standin_private.core_answer WHERE key = 'u1' AND outcome = 'unknown'$$),
    ($$DELETE FROM standin_private.core_answer WHERE key = 'f2'$$),
    ($$DELETE FROM standin_private.repair WHERE key = 'f2'$$),
    ($$UPDATE standin_private.decision SET amount = amount + 1 WHERE key = 'f1'$$),
    ($$UPDATE standin_private.decision SET decision = 'declined' WHERE key = 'f1'$$),
    ($$UPDATE standin_private.decision SET key = 'f0' WHERE key = 'f1'$$),
    ($$UPDATE standin_private.pending_transaction SET amount = amount + 1 WHERE key = 'f1'$$),
    ($$UPDATE standin_private.pending_transaction SET payload = '{"account": "mine", "amount": 30}' WHERE key = 'f1'$$),
    ($$UPDATE standin_private.pending_transaction SET state = 'accepted' WHERE key = 'f1'$$),
    ($$UPDATE standin_private.pending_transaction SET state = 'posted' WHERE key = 'u2'$$),
    ($$UPDATE standin_private.pending_transaction SET state = 'cancelled' WHERE key = 'f1'$$),
    ($$UPDATE standin_private.core_answer SET outcome = 'rejected' WHERE key = 'f1'$$),
    ($$UPDATE standin_private.core_answer SET outcome = 'posted' WHERE key = 'u2'$$),
    ($$UPDATE standin_private.core_answer SET amount = 1 WHERE key = 'f1'$$),
    ($$UPDATE standin_private.core_answer SET reference = 'R999' WHERE key = 'f1'$$),
    ($$UPDATE standin_private.repair SET resolution = 'cancelled' WHERE key = 'f2'$$),
    ($$UPDATE standin_private.account SET held = held + 1 WHERE core = 'fn' AND account = 'v'$$),
    ($$DELETE FROM standin_private.account WHERE core = 'fn' AND account = 'v'$$),
    -- Two rows of equal amount swapped: every total stays what it was.
    ($$UPDATE standin_private.decision SET ticket = CASE key WHEN 'f1' THEN (SELECT ticket FROM standin_private.transaction_key WHERE key = 'f3') + 100000
                                                     ELSE (SELECT ticket FROM standin_private.transaction_key WHERE key = 'f1') + 100000 END
       WHERE key IN ('f1', 'f3')$$)
) t (tampering);
ALTER TABLE standin_private.decision ENABLE TRIGGER ALL;
ALTER TABLE standin_private.core_answer ENABLE TRIGGER ALL;
ALTER TABLE standin_private.repair ENABLE TRIGGER ALL;
ALTER TABLE standin_private.pending_transaction ENABLE TRIGGER ALL;
ALTER TABLE standin_private.transaction_key ENABLE TRIGGER ALL;
SELECT balanced FROM standin.conservation WHERE core = 'fn';
SELECT standin.core_define('fn', connector => 'function', connector_role => 'bank_connector', post_function => 'corebank.post',
                           inquire_function => 'corebank.inquire', probe_interval => '1 hour');
DROP PROCEDURE await;
DROP FUNCTION shows, inside;
