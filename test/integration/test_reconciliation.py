"""What the core booked against what was promised: by key, account and amount, from the core's own change events."""

import json

import psycopg2
import pytest

from harness.await_ import await_
from streams import Stream, event, kafka  # noqa: F401

SETUP = """
create role poster nologin;
create function public.book(key text, operation text, payload jsonb, out status text, out reference text, out message text) language sql
    as $$ select 'posted', 'R-' || key, '' $$;
create role app login;
grant standin_app to app;
select standin.core_define('core', 'function', connector_role => 'poster', post_function => 'public.book', inquire_function => '');
select standin.operation_define('core', 'payment', dedup => 'key');
select standin.operation_grant('core', '*', 'app', channel => '');
"""


@pytest.fixture(scope="module")
def booked(kafka, bank):
    bank.query(SETUP)
    stream = Stream(bank, "booked", "id int primary key, key text, account text, amount numeric, rough float8")
    bank.query("grant select on booked to standin_owner")
    yield stream
    stream.drop()


def pay(bank, key, account, amount):
    bank.query("select ticket from standin.transaction_submit('core', 'payment', %s, %s)",
               [key, json.dumps({"account": account, "amount": amount})])
    await_(f"{key} posted", lambda: state(bank, key) == "posted")


def state(bank, key):
    return bank.value("select status from standin.transaction_status('core', %s)", [key])


def differences(bank):
    return bank.query("select key, difference, booked_account, booked_amount from standin.reconciliation_differences order by key")


def test_a_difference_is_a_difference(bank, booked):
    bank.query("select standin.reconciliation_bind('core', 'booked', 'key', account_column => 'account', amount_column => 'amount')")
    for key in ("same", "more", "elsewhere", "debit", "unsaid"):
        pay(bank, key, 600, 100)
    rows = [{"key": "same", "account": "600", "amount": 100.00}, {"key": "more", "account": "600", "amount": 1},
            {"key": "elsewhere", "account": "601", "amount": 100}, {"key": "debit", "account": "600", "amount": -100},
            {"key": "unsaid", "account": None, "amount": None}]
    booked.produce([event("c", {"id": i, "rough": 1.5} | row) for i, row in enumerate(rows)])
    booked.applied(len(rows))
    await_("what was booked as promised", lambda: all(state(bank, key) == "reconciled" for key in ("same", "debit", "unsaid")))
    assert differences(bank) == [("elsewhere", "booked on another account", "601", 100), ("more", "booked with another amount", "600", 1)]
    assert (state(bank, "more"), state(bank, "elsewhere")) == ("posted", "posted")
    assert bank.query("select accepted_amount, posted_amount, balanced from standin.conservation") == [(500, 401, False)]
    faults = {fault for fault, in bank.query("select fault from standin.conservation_faults")}
    assert {"promised 100, the core booked 1", "promised on account 600, the core booked on 601"} <= faults


def settle(bank, key, reason="the branch agreed"):
    return bank.value("select standin.difference_settle(ticket, %s) from standin.transactions where key = %s", [reason, key])


def test_a_person_settles_a_difference(bank, booked):
    held = bank.value("select held from standin_private.account where account = '600'")
    with pytest.raises(psycopg2.errors.InvalidParameterValue):
        settle(bank, "more", "")
    for key in ("same", "unsaid"):
        with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="has no difference"):
            settle(bank, key)
    with pytest.raises(psycopg2.errors.UndefinedObject):
        bank.query("select standin.difference_settle(-1, 'no such ticket')")
    assert settle(bank, "more") == "reconciled"
    assert settle(bank, "elsewhere") == "reconciled"
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="is settled"):
        settle(bank, "more")
    assert (state(bank, "more"), state(bank, "elsewhere")) == ("reconciled", "reconciled")
    assert bank.value("select held from standin_private.account where account = '600'") == held - 200 == 0
    assert bank.query("select key, reason, settled_by, settled_at is not null, booked_amount from standin.reconciliation_differences order by key") == \
        [(key, "the branch agreed", "postgres", True, amount) for key, amount in (("elsewhere", 100), ("more", 1))]
    assert bank.query("select * from standin.conservation_faults") == []
    assert bank.query("select accepted, posted, settled, accepted_amount, posted_amount, settled_amount, balanced from standin.conservation") == \
        [(5, 5, 0, 500, 401, -99, True)]


def test_what_was_declined_here_and_booked_there(bank, booked):
    """It stays declined; the core's booking is a term of its own."""
    bank.query("select standin.core_switch('core', 'forced_stand_in', 'a test')")
    assert bank.value("select status from standin.transaction_submit('core', 'payment', 'no', %s)", [json.dumps({"account": 600, "amount": 7})]) == "declined"
    bank.query("select standin.core_switch('core', 'forced_online', 'a test')")
    offset = booked.stat("sum(next_offset)")
    booked.produce([event("c", {"id": 50, "key": "no", "account": "600", "amount": 7, "rough": 1.5})])
    booked.applied(offset + 1)
    assert ("no", "booked by the core, declined here", "600", 7) in differences(bank)
    assert bank.value("select balanced from standin.conservation") is False
    assert settle(bank, "no") == "declined"
    assert bank.query("select accepted, posted, settled, settled_amount, balanced from standin.conservation") == [(5, 6, 1, -92, True)]
    # A settlement that says something else than the change event shows.
    bank.query("begin; alter table standin_private.difference disable trigger all;"
               "update standin_private.difference set booked_amount = 8 where key = 'no'; alter table standin_private.difference enable always trigger append_only; commit")
    assert bank.query("select fault from standin.conservation_faults") == [("settled, but the change event says something else",)]
    bank.query("begin; alter table standin_private.difference disable trigger all;"
               "update standin_private.difference set booked_amount = 7 where key = 'no'; alter table standin_private.difference enable always trigger append_only; commit")


def test_without_its_columns_nothing_is_compared(bank, booked):
    assert bank.query("select account_column, key_column, amount_column from standin.bindings where purpose = 'reconciliation'") == \
        [("account", "key", "amount")]
    bank.query("select standin.reconciliation_bind('core', 'booked', 'key')")
    pay(bank, "by key", 700, 5)
    booked.produce([event("c", {"id": 100, "key": "by key", "account": "701", "amount": 6, "rough": 1.5})])
    await_("the key's word", lambda: state(bank, "by key") == "reconciled")
    assert len(differences(bank)) == 3


def test_bad_columns(bank, booked):
    for columns, error in (("account_column => 'none'", psycopg2.errors.UndefinedColumn), ("amount_column => 'none'", psycopg2.errors.UndefinedColumn),
                           ("amount_column => 'rough'", psycopg2.errors.DatatypeMismatch), ("amount_column => 'key'", psycopg2.errors.DatatypeMismatch)):
        with pytest.raises(error):
            bank.query(f"select standin.reconciliation_bind('core', 'booked', 'key', {columns})")


def known(bank, key):
    return bank.query("select state, coalesce(core_message, ''), hold from standin.transactions where key = %s", [key])[0]


def test_what_the_core_booked_otherwise_is_not_sent_again(bank, booked):
    """A booking that came late, with another amount: as a retry it would be booked twice."""
    bank.query("select standin.reconciliation_bind('core', 'booked', 'key', account_column => 'account', amount_column => 'amount')")
    bank.query("select standin.operation_create('core', 'transfer', dedup => 'key', standin_allowed => true);"
               "select standin.core_switch('core', 'forced_stand_in', 'a test')")
    for key, account in (("new", 801), ("again", 802), ("behind", 802), ("held up", 803)):
        assert bank.value("select status from standin.transaction_submit('core', 'transfer', %s, %s)",
                          [key, json.dumps({"account": account, "amount": 100})]) == "accepted"
    for change in ("state = 'in_flight', attempts = 1", "state = 'retry_wait', due_at = standin_private.clock_now()"):
        bank.query(f"update standin_private.pending_transaction set {change} where key = 'again'")
    offset = booked.stat("sum(next_offset)")
    booked.produce([event("c", {"id": 200 + i, "key": key, "account": account, "amount": 7, "rough": 1.5})
                    for i, (key, account) in enumerate((("new", "801"), ("again", "802")))])
    booked.applied(offset + 2)
    bank.query("select standin.core_switch('core', 'forced_online', 'a test')")
    await_("the others to be sent", lambda: known(bank, "held up")[0] == "posted")
    for key, account in (("new", 801), ("again", 802)):
        await_(f"{key} to wait for a person", lambda: known(bank, key)[0] == "repair")
        assert known(bank, key)[1:] == (f"the core has booked it already on account {account} with amount 7,"
                                        " it is not sent again; see standin.difference_settle", 100)
        with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState, match="is not sent again") as error:
            bank.query("select standin.repair_resolve(ticket, 'retry', 'once more') from standin.transactions where key = %s", [key])
        assert "standin.difference_settle" in error.value.diag.message_hint
        assert settle(bank, key) == "reconciled"
        assert known(bank, key)[::2] == ("reconciled", 0)
    await_("the one behind it", lambda: known(bank, "behind")[0] == "posted")
    assert bank.query("select key from standin_private.core_answer where key in ('new', 'again', 'behind', 'held up') order by 1") == \
        [("behind",), ("held up",)]


def test_a_difference_and_the_watermark_of_the_balance(bank, booked):
    """The balance says what the core booked, so the hold goes by it, as any other."""
    bank.query("create table balances (account text primary key, balance numeric, as_of timestamptz); grant select on balances to standin_owner;"
               "insert into balances values ('901', 500, '2000-01-01');"
               "select standin.balance_bind('core', 'balances', 'account', 'balance', as_of_column => 'as_of');"
               "select standin.core_alter('core', hold_release => 'watermark')")
    pay(bank, "by balance", 901, 100)
    offset = booked.stat("sum(next_offset)")
    booked.produce([event("c", {"id": 300, "key": "by balance", "account": "901", "amount": 1, "rough": 1.5})])
    booked.applied(offset + 1)
    assert known(bank, "by balance")[::2] == ("posted", 100)
    bank.query("update balances set balance = 499, as_of = standin_private.clock_now() + interval '1 hour'")
    await_("the hold to go", lambda: known(bank, "by balance")[2] == 0)
    assert known(bank, "by balance")[0] == "posted"
    assert bank.value("select held from standin_private.account where account = '901'") == 0
    assert settle(bank, "by balance") == "reconciled"
    assert bank.value("select held from standin_private.account where account = '901'") == 0
