"""A core and a service with stand-in, for the tests of this room; a core that can be told whose payments fail, and how."""

import contextlib

from harness.await_ import await_

SUBMIT = "select ticket, status from standin.transaction_submit('core', 'payment', %s, %s)"
EXECUTE = "call standin.transaction_execute('core', 'payment', %s, %s)"
MODE = "select mode from standin.core_status where core = 'core'"

# What goes wrong with an account's payments: a SQLSTATE to raise, or "refused".
CORE = """
create table trouble (account int primary key, how text not null);
create function troubled_post(key text, operation text, payload jsonb, out status text, out reference text, out message text)
language plpgsql security definer set search_path = public, pg_temp as $$
declare
    wrong text := (select how from trouble where account = (payload ->> 'account')::int);
begin
    if wrong = 'refused' then
        status := 'rejected';
        message := 'refused';
        return;
    elsif wrong = 'slow' then
        perform pg_sleep(60);
    elsif wrong is not null then
        raise exception 'trouble' using errcode = wrong;
    end if;
    insert into core_log (idempotency_key, operation, account, amount)
    select key, operation, (payload ->> 'account')::int, (payload ->> 'amount')::numeric
    where not exists (select from core_log l where l.idempotency_key = key)
    returning 'CORE-' || sequence into reference;
    status := 'posted';
end $$;
grant execute on function troubled_post to bank_service;
"""
SERVICE = """
create server core_bank foreign data wrapper standin_postgres options (host '127.0.0.1', port '{port}', dbname 'bank');
create user mapping for standin_owner server core_bank options (user 'bank_service', password '{password}');
select standin.core_define('core', server => 'core_bank', post_function => 'troubled_post', probe_interval => '100 ms', rise => 2,
                           fall => 3, minimum_dwell => '200 ms', call_timeout => '1 s', replay_rate => 100000, attempts_maximum => 3);
select standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
create role app login;
grant standin_app to app;
select standin.operation_grant('core', '*', 'app', channel => '');
create table history (key text primary key, account text);
grant select on history to standin_owner;
select standin.reconciliation_bind('core', 'history', 'key');
create function confirm(regclass, text) returns void language c as '$libdir/pg_standin', 'standin_test_confirm';
"""


def payload(account, amount=1):
    return f'{{"account": {account}, "amount": {amount}}}'


class Bank:
    def __init__(self, environment, settings=None):
        self.environment = environment
        self.core = environment.start_core()
        self.core.cluster.psql("-c", CORE, dbname="bank")
        self.service = environment.start_service(settings={"autovacuum": "off", **(settings or {})})
        self.service.psql("-c", SERVICE.format(port=self.core.cluster.port, password=self.core.SERVICE[1]), dbname="bank")
        self.await_mode("online")

    def query(self, sql, params=None, **more):
        return self.environment.query(sql, params, **more)

    def value(self, sql, params=None):
        return self.environment.value(sql, params)

    def await_mode(self, mode):
        await_(f"mode {mode}", lambda: self.value(MODE) == mode)

    def switch(self, mode):
        self.query("select standin.core_switch('core', %s, 'a test')", [mode])

    def state(self, key):
        return self.value("select status from standin.transaction_status('core', %s)", [key])

    def await_state(self, key, state):
        await_(f"{key} {state}", lambda: self.state(key) == state)

    def submit(self, key, account):
        return self.query(SUBMIT, [key, payload(account)])[0]

    def submit_many(self, prefix, count, accounts):
        """In one transaction; key <prefix>-<number>, account by turns."""
        self.query("""select count(*) from generate_series(1, %s) i, standin.transaction_submit('core', 'payment', %s || '-' || i,
                          jsonb_build_object('account', i %% %s, 'amount', 1))""", [count, prefix, accounts])

    @contextlib.contextmanager
    def idle_session(self, key, account):
        """A session that submits and then idles in its transaction."""
        with contextlib.closing(self.service.connect("bank", user="app", autocommit=False)) as session, session.cursor() as cursor:
            cursor.execute(SUBMIT, [key, payload(account)])
            yield session

    def in_trouble(self, account, how):
        self.core.query("insert into trouble values (%s, %s)", [account, how])

    def well(self):
        self.core.query("delete from trouble")

    def queue_is_empty(self):
        return self.value("select not exists (select from standin_private.account_queue)")

    def require_balance(self):
        assert self.query("select * from standin.conservation_faults") == []
        assert self.value("select balanced from standin.conservation where core = 'core'")

    def booked_in_order(self, prefix):
        """The numbers of the payments of each account, as the core booked them."""
        accounts = {}
        for account, key in self.core.query("select account, idempotency_key from core_log where idempotency_key like %s order by sequence", [prefix + "-%"]):
            accounts.setdefault(account, []).append(int(key.rsplit("-", 1)[1]))
        return accounts
