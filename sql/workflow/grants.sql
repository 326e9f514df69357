GRANT EXECUTE ON FUNCTION standin.workflow_define(text, regprocedure, integer, integer) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin.workflow_start(text, text, jsonb, timestamptz) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_result(text, interval) TO standin_app, standin_operator, standin_auditor;
GRANT EXECUTE ON PROCEDURE standin.workflow_wait(text, interval, text, jsonb, jsonb) TO standin_app, standin_operator, standin_auditor;
GRANT EXECUTE ON PROCEDURE standin.step(text, text, jsonb, jsonb, integer, interval, interval, text[], interval, text, text) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_current() TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_key() TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_claim(text, text[], interval, integer, interval) TO standin_app;
GRANT EXECUTE ON PROCEDURE standin.workflow_claim_wait(text[], interval, boolean) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_record(text, bigint, text, jsonb, jsonb, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.step_result(text, bigint, text, jsonb, integer) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_extend(text, bigint, interval) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_complete(text, bigint, jsonb) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_fail(text, bigint, text, jsonb) TO standin_app;
GRANT EXECUTE ON PROCEDURE standin.sleep(text, interval), standin.sleep_until(text, timestamptz), standin.recv(text, interval, jsonb),
    standin.await_workflow(text, jsonb), standin.event_set(text, jsonb), standin.await_event(text, text, interval, jsonb),
    standin.value(text, text, jsonb) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.workflow_release(text, bigint, interval), standin.message_send(text, text, jsonb, text),
    standin.workflow_fork(text, integer, text) TO standin_app;
GRANT EXECUTE ON FUNCTION standin.event_get(text, text) TO standin_app, standin_operator, standin_auditor;
GRANT EXECUTE ON FUNCTION standin.workflow_cancel(text, text, boolean), standin.workflow_pause(text, text), standin.workflow_resume(text),
    standin.workflow_retry(text), standin.workflow_migrate(text, integer) TO standin_app, standin_operator;
GRANT EXECUTE ON FUNCTION standin.workflow_grant(text, name, text), standin.workflow_revoke(text, name, text),
    standin.workflow_reassign(name, name) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.workflow_status(text, bigint, text, text, boolean, name) TO standin_app, standin_operator, standin_auditor, standin_admin; -- for the view
GRANT SELECT ON standin.workflows, standin.workflow_steps, standin.workflow_messages, standin.workflow_events TO standin_app, standin_operator, standin_auditor;
GRANT SELECT ON standin.workflow_grants TO standin_app, standin_admin, standin_operator, standin_auditor;
