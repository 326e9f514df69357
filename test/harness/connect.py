"""Kafka Connect (standalone) with Debezium's connectors: streams a database's changes to Kafka, or topics into a database.

Connectors come from files on the command line: those posted by REST would be forgotten at a restart.
"""

import json
import pathlib
import urllib.error
import urllib.request

from . import maven
from .await_ import await_
from .java import java, properties
from .ports import free_port

JSON = "org.apache.kafka.connect.json.JsonConverter"


class ConnectWorker:
    """A standalone worker with any connectors: {name: properties}, the plugins from maven/<plugin>.xml."""

    def __init__(self, directory, kafka, connectors, *, plugins=("debezium",), schemas=False, worker=None, port=None,
                 name="connect", quick=True):
        self.directory, self.kafka, self.connectors = pathlib.Path(directory), kafka, connectors
        self.schemas, self.worker = schemas, worker or {}
        self.name, self.port = name, port or free_port()
        self.plugins = {plugin: maven.resolve(plugin, plugin=True) for plugin in plugins}
        self.config = self.directory / f"{name}.worker.properties"
        self.files = {connector: self.directory / f"{name}.{connector}.properties" for connector in connectors}
        self.process = java(name, self.directory, maven.resolve("kafka"), "org.apache.kafka.connect.cli.ConnectStandalone",
                            [self.config, *self.files.values()], heap="1g", quick=quick)

    def create(self):
        """Write the configuration and start; the databases must be up (a first validation needs them)."""
        properties(self.config, {
            "bootstrap.servers": self.kafka.brokers,
            "listeners": f"http://127.0.0.1:{self.port}",
            "key.converter": JSON, "value.converter": JSON,
            "key.converter.schemas.enable": self.schemas, "value.converter.schemas.enable": self.schemas,
            "offset.storage.file.filename": self.directory / f"{self.name}.offsets",
            "offset.flush.interval.ms": 1000,
            "plugin.path": self._plugin_folder(), "plugin.discovery": "service_load", **self.worker})
        for name, settings in self.connectors.items():
            properties(self.files[name], {"name": name, "tasks.max": 1, **settings})
        return self.start()

    def _plugin_folder(self):
        folder = self.directory / f"{self.name}.plugins"
        folder.mkdir(exist_ok=True)
        for plugin, jars in self.plugins.items():
            link = folder / plugin
            if not link.is_symlink():
                link.symlink_to(jars)
        return folder

    def start(self, timeout=120):
        self.process.start()
        self.process.ready("the connectors' tasks", self.running, timeout)
        return self

    def stop(self):
        self.process.stop()

    def kill9(self):
        self.process.kill9()

    def alive(self):
        return self.process.alive()

    def status(self, connector):
        return self._rest(f"connectors/{connector}/status")

    def running(self):
        """True when all connectors and tasks run; a task that has failed is started again (its database may be back)."""
        return all([self._runs(connector) for connector in self.connectors])

    def _runs(self, connector):
        status = self.status(connector)
        tasks = status["tasks"]
        if any(task["state"] == "FAILED" for task in tasks) or status["connector"]["state"] == "FAILED":
            self._rest(f"connectors/{connector}/restart?includeTasks=true&onlyFailed=true", "POST")
            return False
        return bool(tasks) and all(task["state"] == "RUNNING" for task in tasks)

    def ensure_running(self, timeout=120):
        """Await the connectors' recovery after their database or broker was away; their own retries come first."""
        await_("Debezium to run again", self.running, timeout, 0.5)

    def _rest(self, path, method="GET"):
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}/{path}", method=method)
        with urllib.request.urlopen(request, timeout=10) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def log_tail(self, lines=40):
        return self.process.log_tail(lines)


def debezium(core, prefix, *, partitions=1, **more):
    """Properties of a Debezium source of pgbench's tables of the core."""
    user, password = core.DEBEZIUM
    return {
        "connector.class": "io.debezium.connector.postgresql.PostgresConnector",
        "topic.prefix": prefix, "database.hostname": "127.0.0.1",
        "database.port": core.cluster.port, "database.dbname": core.DATABASE,
        "database.user": user, "database.password": password,
        "plugin.name": "pgoutput", "slot.name": "debezium", "publication.name": "debezium",
        "publication.autocreate.mode": "disabled", "table.include.list": r"public\.pgbench_.*",
        "provide.transaction.metadata": True, "heartbeat.interval.ms": 1000, "poll.interval.ms": 50,
        # tables may be spread; the transaction topic is one order
        "topic.creation.default.replication.factor": 1, "topic.creation.default.partitions": partitions,
        "topic.creation.groups": "single",
        "topic.creation.single.include": r".*\.transaction|__debezium-heartbeat.*",
        "topic.creation.single.partitions": 1, "topic.creation.single.replication.factor": 1,
        # small records in large batches: Debezium's default of one batch a poll costs the reader dearly
        "producer.override.linger.ms": 5, "producer.override.batch.size": 262144,
        "errors.max.retries": -1, "errors.retry.delay.initial.ms": 300, "errors.retry.delay.max.ms": 2000,
        "retriable.restart.connector.wait.ms": 500,
        "slot.max.retries": 1000, "slot.retry.delay.ms": 1000, **more}


def signalling(kafka, topic):
    """Properties of a Debezium source that takes signals from a topic, and needs no table at its database for snapshots."""
    kafka.topic_create(topic)
    return {"signal.enabled.channels": "kafka", "signal.kafka.topic": topic, "signal.kafka.bootstrap.servers": kafka.brokers,
            "read.only": True, "incremental.snapshot.chunk.size": 20000}


class Connect(ConnectWorker):
    """Streams the tables of one core to topics <prefix>.public.<table> and <prefix>.transaction."""

    PREFIX = "core"

    def __init__(self, directory, kafka, core, *, partitions=1, source=None, name="connect", **more):
        super().__init__(directory, kafka, {name: debezium(core, self.PREFIX, partitions=partitions, **(source or {}))},
                         name=name, **more)

    def topic(self, table):
        return f"{self.PREFIX}.public.{table}"

    @property
    def transaction_topic(self):
        return f"{self.PREFIX}.transaction"
