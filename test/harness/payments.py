"""Clients that ask for payments while anything may die, and remember what they were told and when.

A client that loses its connection does what every good client does: it asks again, with the same key.
"""

import contextlib
import dataclasses
import random
import threading
import time

import psycopg2

SUBMIT = "select ticket, status from standin.transaction_submit('core', 'payment', %s, %s)"
EXECUTE = "call standin.transaction_execute('core', 'payment', %s, %s)"


@dataclasses.dataclass
class Payment:
    key: str
    account: int
    amount: int
    asked: float = 0.0  # when it was first asked for, and when the first answer was there
    answered: float = 0.0
    ticket: int = 0
    status: str = ""

    @property
    def payload(self):
        return f'{{"account": {self.account}, "amount": {self.amount}}}'


class Client(threading.Thread):
    """One connection, one payment after the other; each is a transaction of its own, some are asked for twice."""

    def __init__(self, bank, payments, seed, execute=0.0, pace=0.0, stopping=None):
        super().__init__(daemon=True)
        self.bank, self.payments, self.random = bank, payments, random.Random(seed)
        self.execute, self.pace, self.stopping = execute, pace, stopping or threading.Event()
        self.session = self.failure = None

    def run(self):
        try:
            for payment in self.payments:
                if self.stopping.wait(self.random.uniform(0, self.pace)):
                    break
                payment.asked = time.monotonic()
                payment.ticket, payment.status = self.ask(payment)
                payment.answered = time.monotonic()
                if self.random.random() < 0.1:
                    again, _ = self.ask(payment)
                    assert again == payment.ticket, f"{payment} asked again has ticket {again}"
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure
        finally:
            self.hang_up()

    def ask(self, payment):
        statement = EXECUTE if self.random.random() < self.execute else SUBMIT
        deadline = time.monotonic() + 120
        while True:
            try:
                if self.session is None:
                    self.session = self.bank.service.connect(self.bank.DATABASE, user="payments", connect_timeout=10)
                with self.session.cursor() as cursor:
                    cursor.execute(statement, (payment.key, payment.payload))
                    return cursor.fetchone()[:2]
            except psycopg2.errors.SerializationFailure:
                continue  # the core's mode changed under it
            except psycopg2.OperationalError:
                self.hang_up()
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def hang_up(self):
        if self.session is not None:
            with contextlib.suppress(psycopg2.Error):
                self.session.close()
            self.session = None


def make_payments(count, accounts, prefix, chance):
    return [Payment(f"{prefix}-{number}", chance.choice(accounts), chance.randint(1, 9)) for number in range(count)]


def start_clients(bank, payments, connections, seed, **options):
    clients = [Client(bank, payments[number::connections], seed + number, **options) for number in range(connections)]
    for client in clients:
        client.start()
    return clients


def await_clients(clients, timeout=300):
    for client in clients:
        client.join(timeout)
        assert not client.is_alive(), f"a client is still waiting for an answer after {timeout} s"
        if client.failure:
            raise client.failure


def submit_all(bank, count, accounts, connections, seed):
    """`count` payments spread over accounts and connections by the seed; returns them when all were answered."""
    payments = make_payments(count, accounts, f"pay-{seed}", random.Random(seed))
    await_clients(start_clients(bank, payments, connections, seed))
    return payments


def order_violations(payments, booked_keys):
    """Pairs of one account that were booked in another order than asked for, as far as the clients know the order: one
    was answered before the other was asked for."""
    place = {key: number for number, key in enumerate(booked_keys)}
    by_account = {}
    for payment in payments:
        if payment.key in place:
            by_account.setdefault(payment.account, []).append(payment)
    return [(one, other) for group in by_account.values() for one in group for other in group
            if one.answered < other.asked and place[one.key] > place[other.key]]
