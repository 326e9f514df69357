-- Who may come in: the data service layer (calls two functions), Debezium (reads four tables and the log stream).
create role bank_service login password :'service_password';
grant execute on function core_post, core_inquire, core_witness to bank_service;

create role debezium login replication password :'debezium_password';
grant select on pgbench_accounts, pgbench_branches, pgbench_tellers, pgbench_history to debezium;
create publication debezium for table pgbench_accounts, pgbench_branches, pgbench_tellers, pgbench_history;
