-- The core on the mainframe: other language, dates as text, a letter for yes and no, all kinds of accounts in one table.
SELECT standin.cdc_source_create('accounts', 'silos', decimal_handling_mode => 'string');
SELECT standin.cdc_pause('accounts', 'being set up');

SELECT standin.cdc_table_add('accounts', 'accounts.KUNDE', 'bian.party_reference_data_directory');
SELECT standin.cdc_column_map('accounts', 'accounts.KUNDE', 'silo', constant => 'accounts');
SELECT standin.cdc_column_map('accounts', 'accounts.KUNDE', 'party_reference', field => 'KUNDEN_NR');
SELECT standin.cdc_column_map('accounts', 'accounts.KUNDE', 'party_name', field => 'NAME');
SELECT standin.cdc_column_map('accounts', 'accounts.KUNDE', 'birth_date', expression => $$to_date(event->>'GEBURT', 'YYYYMMDD')$$);
SELECT standin.cdc_column_map('accounts', 'accounts.KUNDE', 'tax_identifier_key', field => 'STEUER_NR', hash => true);

-- Of all accounts only current ones ("G" for Giro); one that changes its kind leaves the table.
SELECT standin.cdc_table_add('accounts', 'accounts.KONTO', 'bian.current_account', row_filter => $$event->>'ART' = 'G'$$);
SELECT standin.cdc_column_map('accounts', 'accounts.KONTO', 'account_reference', field => 'KONTO_NR');
SELECT standin.cdc_column_map('accounts', 'accounts.KONTO', 'party_reference', field => 'KUNDEN_NR');
SELECT standin.cdc_column_map('accounts', 'accounts.KONTO', 'balance', field => 'SALDO');
SELECT standin.cdc_column_map('accounts', 'accounts.KONTO', 'currency', field => 'WAEHRUNG');
SELECT standin.cdc_column_map('accounts', 'accounts.KONTO', 'is_blocked', expression => $$event->>'GESPERRT' = 'J'$$);
SELECT standin.cdc_column_map('accounts', 'accounts.KONTO', 'as_of', metadata => 'source_ts');

SELECT standin.cdc_resume('accounts');
