"""The core banking system: a plain PostgreSQL with pgbench's bank, an idempotent payment function and a log of its own.

The contract with a connector is three statements (see core/functions.sql):
    select status, reference, message from core_post($1 text, $2 text, $3 jsonb)
    select status, reference, message from core_inquire($1 text)
    select core_witness($1 text, $2 text, $3 text)
"""

import contextlib
import pathlib
import subprocess

from .postgres import plain
from .process import Process

SQL = pathlib.Path(__file__).with_name("core")
TABLES = {"pgbench_branches": "bid", "pgbench_tellers": "tid", "pgbench_accounts": "aid", "pgbench_history": "hid"}

# postgres (the harness) is trusted; whoever comes as the service or as Debezium shows a password.
HBA = """local all all trust
host all postgres 127.0.0.1/32 trust
host all all 127.0.0.1/32 scram-sha-256
host replication all 127.0.0.1/32 scram-sha-256
"""


class Core:
    """The bank in database `bank` of its own cluster; start/stop/kill9/restart are the cluster's."""

    DATABASE = "bank"
    SERVICE = ("bank_service", "service-secret")
    DEBEZIUM = ("debezium", "debezium-secret")

    def __init__(self, directory, *, scale=1, opening=10000, name="core", **more):
        self.cluster = plain(name, directory, hba=HBA, **more)
        self.scale, self.opening = scale, opening

    def create(self):
        """initdb, start, fill."""
        self.cluster.init().start()
        self.cluster.query(f"create database {self.DATABASE}")
        self.cluster.tool("pgbench", "-i", "-q", "-s", self.scale, self.DATABASE)
        variables = {"opening": self.opening, "service_password": self.SERVICE[1],
                     "debezium_password": self.DEBEZIUM[1]}
        for name in ("tables", "functions", "roles"):
            self.cluster.psql("-1", *[f"--set={key}={value}" for key, value in variables.items()],
                              "-f", SQL / f"{name}.sql", dbname=self.DATABASE)
        self.cluster.query("vacuum analyze", dbname=self.DATABASE)
        return self

    def query(self, sql, params=None):
        return self.cluster.query(sql, params, self.DATABASE)

    def value(self, sql, params=None):
        return self.cluster.value(sql, params, self.DATABASE)

    def connect(self, **more):
        return self.cluster.connect(self.DATABASE, **more)

    @contextlib.contextmanager
    def open_transaction(self):
        """Meanwhile a transaction with a change is open, so that no slot's restart_lsn goes beyond it: a connector that goes on from an
        older place, which it checks against that, finds what it needs."""
        with contextlib.closing(self.connect(autocommit=False)) as connection, connection.cursor() as cursor:
            cursor.execute("create table held_open (id int)")
            yield
            connection.rollback()

    def start(self):
        self.cluster.start()

    def stop(self):
        self.cluster.stop()

    def kill9(self):
        self.cluster.kill9()

    def alive(self):
        return self.cluster.alive()

    def load(self, rate=300, clients=4, seconds=3600):
        """Start pgbench at a rate that Debezium can follow; a Process that ends by itself, or when the core dies."""
        argv = [self.cluster.bindir / "pgbench", "-n", "-R", rate, "-c", clients, "-j", 1, "-T", seconds, "-P", 5,
                "-h", "127.0.0.1", "-p", self.cluster.port, "-U", "postgres", self.DATABASE]
        return Process("pgbench", argv, self.cluster.directory / "pgbench.log",
                       user=self.cluster.user, cwd=self.cluster.directory).start()

    def booked(self):
        """The core's own log: (sequence, key, account, amount) in the order of booking."""
        return self.query("select sequence, idempotency_key, account, amount from core_log order by sequence")


def fingerprint(query, tables=None):
    """{table: (rows, hash)} of pgbench's tables, for comparing two databases; `query(sql)` asks one of them."""
    columns = {
        "pgbench_branches": "bid, bbalance, filler", "pgbench_tellers": "tid, bid, tbalance, filler",
        "pgbench_accounts": "aid, bid, abalance, filler",
        "pgbench_history": "hid, tid, bid, aid, delta, mtime, filler, idempotency_key"}
    # one hash of every row, summed: no order to agree on, and no million-row string in memory
    return {table: query(f"select count(*), coalesce(sum(hashtextextended(row({columns[table]})::text, 0)::numeric), 0)"
                         f" from {table}")[0]
            for table in tables or TABLES}
