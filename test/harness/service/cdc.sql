-- The service follows the core's tables. Variables: brokers, prefix (Debezium's topic.prefix).
create server kafka foreign data wrapper standin_kafka options ("bootstrap.servers" :'brokers');
select standin.cdc_source_create('core', 'kafka');
select standin.cdc_table_add('core', :'prefix' || '.public.' || name, name::regclass)
  from unnest(array['pgbench_branches', 'pgbench_tellers', 'pgbench_accounts', 'pgbench_history']) name;
