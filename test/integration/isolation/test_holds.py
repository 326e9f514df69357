"""Holds of what was posted, where no change event of the core confirms it."""

import pytest

from harness.await_ import await_
from standin_bank import Bank

TABLE = """
create table balance (account text primary key, amount numeric not null, as_of timestamptz not null, changed date);
grant select on balance to standin_owner;
insert into balance values ('1', 50, now(), current_date), ('2', 50, now(), current_date);
select standin.balance_bind('core', 'balance', 'account', 'amount', 'as_of');
"""
HELD = "select held from standin.accounts where account = %s"


@pytest.fixture(scope="module")
def standin(bank):
    the_bank = Bank(bank)
    the_bank.query("delete from standin_private.reconciliation")
    the_bank.service.psql("-c", TABLE, dbname="bank")
    return the_bank


def test_a_core_whose_holds_nothing_releases_says_so(standin):
    standin.submit("kept", 1)
    standin.await_state("kept", "posted")
    assert standin.value(HELD, ["1"]) == 1
    assert standin.value("select holds from standin.core_status") == "never released"
    assert standin.query("select status, found from standin.preflight() where check_name = 'holds'") == [("error", "never released by core")]


def test_a_watermark_that_cannot_be_compared_is_refused(standin):
    standin.query("select standin.balance_bind('core', 'balance', 'account', 'amount', 'changed')")
    with pytest.raises(Exception, match="no watermark of type timestamptz"):
        standin.query("select standin.core_define('core', hold_release => 'watermark')")
    standin.query("select standin.balance_bind('core', 'balance', 'account', 'amount', 'as_of')")
    standin.query("select standin.core_define('core', hold_release => 'watermark')")
    with pytest.raises(Exception, match="no watermark of type timestamptz"):
        standin.query("select standin.balance_bind('core', 'balance', 'account', 'amount', 'changed')")


def test_a_hold_goes_when_the_watermark_has_surely_passed_the_posting_and_not_before(standin):
    assert standin.value("select holds from standin.core_status") == "released by watermark"
    assert standin.query("select status from standin.preflight() where check_name = 'holds'") == [("ok",)]
    standin.submit("second", 2)
    standin.await_state("second", "posted")
    # A balance that is as new as the posting may be without it.
    standin.query("update balance set as_of = (select posted_at + interval '5 seconds' from standin_private.posted_hold where account = '2') where account = '2'")
    standin.query("update balance set amount = 49, as_of = now() + interval '1 minute' where account = '1'")
    await_("the hold from before the definition is gone", lambda: standin.value(HELD, ["1"]) == 0)
    assert standin.value(HELD, ["2"]) == 1
    standin.require_balance()
    standin.query("update balance set amount = 49, as_of = as_of + interval '1 microsecond' where account = '2'")
    await_("the hold is gone", lambda: standin.value(HELD, ["2"]) == 0)
    assert standin.query("select available from standin.accounts order by account") == [(49,), (49,)]
    standin.require_balance()
