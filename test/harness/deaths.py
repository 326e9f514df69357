"""Random deaths for the crash rounds: of a whole part by kill -9, or of the process that reaches a named point."""

import contextlib
import time

import psycopg2

from . import scratch


def strike(bank, chance, victims, points, share):
    """A few deaths at random moments; `share`: how many of them at a point."""
    for _ in range(chance.randint(2, 4)):
        time.sleep(chance.uniform(0.2, 2))  # the random moment itself, not a wait for something
        if chance.random() < share:
            die_at_a_point(bank, chance, points)
        else:
            kill(bank, chance.choice(victims), chance)


def kill(bank, victim, chance):
    """kill -9, a random while of absence, and the return."""
    absence = chance.uniform(0, 2)
    print(f"  kill -9 of {victim}, away for {absence:.1f} s", flush=True)
    part = getattr(bank, victim)
    part.kill9()
    time.sleep(absence)
    part.start()


def die_at_a_point(bank, chance, points):
    point = chance.choice(points)
    print(f"  the next at {point}, after {(skip := chance.randint(0, 20))} passes, kills itself", flush=True)
    try:
        bank.query("select standin_private.crash_point_arm(%s, %s)", [point, skip])
    except psycopg2.OperationalError:
        pass  # the last armed point has just gone off


@contextlib.contextmanager
def told(bank, views):
    """If the rounds within fail: what the views say, the ends of the logs, and the folder is kept."""
    try:
        yield
    except BaseException:
        if bank.service.alive():
            for view in views:
                print(bank.service.psql("-x", "-c", f"select * from standin.{view} limit 8", dbname=bank.DATABASE))
        print(bank.logs(15))
        print(f"data and logs are kept in {bank.directory}")
        scratch.keep(bank.directory)
        raise
