"""Requests that are wrong: each a clear error that leaves nothing behind."""

import psycopg2
import pytest

from harness.await_ import await_


@pytest.fixture(scope="module")
def service(bank):
    """Service and core, no stream of changes: balances are typed in."""
    bank.start_core()
    bank.start_service()
    bank.create_targets()
    bank.define_core()
    bank.query("insert into pgbench_accounts select aid, 1, 10000 from generate_series(1, 100) aid")
    await_("the first probes", lambda: bank.value("select good_probes from standin.core_status") >= 2)
    return bank


def submit(bank, key, payload, operation="payment"):
    return bank.query("select status, code from standin.transaction_submit('core', %s, %s, %s)",
                      [operation, key, payload], user="payments")[0]


@pytest.mark.parametrize("operation, payload, sqlstate, says", [
    ("no-such", '{"account": 1, "amount": 5}', "42704", "no-such"),
    ("payment", '[1, 2]', "22023", "object"),
    ("payment", '{"amount": 5}', "22023", "account"),
    ("payment", '{"account": 1}', "22023", "amount"),
    ("payment", '{"account": 1, "amount": "5,0"}', "22023", "plain decimal"),
    ("payment", '{"account": true, "amount": 5}', "22023", "boolean"),
    ("payment", '{"account": 1, "amount": -5}', "22023", "not positive"),
    ("payment", '{"account": 1, "amount": 5', "22P02", "json"),
])
def test_a_wrong_request_is_an_error_and_leaves_nothing(service, operation, payload, sqlstate, says):
    with pytest.raises(psycopg2.Error) as error:
        submit(service, f"wrong {operation} {payload}", payload, operation)
    assert error.value.pgcode == sqlstate, error.value
    assert says in str(error.value)
    assert service.value("select count(*) from standin.transactions where key like 'wrong %%'") == 0


def test_a_key_with_another_payload_is_an_error(service):
    first = submit(service, "twice", '{"account": 1, "amount": 5}')
    assert submit(service, "twice", '{"amount": 5, "account": 1}') == first
    with pytest.raises(psycopg2.Error, match="another payload") as error:
        submit(service, "twice", '{"account": 1, "amount": 6}')
    assert error.value.pgcode == "SI001"
    await_("the one payment", lambda: [row[1:] for row in service.core.booked()] == [("twice", 1, 5)])


def test_an_unknown_account_is_refused_by_the_core(service):
    submit(service, "nobody", '{"account": -7, "amount": 5}')
    answer = "select state, core_message from standin.transactions where key = 'nobody'"
    await_("the refusal", lambda: service.query(answer) == [("rejected", "unknown account")])
    assert service.value("select balanced from standin.conservation") is True
