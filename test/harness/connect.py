"""Kafka Connect (standalone) with Debezium's PostgreSQL connector: streams the core's changes to Kafka.

The connector comes from a file on the command line: one posted by REST would be forgotten at a restart.
"""

import json
import pathlib
import urllib.error
import urllib.request

from . import maven
from .await_ import await_
from .java import java, properties
from .ports import free_port


class Connect:
    """Streams the tables of one core to topics <prefix>.public.<table> and <prefix>.transaction."""

    PREFIX = "core"

    def __init__(self, directory, kafka, core, *, schemas=False, partitions=1, source=None, worker=None,
                 port=None, name="connect"):
        self.directory, self.kafka, self.core = pathlib.Path(directory), kafka, core
        self.schemas, self.partitions = schemas, partitions
        self.source, self.worker = source or {}, worker or {}
        self.name, self.port = name, port or free_port()
        self.libs, self.plugins = maven.resolve("kafka"), maven.resolve("debezium", plugin=True)
        self.files = [self.directory / f"{name}.worker.properties", self.directory / f"{name}.source.properties"]
        self.process = java(name, self.directory, self.libs, "org.apache.kafka.connect.cli.ConnectStandalone",
                            self.files, heap="1g")

    def create(self):
        """Write the configuration and start; the core must be up (a first validation needs it)."""
        properties(self.files[0], {
            "bootstrap.servers": self.kafka.brokers,
            "listeners": f"http://127.0.0.1:{self.port}",
            "key.converter": "org.apache.kafka.connect.json.JsonConverter",
            "value.converter": "org.apache.kafka.connect.json.JsonConverter",
            "key.converter.schemas.enable": self.schemas, "value.converter.schemas.enable": self.schemas,
            "offset.storage.file.filename": self.directory / f"{self.name}.offsets",
            "offset.flush.interval.ms": 1000,
            "plugin.path": self._plugin_folder(), "plugin.discovery": "service_load", **self.worker})
        user, password = self.core.DEBEZIUM
        properties(self.files[1], {
            "name": self.name, "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
            "tasks.max": 1, "topic.prefix": self.PREFIX, "database.hostname": "127.0.0.1",
            "database.port": self.core.cluster.port, "database.dbname": self.core.DATABASE,
            "database.user": user, "database.password": password,
            "plugin.name": "pgoutput", "slot.name": "debezium", "publication.name": "debezium",
            "publication.autocreate.mode": "disabled", "table.include.list": r"public\.pgbench_.*",
            "provide.transaction.metadata": True, "heartbeat.interval.ms": 1000, "poll.interval.ms": 50,
            # tables may be spread; the transaction topic is one order
            "topic.creation.default.replication.factor": 1, "topic.creation.default.partitions": self.partitions,
            "topic.creation.groups": "single",
            "topic.creation.single.include": r".*\.transaction|__debezium-heartbeat.*",
            "topic.creation.single.partitions": 1, "topic.creation.single.replication.factor": 1,
            # small records in large batches: Debezium's default of one batch a poll costs the reader dearly
            "producer.override.linger.ms": 5, "producer.override.batch.size": 262144,
            "errors.max.retries": -1, "errors.retry.delay.initial.ms": 300, "errors.retry.delay.max.ms": 2000,
            "retriable.restart.connector.wait.ms": 500,
            "slot.max.retries": 1000, "slot.retry.delay.ms": 1000, **self.source})
        return self.start()

    def _plugin_folder(self):
        folder = self.directory / "plugins"
        folder.mkdir(exist_ok=True)
        link = folder / "debezium"
        if not link.is_symlink():
            link.symlink_to(self.plugins)
        return folder

    def start(self, timeout=120):
        self.process.start()
        self.process.ready("the connector's task", self.running, timeout)
        return self

    def stop(self):
        self.process.stop()

    def kill9(self):
        self.process.kill9()

    def alive(self):
        return self.process.alive()

    def status(self):
        return self._rest(f"connectors/{self.name}/status")

    def running(self):
        """True when connector and task run; a task that has failed is started again (its core may be back)."""
        status = self.status()
        tasks = status["tasks"]
        if any(task["state"] == "FAILED" for task in tasks) or status["connector"]["state"] == "FAILED":
            self._rest(f"connectors/{self.name}/restart?includeTasks=true&onlyFailed=true", "POST")
            return False
        return bool(tasks) and all(task["state"] == "RUNNING" for task in tasks)

    def ensure_running(self, timeout=120):
        """Await the connector's recovery after its core or broker was away; its own retries come first."""
        await_("Debezium to run again", self.running, timeout, 0.5)

    def topic(self, table):
        return f"{self.PREFIX}.public.{table}"

    @property
    def transaction_topic(self):
        return f"{self.PREFIX}.transaction"

    def _rest(self, path, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def log_tail(self, lines=40):
        return self.process.log_tail(lines)
