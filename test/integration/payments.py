"""Clients that submit payments while the core is down, and remember what they were told and when."""

import contextlib
import dataclasses
import random
import threading
import time

import psycopg2

SUBMIT = "select ticket, status, code, message from standin.transaction_submit('core', 'payment', %s, %s)"


@dataclasses.dataclass
class Payment:
    key: str
    account: int
    amount: int
    asked: float = 0.0  # when the call began and when its answer was there
    answered: float = 0.0
    ticket: int = 0
    status: str = ""

    @property
    def payload(self):
        return f'{{"account": {self.account}, "amount": {self.amount}}}'


class Client(threading.Thread):
    """One connection, one payment after the other; each is a transaction of its own, some are asked twice."""

    def __init__(self, bank, payments, seed):
        super().__init__(daemon=True)
        self.bank, self.payments, self.random = bank, payments, random.Random(seed)
        self.failure = None

    def run(self):
        try:
            with contextlib.closing(self.bank.service.connect(self.bank.DATABASE, user="payments")) as connection:
                for payment in self.payments:
                    payment.asked = time.monotonic()
                    payment.ticket, payment.status = self.submit(connection, payment)
                    payment.answered = time.monotonic()
                    if self.random.random() < 0.1:
                        again = self.submit(connection, payment)
                        assert again == (payment.ticket, payment.status), f"{payment} asked again: {again}"
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    @staticmethod
    def submit(connection, payment):
        while True:
            try:
                with connection.cursor() as cursor:
                    cursor.execute(SUBMIT, (payment.key, payment.payload))
                    ticket, status, _, _ = cursor.fetchone()
                    return ticket, status
            except psycopg2.errors.SerializationFailure:
                continue  # the core's mode changed under it; the key makes the retry safe


def submit_all(bank, count, accounts, connections, seed):
    """`count` payments spread over accounts and connections by the seed; returns them when all were answered."""
    chance = random.Random(seed)
    payments = [Payment(f"pay-{seed}-{number}", chance.choice(accounts), chance.randint(1, 9)) for number in range(count)]
    clients = [Client(bank, payments[number::connections], seed + number) for number in range(connections)]
    for client in clients:
        client.start()
    for client in clients:
        client.join(300)
        assert not client.is_alive(), "a client is still waiting for an answer after 300 s"
        if client.failure:
            raise client.failure
    return payments


def order_violations(payments, booked_keys):
    """Pairs of one account that were booked in another order than submitted, as far as the clients know the order:
    one was answered before the other was asked."""
    place = {key: number for number, key in enumerate(booked_keys)}
    violations = []
    by_account = {}
    for payment in payments:
        by_account.setdefault(payment.account, []).append(payment)
    for group in by_account.values():
        for one in group:
            for other in group:
                if one.answered < other.asked and place[one.key] > place[other.key]:
                    violations.append((one, other))
    return violations
