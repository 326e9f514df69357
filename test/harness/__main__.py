"""By hand: python3 -m harness up|down|status|psql|kill9|start --dir DIR (from the folder test/)."""

import argparse
import os
import pathlib
import shlex
import sys

from . import environment, guardian


def main():
    parser = argparse.ArgumentParser(prog="harness", description=__doc__)
    parser.add_argument("verb", choices=["up", "down", "status", "psql", "kill9", "start"])
    parser.add_argument("name", nargs="?", help="kill9, start: core, kafka, connect or service")
    parser.add_argument("--dir", default="/tmp/pg_standin-hand", help="where everything lives (%(default)s)")
    parser.add_argument("--core", action="store_true", help="up: also the core bank")
    parser.add_argument("--kafka", action="store_true", help="up: also Kafka")
    parser.add_argument("--connect", action="store_true", help="up: core, Kafka, Connect with Debezium")
    parser.add_argument("--no-extension", action="store_true", help="up: do not CREATE EXTENSION")
    options = parser.parse_args()
    globals()["verb_" + options.verb](options)


def verb_up(options):
    if environment.load(options.dir)[0]:
        sys.exit(f"{options.dir} is in use: python3 -m harness down --dir {options.dir}")
    bank = environment.Environment(options.dir)
    bank.start_service(extension=not options.no_extension)
    if options.core or options.connect:
        bank.start_core()
    if options.kafka or options.connect:
        bank.start_kafka()
    if options.connect:
        bank.start_connect()
    bank.leave_running()
    verb_status(options)


def verb_status(options):
    state, processes = environment.load(options.dir)
    if not state:
        sys.exit(f"nothing was left running in {options.dir}")
    for process in processes:
        print(f"{process.name:8} {'pid ' + str(process.pid) if process.alive() else 'not running':14} {process.log}")
    print("service:", shlex.join(state["psql"]))
    if state["core_psql"]:
        print("core:   ", shlex.join(state["core_psql"]))
    for name in ("kafka", "connect"):
        if state[name]:
            print(f"{name}: {state[name]}")


def verb_psql(options):
    state, _ = environment.load(options.dir)
    if not state:
        sys.exit(f"nothing was left running in {options.dir}")
    os.execv(state["psql"][0], state["psql"])


def verb_down(options):
    print("stopped:", ", ".join(environment.down(options.dir)) or "nothing was running")


def verb_kill9(options):
    _change(options, lambda process: process.kill9())


def verb_start(options):
    _change(options, _start)


def _start(process):
    is_postgres = os.path.basename(process.argv[0]) == "postgres"
    lock = pathlib.Path(process.argv[-1]) / "postmaster.pid"
    if is_postgres:
        _forget_zombie([lock, *pathlib.Path(process.cwd).glob("sockets/*.lock")])
    process.start()
    if is_postgres:
        process.ready("connections", lambda: "ready" in lock.read_text())
    process.detach()


def _forget_zombie(locks):
    """Where nobody reaps orphans, a killed postmaster stays a zombie, and its lock files would seem to be in use."""
    for lock in locks:
        if lock.exists() and guardian.start_time(lock.read_text().split()[0]) is None:
            lock.unlink()


def _change(options, action):
    state, processes = environment.load(options.dir)
    if not state:
        sys.exit(f"nothing was left running in {options.dir}")
    for process in processes:
        if process.name == options.name:
            action(process)
            environment.save(options.dir, state, processes)
            return
    sys.exit(f"no process named {options.name}; there are {', '.join(process.name for process in processes)}")


main()
