"""The bank's customers: one who pays all the time and looks at the clock, and a crowd that pays during the outage."""

import contextlib
import dataclasses
import threading
import time

import psycopg2


@dataclasses.dataclass
class Answer:
    began: float
    ended: float
    ticket: int
    status: str
    message: str

    @property
    def seconds(self):
        return self.ended - self.began


class Caller(threading.Thread):
    """Calls transaction_execute again and again until stopped; keeps every answer with its times."""

    CALL = "call standin.transaction_execute('core', 'payment', %s, %s)"

    def __init__(self, bank, accounts):
        super().__init__(daemon=True)
        self.bank, self.accounts = bank, accounts
        self.answers, self.failure, self.ending = [], None, threading.Event()

    def run(self):
        try:
            with contextlib.closing(self.bank.service.connect(self.bank.DATABASE, user="payments")) as session:
                number = 0
                while not self.ending.wait(0.01):
                    number += 1
                    account = self.accounts[number % len(self.accounts)]
                    self.answers.append(self.pay(session, f"customer-{number}", account))
        except Exception as failure:  # pylint: disable=broad-except
            self.failure = failure

    def pay(self, session, key, account):
        began = time.monotonic()
        with session.cursor() as cursor:
            while True:
                try:
                    cursor.execute(self.CALL, [key, f'{{"account": {account}, "amount": 1}}'])
                    ticket, status, _, message = cursor.fetchone()
                    return Answer(began, time.monotonic(), ticket, status, message)
                except psycopg2.errors.SerializationFailure:
                    continue  # the mode changed meanwhile; the key makes the retry safe

    def first_processing(self, since):
        """The first answer "processing" to a call that ended after the moment."""
        if self.failure:
            raise self.failure
        return next((answer for answer in self.answers
                     if answer.ended > since and answer.message == "processing"), None)

    def stop(self):
        self.ending.set()
        self.join(60)
        if self.failure:
            raise self.failure


def submit_all(bank, accounts, count, connections):
    """`count` payments over several connections at once; the (status, message) of each."""
    answers, failures = [], []

    def customer(first):
        try:
            with contextlib.closing(bank.service.connect(bank.DATABASE, user="payments")) as session:
                for number in range(first, count, connections):
                    account, amount = accounts[number % len(accounts)], 1 + number % 50
                    answers.append(submit(session, f"outage-{number}", account, amount))
        except Exception as failure:  # pylint: disable=broad-except
            failures.append(failure)

    threads = [threading.Thread(target=customer, args=[first]) for first in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
    return answers


def submit(session, key, account, amount):
    while True:
        try:
            with session.cursor() as cursor:
                cursor.execute("select status, message from standin.transaction_submit('core', 'payment', %s, %s)",
                               [key, f'{{"account": {account}, "amount": {amount}}}'])
                return cursor.fetchone()
        except psycopg2.errors.SerializationFailure:
            continue
