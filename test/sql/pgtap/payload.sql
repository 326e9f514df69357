-- Payloads as Open Banking and ISO 20022 write them: nested fields, amounts as texts, a currency; keys compare by value.
BEGIN;
SELECT plan(46);
CREATE SERVER p FOREIGN DATA WRAPPER standin_postgres OPTIONS (host '127.0.0.1', port '1');
SELECT standin.core_create('p', server => 'p');

-- Definitions
SELECT throws_ok($$ SELECT standin.core_alter('p', currency => 'euro') $$, '22023');
SELECT throws_ok($$ SELECT standin.operation_create('p', 'pay', currency_field => 'currency') $$, '22023', 'core "p" has no currency that field "currency" could be compared with');
SELECT standin.core_alter('p', currency => 'EUR');
SELECT throws_ok(format($$ SELECT standin.operation_create('p', 'pay', %I => %L) $$, field, path), '22023', format('"%s" is not a path to a field', path))
FROM unnest(ARRAY['account_field', 'amount_field', 'currency_field']) field, unnest(ARRAY['$.', '$.a..b', '$.a[0]', '$."a']) path;
SELECT throws_ok($$ SELECT standin.operation_create('p', 'pay', required => '{"$.a.": "string"}') $$, '22023');
SELECT lives_ok($$ SELECT standin.operation_create('p', 'pay', account_field => '$.debtorAccount.iban', amount_field => '$.instructedAmount.amount',
    currency_field => '$.instructedAmount.currency', required => '{"$.creditorAccount.iban": "string"}', standin_allowed => true, dedup => 'key') $$);
SELECT lives_ok($$ SELECT standin.operation_create('p', 'dotted', account_field => 'debtor.iban', standin_allowed => true) $$, 'a plain name may have dots');
SELECT throws_ok($$ SELECT standin.core_reset('p', 'currency') $$, '22023', 'operations of core "p" name a field that holds the currency');
SELECT is((SELECT currency FROM standin.cores WHERE core = 'p'), 'EUR');
SELECT is((SELECT currency_field FROM standin.operations WHERE (core, operation) = ('p', 'pay')), '$.instructedAmount.currency');

CREATE FUNCTION instruct(key text, amount jsonb, currency text DEFAULT 'EUR', iban text DEFAULT 'DE1', note jsonb DEFAULT '1') RETURNS text LANGUAGE sql AS $$
    SELECT status || ' ' || code FROM standin.transaction_submit('p', 'pay', key, jsonb_build_object('note', note,
        'debtorAccount', jsonb_build_object('iban', iban), 'creditorAccount', jsonb_build_object('iban', 'DE2'),
        'instructedAmount', jsonb_build_object('amount', amount, 'currency', currency))) $$;
SELECT standin.core_switch('p', 'forced_stand_in', 'a test');
SELECT is(instruct('text', '"165.80"'), 'accepted 09');
SELECT is((SELECT account || ' ' || amount || ' ' || hold FROM standin.transactions WHERE key = 'text'), 'DE1 165.80 165.80');
SELECT is(instruct('number', '165.88'), 'accepted 09');
SELECT throws_ok(format($$ SELECT instruct('bad', %L) $$, amount), '22023') FROM unnest(ARRAY['"12,50"', '"1e3"', '""', '" 1"', '"NaN"', '"-1"', '{}']) amount;
SELECT throws_ok($$ SELECT instruct('bad', '1', 'USD') $$, '22023', 'currency "USD" is not the core''s');
SELECT is_empty($$ SELECT * FROM standin.transactions WHERE key = 'bad' $$, 'nothing is left of what was refused');

-- A retry says the same by value.
SELECT is(instruct('text', amount), 'accepted 09', format('%s is the same amount', amount)) FROM unnest(ARRAY['"165.8"', '165.8', '165.800']::jsonb[]) amount;
SELECT is(instruct('number', '165.88', note => '1.00'), 'accepted 09', 'and so is another number of the payload');
SELECT throws_ok($$ SELECT instruct('text', '"165.81"') $$, 'SI001');
SELECT throws_ok($$ SELECT instruct('text', '"165.80"', note => '"1"') $$, 'SI001', NULL, 'what else is sent to the core counts');

-- A retry is answered though the operation takes no such payload any more.
SELECT standin.operation_alter('p', 'pay', required => '{"$.mandate": "string"}');
SELECT is(instruct('text', '"165.80"'), 'accepted 09', 'the first answer, whatever the format is now');
SELECT throws_ok($$ SELECT instruct('text', '"165.81"') $$, 'SI001', NULL, 'the key names another transaction');
SELECT throws_ok($$ SELECT instruct('never asked', '"165.80"') $$, '22023');
SELECT is((SELECT count(*) FROM standin.transactions WHERE key = 'text'), 1::bigint);
SELECT standin.operation_alter('p', 'pay', required => '{"$.creditorAccount.iban": "string"}');
CREATE TABLE numbered (id int PRIMARY KEY, amount numeric);
GRANT SELECT ON numbered TO standin_owner;
SELECT standin.balance_bind('p', 'numbered', 'id', 'amount');
SELECT is(instruct('text', '"165.80"'), 'accepted 09', 'nor the balances such an account');
SELECT throws_ok($$ SELECT instruct('never asked', '"165.80"') $$, '22023', 'account "DE1" cannot be one of table numbered');

-- Keys of releases up to 0.2.0, whose digest is over the payload's text
ALTER TABLE standin_private.transaction_key DISABLE TRIGGER append_only;
UPDATE standin_private.transaction_key k SET digest = sha256(convert_to(p.operation || E'\n' || p.payload::text, 'UTF8'))
FROM standin_private.pending_transaction p WHERE k.ticket = p.ticket AND k.key = 'text';
SELECT is(instruct('text', '"165.80"'), 'accepted 09', 'a key that an older release took');
SELECT is_empty('SELECT * FROM standin.conservation_faults');

SELECT * FROM finish();
ROLLBACK;
