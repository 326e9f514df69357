-- The card processor: amounts in cents, one-letter codes, card numbers everywhere.
-- A source is paused until all its columns are mapped: nothing is stored in the clear meanwhile.
SELECT standin.cdc_source_create('cards', 'silos');
SELECT standin.cdc_pause('cards', 'being set up');

SELECT standin.cdc_table_add('cards', 'cards.card_holder', 'bian.party_reference_data_directory');
SELECT standin.cdc_column_map('cards', 'cards.card_holder', 'silo', constant => 'cards');
SELECT standin.cdc_column_map('cards', 'cards.card_holder', 'party_reference', field => 'holder_no');
SELECT standin.cdc_column_map('cards', 'cards.card_holder', 'party_name', field => 'full_name');
SELECT standin.cdc_column_map('cards', 'cards.card_holder', 'birth_date', field => 'birth');
SELECT standin.cdc_column_map('cards', 'cards.card_holder', 'tax_identifier_key', field => 'tax_no', hash => true);

SELECT standin.cdc_table_add('cards', 'cards.card', 'bian.issued_device');
SELECT standin.cdc_column_map('cards', 'cards.card', 'device_key', field => 'pan', hash => true);
SELECT standin.cdc_column_map('cards', 'cards.card', 'device_number', field => 'pan', mask => 'first6last4');
SELECT standin.cdc_column_map('cards', 'cards.card', 'party_reference', field => 'holder_no');
SELECT standin.cdc_column_map('cards', 'cards.card', 'device_type',
    expression => $$CASE event->>'product' WHEN 'C' THEN 'credit' WHEN 'D' THEN 'debit' END$$);
SELECT standin.cdc_column_map('cards', 'cards.card', 'credit_limit', expression => $$(event->>'limit_cents')::numeric / 100$$);
SELECT standin.cdc_column_map('cards', 'cards.card', 'device_status',
    expression => $$CASE WHEN event->>'status' = 'A' THEN 'active' ELSE 'blocked' END$$);
SELECT standin.cdc_field_drop('cards', 'cards.card', 'cvv');

SELECT standin.cdc_table_add('cards', 'cards.auth', 'bian.card_transaction');
SELECT standin.cdc_column_map('cards', 'cards.auth', 'card_transaction_reference', field => 'auth_id');
SELECT standin.cdc_column_map('cards', 'cards.auth', 'device_key', field => 'pan', hash => true);
SELECT standin.cdc_column_map('cards', 'cards.auth', 'amount', expression => $$(event->>'amount_cents')::numeric / 100$$);
SELECT standin.cdc_column_map('cards', 'cards.auth', 'currency',
    expression => $$CASE event->>'ccy' WHEN '978' THEN 'EUR' WHEN '756' THEN 'CHF' WHEN '840' THEN 'USD' END$$);
SELECT standin.cdc_column_map('cards', 'cards.auth', 'authorised_at',
    expression => $$to_timestamp((event->>'ts')::numeric / 1000)$$);
SELECT standin.cdc_column_map('cards', 'cards.auth', 'transaction_status',
    expression => $$CASE WHEN event->>'answer' = '00' THEN 'approved' ELSE 'declined' END$$);

SELECT standin.cdc_resume('cards');
