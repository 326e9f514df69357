"""The whole bank in one folder: core, Kafka, Connect, service; can be left running and stopped by a later process."""

import json
import pathlib
import signal
import shutil

from . import postgres
from .connect import Connect
from .core import Core
from .kafka import Kafka
from .process import Process
from .scratch import scratch

STATE = "environment.json"
SQL = pathlib.Path(__file__).with_name("service")


class Environment:
    """Parts are started one by one, each with its start_ method; attributes are None until then."""

    DATABASE = "bank"

    def __init__(self, directory=None):
        if directory is None:
            self.directory = scratch()
        else:
            self.directory = pathlib.Path(directory).absolute()
            self.directory.mkdir(parents=True, exist_ok=True)
            self.directory.chmod(0o755)
            if any(self.directory.iterdir()):
                raise RuntimeError(f"{self.directory} is not empty")
            self._write({"processes": []})  # from here on the folder is ours: down() may remove it
        self.core = self.kafka = self.connect = self.service = None

    def start_core(self, **options):
        self.core = Core(self.directory, **options).create()
        return self.core

    def start_kafka(self, **options):
        self.kafka = Kafka(self.directory, **options).create()
        return self.kafka

    def start_connect(self, **options):
        self.connect = Connect(self.directory, self.kafka, self.core, **options).create()
        return self.connect

    def start_service(self, extension=True, **options):
        """A cluster with pg_standin preloaded, database `bank`, the extension created."""
        self.service = postgres.service("service", self.directory, **options).init().start()
        self.service.query(f"create database {self.DATABASE}")
        if extension:
            self.query("create extension pg_standin cascade")
        return self.service

    def start_bank(self, partitions=3):
        """All four parts, Debezium with so many partitions a table, and targets for the core's tables."""
        self.start_core()
        self.start_kafka()
        self.start_connect(partitions=partitions)
        self.start_service()
        self.create_targets()

    def create_targets(self):
        """Empty copies of pgbench's tables in the service's database, for CDC to fill."""
        self.script("targets")

    def define_core(self, replay_rate=1000):
        """Tell the service about the core; its targets exist already."""
        self.script("core", core_port=self.core.cluster.port, service_password=self.core.SERVICE[1],
                    replay_rate=replay_rate)

    def define_server(self):
        """Tell the service about the broker: the foreign server `kafka`."""
        self.query('create server kafka foreign data wrapper standin_kafka options ("bootstrap.servers" %s)',
                   [self.kafka.brokers])

    def define_cdc(self):
        """Tell the service to follow the core's tables."""
        self.script("cdc", brokers=self.kafka.brokers, prefix=self.connect.PREFIX)

    def script(self, name, **variables):
        """Run service/<name>.sql in one transaction."""
        self.service.psql("-1", *[f"--set={key}={value}" for key, value in variables.items()],
                          "-f", SQL / f"{name}.sql", dbname=self.DATABASE)

    def query(self, sql, params=None, **more):
        return self.service.query(sql, params, self.DATABASE, **more)

    def value(self, sql, params=None, **more):
        return self.service.value(sql, params, self.DATABASE, **more)

    def processes(self):
        """In the order in which they were meant to start."""
        parts = [self.core and self.core.cluster.process, self.kafka and self.kafka.process,
                 self.connect and self.connect.process, self.service and self.service.process]
        return [process for process in parts if process]

    def stop(self):
        for process in reversed(self.processes()):
            process.stop()

    def logs(self, lines=60):
        """The ends of all logs, for a failed test's report."""
        return "\n".join(f"---- {process.log}\n{process.log_tail(lines)}" for process in self.processes())

    def leave_running(self):
        """Write down what runs and let it outlive this process; load() finds it again."""
        state = {"psql": self.service and self.service.psql_command(self.DATABASE),
                 "core_psql": self.core and self.core.cluster.psql_command(self.core.DATABASE),
                 "kafka": self.kafka and self.kafka.brokers,
                 "connect": self.connect and f"http://127.0.0.1:{self.connect.port}",
                 "processes": []}
        for process in self.processes():
            state["processes"].append({
                "name": process.name, "argv": [str(word) for word in process.argv], "log": str(process.log),
                "user": process.user, "cwd": str(process.cwd), "stop_signal": int(process.stop_signal),
                "pid": process.pid, "started": process.started})
            process.detach()
        self._write(state)
        return state

    def _write(self, state):
        (self.directory / STATE).write_text(json.dumps(state, indent=1))


def load(directory):
    """What leave_running() wrote: (state, processes), or (None, []) where nothing was left."""
    try:
        state = json.loads((pathlib.Path(directory) / STATE).read_text())
    except FileNotFoundError:
        return None, []
    processes = [Process(entry["name"], entry["argv"], entry["log"], user=entry["user"], cwd=entry["cwd"],
                         stop_signal=signal.Signals(entry["stop_signal"])).adopt(entry["pid"], entry["started"])
                 for entry in state["processes"]]
    return state, processes


def save(directory, state, processes):
    """Note the pids of processes that were killed or started since."""
    for entry, process in zip(state["processes"], processes):
        entry["pid"], entry["started"] = process.pid, process.started
    (pathlib.Path(directory) / STATE).write_text(json.dumps(state, indent=1))


def down(directory, remove=True):
    """Stop what leave_running() left, and remove the folder. The names of the processes stopped."""
    state, processes = load(directory)
    stopped = []
    for process in reversed(processes):
        if process.alive():
            process.stop()
            stopped.append(process.name)
    if state is not None and remove:
        shutil.rmtree(directory, ignore_errors=True)
    return stopped
