-- What the service is told about the core: how to reach it, what may be asked of it, when to stand in.
-- Variables: core_port, service_password, replay_rate.
create server core_bank foreign data wrapper standin_postgres
    options (host '127.0.0.1', port :'core_port', dbname 'bank');
create user mapping for standin_owner server core_bank options (user 'bank_service', password :'service_password');

select standin.core_define('core', server => 'core_bank', probe_interval => '200 ms', rise => 2, fall => 3,
                           minimum_dwell => '1 s', call_timeout => '2 s', replay_rate => :replay_rate);
select standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');

-- Balances are read from the replicated accounts; a replicated history row that carries a key confirms that payment.
grant select on pgbench_accounts, pgbench_history to standin_owner;
select standin.balance_bind('core', 'pgbench_accounts', 'aid', 'abalance');
select standin.reconciliation_bind('core', 'pgbench_history', 'idempotency_key');

select standin.rule_define('core', 'per_transaction_limit', 500);
select standin.rule_define('core', 'cumulative_limit', 5000, "window" => 'episode');
select standin.rule_define('core', 'available_balance');

-- The bank's payment application.
create role payments login;
grant standin_app to payments;
select standin.operation_grant('core', 'payment', 'payments', channel => ''); -- the core sees its keys bare
