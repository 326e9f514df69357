"""An application worker for the workflow "loan": PGDATABASE=bank python3 worker.py [idle seconds]. Run as many as you like."""

import socket
import sys

import psycopg2
from psycopg2.extras import Json, RealDictCursor

IDLE = sys.argv[1] if len(sys.argv) > 1 else "3600"
db = psycopg2.connect("user=lending", cursor_factory=RealDictCursor)


def score(cursor, loan):
    return {"score": len(loan["name"]) * 100}  # a call to the outside would carry f"{workflow id}/score" as its key


def open_loan(cursor, loan):
    cursor.execute("INSERT INTO loan VALUES (%s, 'open', %s)", [loan["id"], loan["score"]])
    return {}


def pay_out(cursor, loan):
    cursor.execute("UPDATE loan SET state = 'paid out' WHERE id = %s", [loan["id"]])
    return {"paid": loan["id"]}


def work(task):
    """Each step commits with its record. A step that is recorded is not done again."""
    loan, held = task["input"], [task["id"], task["token"]]
    for name, step in {"score": score, "open": open_loan, "pay out": pay_out}.items():
        with db, db.cursor() as cursor:
            cursor.execute("SELECT * FROM standin.step_result(%s, %s, %s)", [*held, name])
            done = cursor.fetchone()
            output = done["output"] if done["recorded"] else step(cursor, loan)
            if not done["recorded"]:
                cursor.execute("SELECT standin.step_record(%s, %s, %s, %s)", [*held, name, Json(output)])
            loan.update(output)
    with db, db.cursor() as cursor:
        cursor.execute("SELECT standin.workflow_complete(%s, %s, %s)", [*held, Json(loan)])


while True:
    with db, db.cursor() as cursor:
        cursor.execute("SELECT * FROM standin.workflow_claim(%s, '{loan}', lease => '1 min')", [socket.gethostname()])
        tasks = cursor.fetchall()
    for task in tasks:
        try:
            work(task)
        except psycopg2.errors.ObjectNotInPrerequisiteState as lost:  # the lease ended and another worker has it
            print(lost)
    if not tasks:
        db.autocommit = True  # a wait holds no transaction
        with db.cursor() as cursor:
            cursor.execute("CALL standin.workflow_claim_wait('{loan}', %s)", [f"{IDLE} s"])
            ready = cursor.fetchone()["ready"]
        db.autocommit = False
        if not ready:
            break
