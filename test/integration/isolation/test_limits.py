"""Limits of one account under many sessions at once: exactly what fits is accepted, no more and no less."""

import contextlib
import threading

import psycopg2
import pytest

from standin_bank import Bank

SESSIONS = 24
EACH = 10


@pytest.fixture(scope="module")
def standin(bank):
    standin = Bank(bank)
    standin.query("create table position (account text primary key, amount numeric, status text);"
                  "grant select on position to standin_owner;"
                  "insert into position select i::text, 100, 'open' from generate_series(1, 9) i")
    standin.query("select standin.balance_bind('core', 'position', 'account', 'amount', status_column => 'status')")
    standin.switch("forced_stand_in")
    return standin


def storm(standin, account, amount):
    """Codes of the answers, from as many sessions as one account can have at once."""
    codes, start = [], threading.Barrier(SESSIONS)

    def submit(number):
        with contextlib.closing(standin.service.connect("bank", user="app", autocommit=True)) as session, session.cursor() as cursor:
            start.wait()
            for i in range(EACH):
                try:
                    cursor.execute("select code from standin.transaction_submit('core', 'payment', %s, jsonb_build_object('account', %s, 'amount', %s::numeric))",
                                   [f"storm-{account}-{number}-{i}", account, amount])
                    codes.append(cursor.fetchone()[0])
                except psycopg2.Error as error:
                    codes.append(error.pgcode)
    threads = [threading.Thread(target=submit, args=[number]) for number in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(codes) == SESSIONS * EACH
    return {code: codes.count(code) for code in set(codes)}


@pytest.mark.parametrize("account, rule, amount, accepted, code", [
    (1, "'velocity_count', maximum_count => 17, \"window\" => '1 hour'", "0.01", 17, "65"),
    (2, "'velocity_count', maximum_count => 19, \"window\" => 'business_day'", "0.01", 19, "65"),
    (3, "'velocity_count', maximum_count => 23, \"window\" => 'episode'", "0.01", 23, "65"),
    (4, "'cumulative_limit', 10, \"window\" => 'episode'", "0.73", 13, "61"),
    (5, "'available_balance'", "0.73", 136, "51"),
])
def test_a_limit_holds_exactly(standin, account, rule, amount, accepted, code):
    standin.query(f"select standin.rule_create('core', {rule}, account => '{account}')")
    assert storm(standin, account, amount) == {"09": accepted, code: SESSIONS * EACH - accepted}
    assert standin.value("select count(*) from standin.decisions where account = %s and decision = 'accepted'", [str(account)]) == accepted
    assert standin.query("select * from standin.conservation_faults") == []


def test_a_block_waits_for_nobody_and_is_in_force_at_the_next_decision(standin):
    standin.query("select standin.rule_create('core', 'block_list', account => '6')")
    standin.query("select standin.rule_create('core', 'block_list', account => '7')")
    with standin.idle_session("idle-7", 7) as session:
        standin.query("set statement_timeout = '20 s'; select standin.account_list_add('core', 'block', '7', 'a test')")
        session.commit()
    stop, codes = threading.Event(), []

    def pay():
        with contextlib.closing(standin.service.connect("bank", user="app", autocommit=True)) as session, session.cursor() as cursor:
            number = 0
            while not stop.is_set():
                cursor.execute("select ticket, code from standin.transaction_submit('core', 'payment', %s, '{\"account\": 6, \"amount\": 0.01}')",
                               [f"block-{threading.get_ident()}-{number}"])
                codes.append((threading.get_ident(), *cursor.fetchone()))
                number += 1
    threads = [threading.Thread(target=pay) for _ in range(4)]
    for thread in threads:
        thread.start()
    while not codes:
        pass
    standin.query("select standin.account_list_add('core', 'block', '6', 'a test')")
    last = standin.value("select max(ticket) from standin.decisions where account = '6'")
    seen = len(codes)
    while len(codes) < seen + 40:
        pass
    stop.set()
    for thread in threads:
        thread.join()
    for thread in threads:  # what each was deciding when the block was committed is not under it
        mine = [code for who, ticket, code in codes if who == thread.ident and ticket > last]
        assert mine[1:] and set(mine[1:]) == {"62"}
