"""The bound that PostgreSQL 17 and newer give a server for its sessions' transactions is not meant for the product's own."""

import pytest

from harness.await_ import await_

SETUP = """
create role poster nologin;
create function public.book(key text, operation text, payload jsonb, out status text, out reference text, out message text)
language plpgsql as $$ begin perform pg_sleep(1); status := 'posted'; end $$;
select standin.core_define('core', 'function', connector_role => 'poster', post_function => 'public.book', inquire_function => '');
select standin.operation_define('core', 'payment', dedup => 'key');
create role app login;
grant standin_app to app;
select standin.operation_grant('core', '*', 'app', channel => '');
alter role postgres set transaction_timeout = 0;
"""


def test_a_worker_outlives_the_servers_transaction_timeout(bank):
    bank.start_service()
    if bank.value("select current_setting('transaction_timeout', true)") is None:
        pytest.skip("this server has no transaction_timeout")
    bank.query(SETUP)
    bank.query("alter system set transaction_timeout = '500ms'")
    bank.service.stop()
    bank.service.start()
    bank.query("select standin.transaction_submit('core', 'payment', 'slow', '{\"account\": 1, \"amount\": 1}')")
    await_("the payment", lambda: bank.value("select status from standin.transaction_status('core', 'slow')") == "posted")
    assert "due to transaction timeout" not in bank.service.process.log.read_text(errors="replace")
