"""What is taken away takes no payment with it, whatever other sessions do meanwhile."""

import contextlib

import psycopg2
import pytest

from harness.await_ import await_
from standin_bank import Bank


@pytest.fixture(scope="module")
def standin(bank):
    return Bank(bank)


def open_session(standin):
    return contextlib.closing(standin.service.connect("bank", autocommit=False))


@pytest.mark.parametrize("drop, make", [
    ("select standin.operation_drop('core', 'payment')", "select standin.operation_create('core', 'payment', standin_allowed => true, dedup => 'key')"),
    ("select standin.core_drop('core')", None)])
def test_a_drop_and_a_submit_at_the_same_time(standin, drop, make):
    """One of the two fails: a payment is never accepted for what is gone."""
    with open_session(standin) as dropping, dropping.cursor() as cursor:
        cursor.execute(drop)
        assert standin.submit("before " + drop, 1)[1] == "accepted"
        with pytest.raises(psycopg2.Error) as refused:
            dropping.commit()
        assert refused.value.pgcode == "55006"
    standin.await_state("before " + drop, "posted")
    standin.query("select confirm('history', %s)", ["before " + drop])
    with standin.idle_session("late " + drop, 2) as submitting:
        standin.query(drop)
        with pytest.raises(psycopg2.Error) as refused:
            submitting.commit()
        assert refused.value.pgcode == "40001"
    with pytest.raises(psycopg2.Error) as unknown:
        standin.submit("after " + drop, 3)
    assert unknown.value.pgcode == "42704"
    standin.require_balance()
    if make:
        standin.query(make)
