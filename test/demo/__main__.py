"""make demo, make demo-stop, make demo-psql."""

import fcntl
import getpass
import hashlib
import os
import pathlib
import sys
import time
import traceback

from harness import environment, maven

from . import screen
from .scenes import Demo

CHECKOUT = pathlib.Path(__file__).resolve().parents[2]
DIRECTORY = pathlib.Path(os.environ.get("PG_STANDIN_DEMO") or  # a bank for each user and checkout
                         f"/tmp/pg_standin-demo-{getpass.getuser()}-{hashlib.sha256(bytes(CHECKOUT)).hexdigest()[:6]}")


def alone():
    """Held by a demo that is being played: another one would pull the folder away from under it."""
    lock = open(__file__, encoding="utf8")  # pylint: disable=consider-using-with
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit("a demo is being played from this checkout: wait for its end, or interrupt it")
    return lock


def up():
    if stopped := environment.down(DIRECTORY):
        screen.say(f"stopped what an earlier demo had left running: {', '.join(stopped)}")
    began = time.monotonic()
    screen.title("pg_standin: a bank whose core may die", f"everything lives in {DIRECTORY}, on free ports")
    fetch()
    bank = environment.Environment(DIRECTORY)
    try:
        Demo(bank).run()
    except KeyboardInterrupt:
        bank.stop()
        sys.exit("\ninterrupted; everything is stopped")
    except Exception:  # pylint: disable=broad-except
        screen.say(screen.red("\nthe demo failed"))
        traceback.print_exc()
        screen.say(bank.logs(20))
        bank.stop()
        sys.exit(f"everything is stopped; data and logs are in {DIRECTORY}")
    bank.leave_running()
    screen.say()
    screen.say(screen.bold(f"Done in {time.monotonic() - began:.0f} s.") + " The bank is still open:")
    screen.say("   make demo-psql   psql in the service: try  select * from standin.conservation;")
    screen.say("   make demo-stop   stops everything and removes its folder")


def fetch():
    with screen.step("Kafka, Connect and Debezium from Maven") as it:
        try:
            folders = maven.resolve("kafka"), maven.resolve("debezium", plugin=True)
            it.detail = f"{sum(len(list(folder.iterdir())) for folder in folders)} jars"
        except maven.ArtifactsUnavailable as error:
            sys.exit(f"\n{error}")


def stop():
    screen.say("stopped: " + (", ".join(environment.down(DIRECTORY)) or "nothing was running"))


def psql():
    state, processes = environment.load(DIRECTORY)
    if not any(process.name == "service" and process.alive() for process in processes):
        sys.exit("the demo is not running: make demo starts it")
    os.execv(state["psql"][0], state["psql"])


def main():
    verb = sys.argv[1] if len(sys.argv) > 1 else "up"
    if verb == "psql":
        psql()
    with alone():
        {"up": up, "stop": stop}[verb]()


main()
