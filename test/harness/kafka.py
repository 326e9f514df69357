"""A single-node Apache Kafka (KRaft: broker and controller in one process), with the data on disk across restarts."""

import base64
import json
import pathlib
import socket
import subprocess
import time
import uuid

from . import maven
from .java import command, java, properties
from .ports import free_port
from .process import run
from .tls import Authority


class Security:
    """Two more listeners, TLS on both: one that asks for a name and password (PLAIN or SCRAM-SHA-512), one that asks for a
    certificate of the client's. The broker's certificate is for localhost, and for no address."""

    PLAIN = ("petra", "plain-secret-1")
    SCRAM = ("sam", "scram-secret-2")

    def __init__(self, directory):
        self.directory = directory
        self.authority = Authority(directory)
        self.password_port, self.certificate_port = free_port(), free_port()
        self.keystore = directory / "broker.pem"
        self.keystore.write_text("".join(self.authority.issue("broker", "DNS:localhost")))

    @property
    def by_password(self):
        return f"localhost:{self.password_port}"

    @property
    def by_certificate(self):
        return f"localhost:{self.certificate_port}"

    def settings(self, port, controller):
        name, password = self.PLAIN
        own = {"PASSWORD": self.password_port, "CERTIFICATE": self.certificate_port}
        return {
            "listeners": ",".join([f"PLAINTEXT://127.0.0.1:{port}", f"CONTROLLER://127.0.0.1:{controller}",
                                   *(f"{listener}://localhost:{number}" for listener, number in own.items())]),
            "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT,PASSWORD:SASL_SSL,CERTIFICATE:SSL",
            "ssl.keystore.type": "PEM", "ssl.keystore.location": self.keystore,
            "ssl.truststore.type": "PEM", "ssl.truststore.location": self.authority.certificate,
            "listener.name.certificate.ssl.client.auth": "required",
            "listener.name.password.sasl.enabled.mechanisms": "PLAIN,SCRAM-SHA-512",
            "listener.name.password.plain.sasl.jaas.config":
                f'org.apache.kafka.common.security.plain.PlainLoginModule required user_{name}="{password}";',
            "listener.name.password.scram-sha-512.sasl.jaas.config":
                "org.apache.kafka.common.security.scram.ScramLoginModule required;"}

    def format_words(self):
        return ["--add-scram", "SCRAM-SHA-512=[name={},password={}]".format(*self.SCRAM)]


class Kafka:
    """The broker; `brokers` is what a client connects to."""

    def __init__(self, directory, *, port=None, settings=None, name="kafka", artifacts="kafka", heap="512m", quick=True,
                 secure=False):
        self.directory = pathlib.Path(directory)
        self.libs = maven.resolve(artifacts)
        self.port = port or free_port()
        self.controller = free_port()
        self.data = self.directory / f"{name}-data"
        self.config = self.directory / f"{name}.properties"
        self.settings = settings or {}
        self.security = Security(self.directory) if secure else None
        self.process = java(name, self.directory, self.libs, "kafka.Kafka", [self.config], heap=heap, quick=quick)

    @property
    def brokers(self):
        return f"127.0.0.1:{self.port}"

    def create(self):
        """Format the storage and start."""
        properties(self.config, {
            "process.roles": "broker,controller", "node.id": 1,
            "controller.quorum.voters": f"1@127.0.0.1:{self.controller}",
            "listeners": f"PLAINTEXT://127.0.0.1:{self.port},CONTROLLER://127.0.0.1:{self.controller}",
            "controller.listener.names": "CONTROLLER", "log.dirs": self.data,
            "num.partitions": 1, "num.network.threads": 2, "num.io.threads": 4,
            "offsets.topic.replication.factor": 1, "offsets.topic.num.partitions": 1,
            "transaction.state.log.replication.factor": 1, "transaction.state.log.min.isr": 1,
            "transaction.state.log.num.partitions": 1, "share.coordinator.state.topic.replication.factor": 1,
            "group.initial.rebalance.delay.ms": 0,
            **(self.security.settings(self.port, self.controller) if self.security else {}), **self.settings})
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        # the option parser takes an id that begins with a dash for an option
        run(command(self.libs, "kafka.tools.StorageTool",
                    ["format", f"--cluster-id={cluster}", "-c", self.config,
                     *(self.security.format_words() if self.security else [])]), cwd=self.directory)
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

    def produce_bytes(self, topic, records):
        """Send (key, value) pairs of bytes as they are; an empty value is empty, not null."""
        lines = b"".join(key + b"\x1f" + value + b"\x1e" for key, value in records)
        subprocess.run(["kcat", "-b", self.brokers, "-P", "-t", topic, "-K", "\x1f", "-D", "\x1e", "-X", "message.max.bytes=100000000"],
                       input=lines, check=True)

    def produce_file(self, topic, path, *words):
        """Send a file as one record without a key."""
        self._kcat("-P", "-t", topic, *words, path)

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
