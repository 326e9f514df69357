-- The payment hub: ISO 20022's codes. Its orders are kept twice: as they are, and as they came to be.
SELECT standin.cdc_source_create('payments', 'silos', decimal_handling_mode => 'string');
SELECT standin.cdc_pause('payments', 'being set up');
SELECT standin.cdc_table_add('payments', 'payments.orders', 'bian.payment_order');
SELECT standin.cdc_column_map('payments', 'payments.orders', 'payment_order_reference', field => 'uetr');
SELECT standin.cdc_column_map('payments', 'payments.orders', 'debtor_account', field => 'dbtr_iban');
SELECT standin.cdc_column_map('payments', 'payments.orders', 'creditor_account', field => 'cdtr_iban');
SELECT standin.cdc_column_map('payments', 'payments.orders', 'currency', field => 'ccy');
SELECT standin.cdc_column_map('payments', 'payments.orders', 'payment_order_status',
    expression => $$CASE event->>'status' WHEN 'ACSC' THEN 'settled' WHEN 'RJCT' THEN 'rejected' ELSE 'pending' END$$);
SELECT standin.cdc_resume('payments');

SELECT standin.cdc_source_create('payments_history', 'silos', decimal_handling_mode => 'string');
SELECT standin.cdc_pause('payments_history', 'being set up');
SELECT standin.cdc_table_add('payments_history', 'payments.orders', 'bian.payment_order_history', kind => 'history');
SELECT standin.cdc_column_map('payments_history', 'payments.orders', 'topic', metadata => 'topic');
SELECT standin.cdc_column_map('payments_history', 'payments.orders', 'partition', metadata => 'partition');
SELECT standin.cdc_column_map('payments_history', 'payments.orders', 'record_offset', metadata => 'offset');
SELECT standin.cdc_column_map('payments_history', 'payments.orders', 'operation', metadata => 'op');
SELECT standin.cdc_column_map('payments_history', 'payments.orders', 'happened_at', metadata => 'source_ts');
SELECT standin.cdc_column_map('payments_history', 'payments.orders', 'payment_order_reference', field => 'uetr');
SELECT standin.cdc_column_map('payments_history', 'payments.orders', 'payment_order_status', field => 'status');
SELECT standin.cdc_resume('payments_history');
