"""A private MariaDB server (Debian's mariadb-server-core), as a source of Debezium's: row-based binary log, nothing of the system's."""

import pathlib
import shutil

from .connect import JSON
from .ports import free_port
from .process import Process, run, server_user


class MariaDb:
    DATABASE = "bank"
    DEBEZIUM = ("debezium", "debezium-secret")

    def __init__(self, directory, name="mariadb"):
        self.directory, self.name, self.port, self.user = pathlib.Path(directory), name, free_port(), server_user()
        self.data, self.socket = self.directory / name, self.directory / name / "socket"
        self.common = ["--no-defaults", f"--datadir={self.data}"]
        self.process = Process(name, ["mariadbd", *self.common, f"--socket={self.socket}", f"--port={self.port}", "--bind-address=127.0.0.1",
                                      "--log-bin=binlog", "--binlog-format=ROW", "--binlog-row-image=FULL", "--server-id=223344",
                                      "--default-time-zone=+00:00", "--character-set-server=utf8mb4", "--innodb-flush-log-at-trx-commit=2",
                                      f"--pid-file={self.data}/pid"],
                               self.directory / f"{name}.log", user=self.user, cwd=self.directory)

    def create(self):
        self.data.mkdir()
        if self.user:
            shutil.chown(self.data, self.user)
        run(["mariadb-install-db", *self.common, "--auth-root-authentication-method=normal", "--skip-test-db",
             *([f"--user={self.user}"] if self.user else [])], cwd=self.directory)
        self.process.start()
        self.process.ready("connections", lambda: self.query("select 1", "mysql") == [["1"]])
        user, password = self.DEBEZIUM
        self.query(f"create database {self.DATABASE}; create user '{user}'@'%' identified by '{password}';"
                   f"grant select, reload, show databases, replication slave, replication client, lock tables on *.* to '{user}'@'%'", "mysql")
        return self

    def query(self, sql, database=None):
        """Rows of text; null is None."""
        out = run(["mariadb", "--no-defaults", f"--socket={self.socket}", "-uroot", "--batch", "--skip-column-names",
                   "--default-character-set=utf8mb4", database or self.DATABASE], input=sql, stdin=None, cwd=self.directory)
        return [[None if word == "NULL" else word for word in line.split("\t")] for line in out.splitlines()]

    def debezium(self, kafka, prefix, **more):
        """Properties of a Debezium source of this database."""
        user, password = self.DEBEZIUM
        return {"connector.class": "io.debezium.connector.mariadb.MariaDbConnector", "topic.prefix": prefix, "database.hostname": "127.0.0.1",
                "database.port": self.port, "database.user": user, "database.password": password, "database.server.id": 54321,
                "database.include.list": self.DATABASE, "database.ssl.mode": "disable", "schema.history.internal.kafka.topic": f"{prefix}.history",
                "schema.history.internal.kafka.bootstrap.servers": kafka.brokers, "poll.interval.ms": 50,
                "topic.creation.default.replication.factor": 1, "topic.creation.default.partitions": 1,
                "key.converter": JSON, "value.converter": JSON, "value.converter.replace.null.with.default": False, **more}

    def stop(self):
        self.process.stop()
