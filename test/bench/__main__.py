"""`make bench [BENCH=cdc|standin|workflow|isolation]`: all groups, or one."""

import importlib
import platform
import sys

from harness import postgres, scratch

from .results import Results

GROUPS = ("cdc", "standin", "workflow", "isolation")
SETTINGS = {"shared_buffers": "1GB", "max_wal_size": "8GB", "checkpoint_timeout": "30min", "log_min_messages": "warning"}


def main():
    groups = sys.argv[1:] or GROUPS
    results = Results()
    print(f"{platform.machine()}, one machine, one run; higher is better, except for memory")
    for name in groups:
        if name not in GROUPS:
            sys.exit(f"unknown group {name}: one of {', '.join(GROUPS)}")
        directory = scratch.scratch()
        server = postgres.service("service", directory, build="release", settings=SETTINGS).init().start()
        try:
            server.query("CREATE DATABASE bank")
            server.query("CREATE EXTENSION pg_standin", dbname="bank")
            print(f"{name}:")
            importlib.import_module(f".{name}", __package__).run(server, directory, results)
        finally:
            server.stop()
    results.write()


main()
