"""make demo, make demo-stop, make demo-psql."""

import getpass
import os
import pathlib
import sys
import time
import traceback

from harness import environment, maven

from . import screen
from .scenes import Demo

DIRECTORY = pathlib.Path(os.environ.get("PG_STANDIN_DEMO") or f"/tmp/pg_standin-demo-{getpass.getuser()}")


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
            it.detail = f"{len(list(maven.resolve('kafka').iterdir()) + list(maven.resolve('debezium', True).iterdir()))} jars"
        except maven.ArtifactsUnavailable as error:
            sys.exit(f"\n{error}")


def stop():
    screen.say("stopped: " + (", ".join(environment.down(DIRECTORY)) or "nothing was running"))


def psql():
    state, processes = environment.load(DIRECTORY)
    if not any(process.name == "service" and process.alive() for process in processes):
        sys.exit("the demo is not running: make demo starts it")
    os.execv(state["psql"][0], state["psql"])


if __name__ == "__main__":
    {"up": up, "stop": stop, "psql": psql}[sys.argv[1] if len(sys.argv) > 1 else "up"]()
