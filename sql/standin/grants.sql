GRANT EXECUTE ON FUNCTION standin.transaction_submit, standin.transaction_status TO standin_app;
GRANT EXECUTE ON PROCEDURE standin.transaction_execute, standin.transaction_wait TO standin_app;
GRANT EXECUTE ON FUNCTION standin.core_switch, standin.repair_resolve TO standin_operator, standin_admin;
GRANT EXECUTE ON FUNCTION standin.transaction_status TO standin_operator, standin_auditor;
GRANT EXECUTE ON FUNCTION standin.core_define, standin.operation_define, standin.rule_define, standin.balance_bind,
    standin.reconciliation_bind TO standin_admin;
GRANT USAGE ON FOREIGN DATA WRAPPER standin_postgres TO standin_admin;
GRANT SELECT ON standin.transactions, standin.pending_transactions, standin.core_status, standin.core_mode_changes, standin.episodes,
    standin.decisions, standin.repairs, standin.accounts, standin.conservation_faults, standin.conservation,
    standin.reconciliation_differences TO standin_operator, standin_auditor, standin_approver, standin_admin;
GRANT SELECT ON standin.core_status TO standin_app;
-- A view runs its functions as whoever reads it.
GRANT EXECUTE ON FUNCTION standin_private.state_message, standin_private.clock_now, standin_private.account_overlay
    TO standin_operator, standin_auditor, standin_approver, standin_admin;
