"""A private PostgreSQL cluster: a plain one from Debian's packages (a core), or one from the staged tree with
pg_standin in it (the service)."""

import contextlib
import os
import pathlib
import shutil
import signal
import subprocess

import psycopg2
import psycopg2.extras

from .ports import free_port
from .process import Process, as_user, run, server_user

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]

# Small and quiet; everything that makes a commit durable stays on.
SETTINGS = {
    "shared_buffers": "128MB",
    "max_connections": "60",
    "autovacuum_naptime": "10s",
    "log_line_prefix": "%m [%p] %q%u@%d/%a ",
    "log_min_messages": "info",
    "logging_collector": "off",
}
SERVICE_SETTINGS = {"shared_preload_libraries": "pg_standin", "max_worker_processes": "32"}
CORE_SETTINGS = {"wal_level": "logical", "max_wal_senders": "8", "max_replication_slots": "8"}


def debian_bindir():
    """Where the distribution's own server programs are."""
    return pathlib.Path(run([os.environ.get("PG_CONFIG", "pg_config"), "--bindir"]).strip())


def stage_bindir(build=None):
    """The staged tree with pg_standin in it (`make stage`); PG_STANDIN_STAGE or a build folder's name chooses one."""
    if os.environ.get("PG_STANDIN_STAGE"):
        roots = [pathlib.Path(os.environ["PG_STANDIN_STAGE"])]
    else:
        roots = [REPOSITORY / "build" / name / "stage" for name in ([build] if build else ["debug", "release"])]
    for root in roots:
        if (root / "server" / "initdb").exists():
            return (root / "server").resolve()
    raise RuntimeError(f"no staged server in {', '.join(map(str, roots))}: run make stage first")


def stage_root(bindir):
    """The staged tree that the folder of programs is in."""
    return next(parent for parent in bindir.parents if (parent / "server").resolve() == bindir)


def reachable(bindir, user, directory):
    """The programs where the servers' user can run them: the staged tree is copied when its checkout is private."""
    if user is None:
        return bindir
    # test, since setpriv itself may still execute what the user cannot reach
    probe = subprocess.run(as_user(user, ["test", "-x", bindir / "postgres"]), check=False)
    if probe.returncode == 0:
        return bindir
    root = stage_root(bindir)
    copy = pathlib.Path(directory) / "stage"
    shutil.copytree(root, copy, symlinks=True, dirs_exist_ok=True)
    run(["chmod", "-R", "go+rX", copy])
    return copy / bindir.relative_to(root)


class Cluster:
    """One cluster below `directory`: data in <name>/, its log in <name>.log, reached by socket and loopback."""

    def __init__(self, name, directory, *, bindir=None, settings=None, hba=None, port=None):
        self.name, self.directory = name, pathlib.Path(directory)
        self.user = server_user()
        self.bindir = reachable(pathlib.Path(bindir or debian_bindir()), self.user, directory)
        self.settings = {**SETTINGS, **(settings or {})}
        self.hba = hba
        self.port = port or free_port()
        self.data = self.directory / name
        self.sockets = self.directory / "sockets"
        self.process = Process(name, [self.bindir / "postgres", "-D", self.data], self.directory / f"{name}.log",
                               user=self.user, cwd=self.directory, stop_signal=signal.SIGINT)

    def init(self):
        """initdb with the settings; superuser postgres, everybody on this machine trusted unless hba says else."""
        for folder in (self.data, self.sockets):
            folder.mkdir(parents=True, exist_ok=True)
            if self.user:
                shutil.chown(folder, self.user)
        run([self.bindir / "initdb", "-D", self.data, "-U", "postgres", "-A", "trust", "-E", "UTF8",
             "--locale=C.UTF-8", "--no-sync", "--no-instructions"], user=self.user, cwd=self.directory)
        self.configure(port=self.port, listen_addresses="127.0.0.1", unix_socket_directories=str(self.sockets),
                       **self.settings)
        if self.hba:
            (self.data / "pg_hba.conf").write_text(self.hba)
        return self

    def configure(self, **settings):
        """Append to postgresql.conf; takes effect at the next start or reload()."""
        with open(self.data / "postgresql.conf", "a", encoding="utf8") as conf:
            for key, value in settings.items():
                quoted = str(value).replace("'", "''")
                conf.write(f"{key} = '{quoted}'\n")

    def start(self, timeout=60):
        self.process.start()
        self.process.ready("connections", self._answers, timeout)
        return self

    def _answers(self):
        with contextlib.closing(self.connect("postgres", connect_timeout=5)):
            return True

    def stop(self):
        """A fast shutdown."""
        self.process.stop()

    def kill9(self):
        """kill -9 of the postmaster and all its processes."""
        self.process.kill9()

    def restart(self, timeout=60):
        self.stop()
        return self.start(timeout)

    def reload(self):
        self.process.signal(signal.SIGHUP)

    def alive(self):
        return self.process.alive()

    def dsn(self, dbname="postgres", **more):
        words = {"host": "127.0.0.1", "port": self.port, "user": "postgres", "dbname": dbname, **more}
        return " ".join(f"{key}={value}" for key, value in words.items())

    def connect(self, dbname="postgres", autocommit=True, **more):
        connection = psycopg2.connect(self.dsn(dbname, **more))
        connection.autocommit = autocommit
        return connection

    def query(self, sql, params=None, dbname="postgres", **more):
        """The rows of one statement on a connection of its own (none when it returns none)."""
        with contextlib.closing(self.connect(dbname, **more)) as connection, connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall() if cursor.description else []

    def value(self, sql, params=None, dbname="postgres", **more):
        """The first column of the first row, or None."""
        rows = self.query(sql, params, dbname, **more)
        return rows[0][0] if rows else None

    def psql_command(self, dbname="postgres"):
        return [str(self.bindir / "psql"), "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", "-d", dbname]

    def psql(self, *args, dbname="postgres", script=None):
        """Run psql -X, stopping at the first error; what it printed."""
        return run([*self.psql_command(dbname), "-X", "-q", "-v", "ON_ERROR_STOP=1", *args],
                   **({"input": script, "stdin": None} if script is not None else {}))

    def tool(self, name, *args, **options):
        """Run a program of this PostgreSQL (pgbench, pg_dump, ...) against the cluster."""
        return run([self.bindir / name, "-h", "127.0.0.1", "-p", str(self.port), "-U", "postgres", *args], **options)

    def log_tail(self, lines=40):
        return self.process.log_tail(lines)


def service(name, directory, *, build=None, settings=None, **more):
    """A cluster that has pg_standin preloaded (not yet initialised)."""
    return Cluster(name, directory, bindir=stage_bindir(build), settings={**SERVICE_SETTINGS, **(settings or {})},
                   **more)


def plain(name, directory, *, settings=None, **more):
    """A cluster as Debian packages it, ready to be a Debezium source."""
    return Cluster(name, directory, settings={**CORE_SETTINGS, **(settings or {})}, **more)
