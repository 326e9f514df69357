GRANT EXECUTE ON FUNCTION standin.cdc_source_create, standin.cdc_source_alter, standin.cdc_source_reset,
    standin.cdc_source_drop(text), standin.cdc_table_add,
    standin.cdc_table_remove(text, text) TO standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_pause(text, text), standin.cdc_resume(text),
    standin.cdc_seek(text, text, integer, bigint), standin.cdc_seek(text, text, text, integer),
    standin.cdc_seek(text, text, timestamptz, integer),
    standin.cdc_replay(text, text, integer, bigint, bigint, regclass, name, text), standin.cdc_snapshot(text, text, text, text, text),
    standin.cdc_dead_letter_retry(text, text, integer, bigint, boolean), standin.cdc_dead_letter_retry(text, text, text, boolean),
    standin.cdc_dead_letter_discard(text, text, integer, bigint, text), standin.cdc_dead_letter_discard(text, text, text, text, boolean),
    standin.cdc_dead_letter_restore(text, text, integer, bigint), standin.cdc_dead_letter_restore(text, text, text)
    TO standin_operator, standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_gaps_snapshot(text), standin.cdc_gap_dismiss(text, text, text) TO standin_operator, standin_admin;
GRANT SELECT ON standin.cdc_gaps TO standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.cdc_signals TO standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.cdc_sources, standin.cdc_tables, standin.stat_cdc, standin.stat_cdc_records TO standin_operator, standin_auditor, standin_admin, pg_monitor;
GRANT SELECT ON standin.cdc_dead_letters, standin.cdc_dead_letters_discarded TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.cdc_dead_letter_stale(standin_private.kafka_dead_letter) TO standin_operator, standin_auditor, standin_admin; -- for the view
GRANT EXECUTE ON FUNCTION standin_private.clock_now() TO standin_operator, standin_auditor, standin_admin, pg_monitor; -- for the view
GRANT EXECUTE ON FUNCTION standin_private.cdc_topic_of(text, text), standin_private.cdc_worker_of(text, integer, integer),
    standin_private.cdc_worker_key(text, integer), standin_private.cdc_message_function(text), standin_private.table_named(text),
    standin_private.cdc_message_function_name(regprocedure) TO standin_operator, standin_auditor, standin_admin, pg_monitor; -- for the views
GRANT SELECT ON standin.cdc_messages TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_verification_begin(text, text, regclass), standin.cdc_verification_commits(),
    standin.cdc_verification_note(bigint, bigint, jsonb, text, name[], boolean), standin.cdc_verification_ends(bigint),
    standin.cdc_verification_passed(bigint, jsonb), standin.cdc_verification_range(text[], text[], text[], text[]),
    standin.cdc_verification_row(text[], text[], jsonb), standin.cdc_verification_state(text[])
    TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON PROCEDURE standin.cdc_verification_settle(bigint, jsonb, jsonb[], interval), standin.cdc_verification_pin(), standin.cdc_verify
    TO standin_operator, standin_auditor, standin_admin;
GRANT SELECT ON standin.cdc_verifications, standin.cdc_differences TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_table_create TO standin_admin;
GRANT SELECT ON standin.cdc_tables_planned TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON FUNCTION standin.cdc_column_map, standin.cdc_field_drop(text, text, text),
    standin.cdc_column_unmap(text, text, name), standin.cdc_table_alter, standin.cdc_table_reset TO standin_admin;
GRANT SELECT ON standin.cdc_columns TO standin_operator, standin_auditor, standin_admin;
