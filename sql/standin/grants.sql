GRANT EXECUTE ON FUNCTION standin.transaction_submit, standin.transaction_status TO standin_app, standin_admin;
GRANT EXECUTE ON PROCEDURE standin.transaction_execute, standin.transaction_wait TO standin_app, standin_admin;
GRANT EXECUTE ON FUNCTION standin.core_switch, standin.repair_resolve, standin.difference_settle,
    standin.account_list_add, standin.account_list_remove TO standin_operator, standin_admin;
GRANT EXECUTE ON FUNCTION standin.transaction_status TO standin_operator, standin_auditor;
GRANT EXECUTE ON FUNCTION standin.rule_evaluate TO standin_operator, standin_auditor, standin_admin;
GRANT EXECUTE ON PROCEDURE standin.transaction_wait TO standin_operator, standin_auditor;
GRANT EXECUTE ON FUNCTION standin.core_create, standin.core_alter, standin.core_reset, standin.core_drop, standin.core_define,
    standin.operation_create, standin.operation_alter, standin.operation_reset, standin.operation_drop, standin.operation_define,
    standin.rule_create, standin.rule_alter, standin.rule_reset, standin.rule_drop, standin.rule_define, standin.balance_bind,
    standin.reconciliation_bind, standin.operation_grant, standin.operation_revoke TO standin_admin;
GRANT USAGE ON FOREIGN DATA WRAPPER standin_postgres TO standin_admin;
GRANT SELECT ON standin.transactions, standin.pending_transactions, standin.core_status, standin.core_mode_changes, standin.episodes,
    standin.decisions, standin.repairs, standin.accounts, standin.conservation_faults, standin.conservation,
    standin.reconciliation_differences, standin.operation_grants, standin.cores, standin.operations, standin.rules, standin.rule_kinds, standin.rule_changes,
    standin.account_lists, standin.account_list_changes, standin.bindings TO standin_operator, standin_auditor, standin_approver, standin_admin;
GRANT SELECT ON standin.core_status TO standin_app;
GRANT SELECT ON standin.backlogs TO standin_operator, standin_auditor, standin_admin;
-- A view runs its functions as whoever reads it.
GRANT EXECUTE ON FUNCTION standin_private.prober_state, standin_private.core_witness_state, standin_private.core_witness_at
    TO standin_app, standin_operator, standin_auditor, standin_approver, standin_admin;
GRANT EXECUTE ON FUNCTION standin_private.state_message, standin_private.clock_now, standin_private.account_overlay,
    standin_private.balance_problem, standin_private.payload_digest
    TO standin_operator, standin_auditor, standin_approver, standin_admin;
