"""A single-node Apache Kafka (KRaft: broker and controller in one process), with the data on disk across restarts."""

import base64
import json
import pathlib
import socket
import time
import uuid

from . import maven
from .java import command, java, properties
from .ports import free_port
from .process import run


class Kafka:
    """The broker; `brokers` is what a client connects to."""

    def __init__(self, directory, *, port=None, settings=None, name="kafka", quick=True):
        self.directory = pathlib.Path(directory)
        self.libs = maven.resolve("kafka")
        self.port = port or free_port()
        self.controller = free_port()
        self.data = self.directory / f"{name}-data"
        self.config = self.directory / f"{name}.properties"
        self.settings = settings or {}
        self.process = java(name, self.directory, self.libs, "kafka.Kafka", [self.config], heap="512m", quick=quick)

    @property
    def brokers(self):
        return f"127.0.0.1:{self.port}"

    def create(self):
        """Format the storage and start."""
        properties(self.config, {
            "process.roles": "broker,controller", "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller}",
            "advertised.listeners": f"PLAINTEXT://127.0.0.1:{self.port}",
            "controller.listener.names": "CONTROLLER", "log.dirs": self.data,
            "num.partitions": 1, "num.network.threads": 2, "num.io.threads": 4,
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1, "share.coordinator.state.topic.replication.factor": 1,
            "group.initial.rebalance.delay.ms": 0, **self.settings})
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # the option parser takes an id that begins with a dash for an option
        run(command(self.libs, "kafka.tools.StorageTool",
                    ["format", f"--cluster-id={cluster}", "-c", self.config]), cwd=self.directory)
        return self.start()

    def start(self, timeout=90):
        self.process.start()
        self.process.ready("the broker", lambda: "brokers" in self.metadata(), timeout)
        return self

    def stop(self):
        self.process.stop()

    def kill9(self):
        self.process.kill9()

    def alive(self):
        return self.process.alive()

    def metadata(self):
        """What the broker says of itself and its topics (kcat -L)."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=2):
            pass  # kcat waits long for a port that nobody listens on
        return json.loads(self._kcat("-L", "-J", "-m", "10"))

    def topics(self):
        return {topic["topic"]: len(topic["partitions"]) for topic in self.metadata()["topics"]}

    def end(self, topic, partition=0):
        """The offset that the next record of the partition will have."""
        return int(self._kcat("-Q", "-t", f"{topic}:{partition}:-1").split()[-1])

    def topic_create(self, topic, partitions=1, **config):
        """Create a topic; settings as keywords, dots written as underscores (cleanup_policy='compact')."""
        words = ["--bootstrap-server", self.brokers, "--create", "--topic", topic, "--partitions", partitions]
        for key, value in config.items():
            words += ["--config", f"{key.replace('_', '.')}={value}"]
        run(command(self.libs, "org.apache.kafka.tools.TopicCommand", words))

    def topic_delete(self, topic):
        run(command(self.libs, "org.apache.kafka.tools.TopicCommand",
                    ["--bootstrap-server", self.brokers, "--delete", "--topic", topic]))

    def produce(self, topic, records, partition=None):
        """Send (key, value) pairs in order; a value None is a tombstone, dicts and lists become JSON."""
        def text(word):
            return word if isinstance(word, str) else json.dumps(word, separators=(",", ":"))
        # kcat -Z turns an empty value into null. Record and key separators are bytes that JSON escapes.
        lines = "".join(f"{text(key)}\x1f{'' if value is None else text(value)}\x1e" for key, value in records)
        self._kcat("-P", "-t", topic, "-Z", "-K", "\x1f", "-D", "\x1e",
                   *(["-p", str(partition)] if partition is not None else []), input=lines, stdin=None)

    def consume(self, topic, partition=None):
        """All records of a topic now, as (partition, offset, key, value); a null value is None."""
        # "now" by time: the end of file alone is never met while somebody writes
        out = self._kcat("-C", "-t", topic, "-e", "-o", "beginning", "-o", f"e@{int(time.time() * 1000)}", "-q", "-Z",
                         "-f", "%p\x1f%o\x1f%k\x1f%S\x1f%s\x1e",
                         *(["-p", str(partition)] if partition is not None else []))
        records = []
        for line in out.split("\x1e")[:-1]:
            part, offset, key, size, value = line.split("\x1f", 4)
            records.append((int(part), int(offset), key, None if size == "-1" else value))
        return records

    def _kcat(self, *words, **options):
        return run(["kcat", "-b", self.brokers, *words], **options)

    def log_tail(self, lines=40):
        return self.process.log_tail(lines)
