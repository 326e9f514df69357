"""Steps of an in-database workflow against a PL/pgSQL loop that does the same writes and commits as often."""

from harness.await_ import await_

from .results import resident_memory

STEPS = 20000

SETUP = """
CREATE TABLE account (id bigint PRIMARY KEY, balance bigint NOT NULL) WITH (fillfactor = 50);
INSERT INTO account SELECT i, 0 FROM generate_series(1, 1000) i;
CREATE TABLE step_log (run text, seq bigint, name text, output jsonb, at timestamptz DEFAULT clock_timestamp(), PRIMARY KEY (run, seq));

CREATE FUNCTION add_one(input jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
BEGIN
    UPDATE public.account SET balance = balance + 1 WHERE id = (input->>'id')::bigint;
    RETURN input;
END $$;
CREATE PROCEDURE many_steps(input jsonb) LANGUAGE plpgsql AS $$
DECLARE
    output jsonb;
BEGIN
    FOR i IN 1..(input->>'steps')::int LOOP
        CALL standin.step('add', 'public.add_one(jsonb)', jsonb_build_object('id', i % 1000 + 1), output);
    END LOOP;
END $$;
CREATE PROCEDURE same_in_a_loop(steps int) LANGUAGE plpgsql AS $$
BEGIN
    FOR i IN 1..steps LOOP
        PERFORM public.add_one(jsonb_build_object('id', i % 1000 + 1));
        INSERT INTO public.step_log (run, seq, name, output) VALUES ('loop', i, 'add', jsonb_build_object('id', i % 1000 + 1));
        COMMIT;
    END LOOP;
END $$;
CREATE ROLE teller LOGIN;
GRANT standin_app TO teller;
GRANT ALL ON account, step_log TO teller;
"""


def run(server, _directory, results):
    server.psql("-c", SETUP, dbname="bank")
    server.query("SELECT standin.workflow_define('many_steps', 'many_steps(jsonb)')", dbname="bank")
    began = server.value("SELECT extract(epoch FROM clock_timestamp())", dbname="bank")
    server.query("CALL same_in_a_loop(%s)", [STEPS], dbname="bank", user="teller")
    loop = STEPS / float(server.value("SELECT extract(epoch FROM clock_timestamp())", dbname="bank") - began)

    # A short run first: the executor's start belongs to no step.
    for name, steps in (("warm", 10), ("timed", STEPS)):
        server.query("SELECT standin.workflow_start('many_steps', %s, jsonb_build_object('steps', %s))", [name, steps],
                     dbname="bank", user="teller")
        await_(f"workflow {name}", lambda run=name: server.value("SELECT status FROM standin.workflows WHERE workflow_id = %s", [run],
                                                                  dbname="bank") == "completed", timeout=300)
    seconds = server.value("""SELECT extract(epoch FROM max(recorded_at) - min(recorded_at)) FROM standin.workflow_steps
                              WHERE workflow_id = 'timed'""", dbname="bank")
    results.add("step_vs_plpgsql", STEPS / float(seconds), "steps/s", "PL/pgSQL loop", loop)
    resident_memory(server, "bank", results)
