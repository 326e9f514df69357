"""The scenes of the demo, in order. Each says what happens, does it, and shows what the database says about it."""

import collections
import contextlib
import statistics
import time

import psycopg2

from harness.await_ import await_
from harness.core import TABLES, fingerprint

from . import screen
from .clients import Caller, submit_all
from .screen import fact, note, scene, step, table

ACCOUNTS = list(range(101, 141))
OUTAGE_PAYMENTS, CONNECTIONS = 200, 4
RATE = 300

MODE = "select mode from standin.core_status where core = 'core'"
OPEN = "select count(*) from standin.pending_transactions"
BACKLOG = "select backlog from standin.core_status where core = 'core'"


def seconds(value):
    return f"{value:.3f} s" if value < 1 else f"{value:.1f} s"


class Demo:
    """The bank of the demo and what was measured on the way."""

    def __init__(self, bank):
        self.bank = bank
        self.times = {}
        self.caller = None

    def run(self):
        for number, part in enumerate((self.open_the_bank, self.changes_flow, self.a_workflow, self.the_core_dies,
                                       self.the_bank_goes_on, self.the_core_returns, self.the_books_balance), 1):
            part(number)

    def measured(self, what, value):
        self.times[what] = value

    def open_the_bank(self, number):
        scene(number, "The bank opens",
              "A core banking system, a change stream, and a data service layer in front of them.")
        bank = self.bank
        with step("core: PostgreSQL, pgbench's bank") as it:
            core = bank.start_core()
            it.detail = f"{core.value('select count(*) from pgbench_accounts'):,} accounts, port {core.cluster.port}"
        with step("Apache Kafka, KRaft, one process") as it:
            it.detail = f"{bank.start_kafka().brokers}"
        with step("Debezium in Kafka Connect"):
            bank.start_connect(partitions=3)
        with step("service: PostgreSQL with pg_standin") as it:
            service = bank.start_service(build="release")
            version = bank.value("select extversion from pg_extension where extname = 'pg_standin'")
            it.detail = f"pg_standin {version}, port {service.port}"
        with step("the service is told about the core"):
            bank.create_targets()
            bank.define_core()
            bank.define_cdc()

    def changes_flow(self, number):
        scene(number, "The core's changes flow in",
              "Snapshot, then stream: Debezium, Kafka, pg_standin, local tables. pgbench works on the core meanwhile.")
        core, bank = self.bank.core, self.bank
        load = core.load(rate=RATE)
        total = core.value("select count(*) from pgbench_accounts")
        with step("snapshot of the accounts") as it:
            def arrived():
                count = bank.value("select count(*) from pgbench_accounts")
                it.update(f"{count:,} of {total:,}")
                return count >= total
            self.measured("snapshot of the core's tables", self.timed(lambda: await_("the snapshot", arrived, 300)))
        with step(f"stream, pgbench at {RATE} transactions/s") as it:
            def streamed():
                count = bank.value("select count(*) from pgbench_history")
                it.update(f"{count:,} history rows")
                return count > 2000
            await_("the stream", streamed, 120)
            load.stop()
        with step("pgbench stops; the four tables agree") as it:
            self.measured("last change of the core to equal tables", self.timed(self.await_equal))
            it.detail = f"{sum(count for count, _ in fingerprint(bank.query).values()):,} rows compared"
        self.show_tables()
        self.show_read_time()

    def a_workflow(self, number):
        scene(number, "A payment, as a durable workflow",
              "Three steps, each committed together with its record. The payment goes through to the core.")
        bank = self.bank
        bank.service.psql("-1", "-f", __file__.replace("scenes.py", "payment.sql"), dbname=bank.DATABASE)
        self.workflow("order-1", ACCOUNTS[0], 25)
        with step("reconciled with the core's own change event") as it:
            await_("reconciliation", lambda: bank.value(OPEN) == 0, 60)
            it.detail = bank.value("select state || ', ' || reference from standin.transactions "
                                   "order by ticket desc limit 1")

    def the_core_dies(self, number):
        scene(number, "The core is killed -9 in mid-load",
              "A client calls transaction_execute all the time: while the core lives, its answer is the core's own.")
        bank = self.bank
        load = bank.core.load(rate=RATE)
        self.caller = Caller(bank, ACCOUNTS)
        with step("payments go through to the core") as it:
            def through():
                it.update(f"{len(self.caller.answers)} answers")
                return len(self.caller.answers) >= 50
            self.caller.start()
            await_("answers through the core", through)
            answers = [answer.seconds for answer in self.caller.answers]
            it.detail = f"{len(answers)} answers, median {statistics.median(answers) * 1000:.1f} ms"
        died = time.monotonic()
        bank.core.kill9()
        fact("kill -9 of the core", screen.red("dead") + f", with pgbench at {RATE} transactions/s")
        with step('first answer "processing"') as it:
            first = await_("processing", lambda: self.caller.first_processing(died))
            self.measured("the core's death to the first \"processing\"", first.ended - died)
            it.detail = f"ticket {first.ticket}, {seconds(first.ended - died)} after the death"
        with step("the service stands in") as it:
            await_("stand-in", lambda: bank.value(MODE) == "stand_in")
            self.measured("the core's death to stand-in mode", time.monotonic() - died)
            it.detail = bank.value("select split_part(reason, ':', 1) from standin.core_status where core = 'core'")
        self.caller.stop()
        load.stop()
        counts = collections.Counter(answer.message for answer in self.caller.answers if answer.ended > died)
        note("answers since the death: " + ", ".join(f"{count} x {message!r}" for message, count in counts.items()))

    def the_bank_goes_on(self, number):
        scene(number, "The bank goes on without its core",
              "Rules decide in its place: limits, balance minus holds. What is accepted waits in the queue, held.")
        bank = self.bank
        with step(f"{OUTAGE_PAYMENTS} payments over {CONNECTIONS} connections") as it:
            answers = submit_all(bank, ACCOUNTS, OUTAGE_PAYMENTS, CONNECTIONS)
            counts = collections.Counter(status for status, _ in answers)
            it.detail = ", ".join(f"{count} {status}" for status, count in counts.items())
        status, code, message = bank.query(
            "select status, code, message from standin.transaction_submit('core', 'payment', 'too-much', %s)",
            [f'{{"account": {ACCOUNTS[0]}, "amount": 900}}'], user="payments")[0]
        fact("a payment of 900", f"{screen.red(status)}: {code}, {message}", status == "declined")
        self.workflow("order-2", ACCOUNTS[1], 40)
        with step("balances show the holds, read locally") as it:
            rows = bank.query("select account, balance, held, available from standin.accounts "
                              "where held > 0 order by held desc, account limit 4")
            it.detail = f"{bank.value('select sum(held) from standin.accounts'):,} held"
        columns = ("account", "balance", "held", "available")
        table(columns, [(account, *(int(amount) for amount in amounts)) for account, *amounts in rows], columns)

    def the_core_returns(self, number):
        scene(number, "The core returns",
              "Prober, replay in each account's order with the idempotency key, then the core's own events confirm it.")
        bank = self.bank
        waiting = bank.value(OPEN)
        began = time.monotonic()
        with step("core started"):
            bank.core.start()
        with step("the service sees it and begins the replay") as it:
            first = "select count(*) from core_log where booked_at > %s"
            started = bank.core.value("select pg_postmaster_start_time()")
            await_("the first replayed payment", lambda: bank.core.value(first, [started]) > 0)
            self.measured("the core's return to the first payment replayed", time.monotonic() - began)
            it.detail = f"mode {bank.value(MODE)}"
        with step("replayed") as it:
            def drained():
                backlog = bank.value(BACKLOG)
                it.update(f"{backlog} to go")
                return backlog == 0
            await_("the backlog to drain", drained, 120)
            self.measured("the core's return to the drained backlog", time.monotonic() - began)
            it.detail = f"{waiting} payments"
        with step("reconciled with the core's change events") as it:
            bank.connect.ensure_running()
            await_("reconciliation", lambda: bank.value(OPEN) == 0, 120)
            self.measured("the core's return to everything reconciled", time.monotonic() - began)
            count = bank.value("select count(*) from standin.transactions where state = 'reconciled'")
            it.detail = f"{count} payments"
        with step("online again, the four tables agree"):
            await_("online", lambda: bank.value(MODE) == "online")
            self.await_equal()
        self.show_tables()

    def the_books_balance(self, number):
        scene(number, "The books balance",
              "Counted where each was written: decision log, connectors and events, queue; and by the core itself.")
        bank = self.bank
        names = ("accepted", "posted", "compensated", "cancelled", "expired", "open")
        columns = [*names, *(f"{name}_amount" for name in names), "refused", "declined", "faults", "balanced"]
        row = bank.query(f"select {', '.join(columns)} from standin.conservation where core = 'core'")[0]
        table(("", *names), [("payments", *row[:6]), ("amount", *(f"{amount:,.0f}" for amount in row[6:12]))], names)
        refused, declined, faults, balanced = row[12:]
        fact("standin.conservation", ("balanced" if balanced else "NOT balanced") +
             f", {faults} faults, {declined} declined, {refused} refused by the core", balanced)
        booked = collections.Counter(key for _, key, _, _ in bank.core.booked())
        ours = {key for key, in bank.query("select key from standin.transactions where state = 'reconciled'")}
        once = set(booked) == ours and max(booked.values()) == 1
        fact("the core's own log", f"{len(booked)} payments, each exactly once" if once else "differs!", once)
        order = bank.value("select count(*) from standin.transactions") and self.in_order()
        fact("per account in the order of submission", "yes" if order else "no", order)
        if not (balanced and once and order):
            raise RuntimeError("the books do not balance")
        screen.say()
        table(("how long it took", ""), [(what, seconds(value)) for what, value in self.times.items()], ("",))

    # what several scenes use

    def workflow(self, name, account, amount):
        bank = self.bank
        with step(f"workflow {name}: pay {amount} from {account}") as it:
            with contextlib.closing(bank.service.connect(bank.DATABASE, user="payments")) as session:
                with session.cursor() as cursor:
                    cursor.execute("select standin.workflow_start('payment', %s, %s)",
                                   [name, f'{{"account": {account}, "amount": {amount}}}'])
                    cursor.execute("call standin.workflow_wait(%s, '30 s')", [name])
                    status, output, error = cursor.fetchone()
            if status != "completed":
                raise RuntimeError(f"workflow {name} is {status}: {error}")
            it.detail = f"{status}, payment {output['message']}"
        rows = bank.query("select seq, name, status, output::text from standin.workflow_steps where workflow_id = %s "
                          "order by seq", [name])
        table(("step", "name", "", "output"), rows)

    def await_equal(self):
        await_("the four tables to agree",
               lambda: fingerprint(self.bank.core.query) == fingerprint(self.bank.query), 120, 0.2)

    def in_order(self):
        """By the core's log, each account's payments are in the order of their tickets."""
        tickets = dict(self.bank.query("select key, ticket from standin.transactions"))
        seen = collections.defaultdict(int)
        for _, key, account, _ in self.bank.core.booked():
            if tickets[key] < seen[account]:
                return False
            seen[account] = tickets[key]
        return True

    def show_tables(self):
        there, here = fingerprint(self.bank.core.query), fingerprint(self.bank.query)
        table(("table", "rows in the core", "rows here", ""),
              [(name, there[name][0], here[name][0], "equal" if there[name] == here[name] else "DIFFERENT")
               for name in TABLES], ("rows in the core", "rows here"))

    def show_read_time(self):
        times = []
        with contextlib.closing(self.bank.service.connect(self.bank.DATABASE)) as session, session.cursor() as cursor:
            for account in range(1, 1001):
                began = time.monotonic()
                cursor.execute("select abalance from pgbench_accounts where aid = %s", [account])
                cursor.fetchone()
                times.append(time.monotonic() - began)
        fact("a balance read locally", f"median {statistics.median(times) * 1000:.2f} ms of {len(times):,} reads")

    @staticmethod
    def timed(action):
        began = time.monotonic()
        action()
        return time.monotonic() - began
