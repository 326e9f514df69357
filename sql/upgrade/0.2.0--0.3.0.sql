-- Tables that changed, with what they hold. What was decided silently in version 0.2.0 is decided so still.
-- cmake/upgrade_sql.py writes the rest of the upgrade: what is new, and functions and views that changed.
ALTER TABLE standin_private.core
    ADD COLUMN connections_maximum integer NOT NULL DEFAULT 20 CHECK (connections_maximum BETWEEN 3 AND 10000),
    ADD COLUMN answer_kilobytes integer NOT NULL DEFAULT 1024 CHECK (answer_kilobytes BETWEEN 64 AND 1048576),
    ADD COLUMN hold_release text NOT NULL DEFAULT 'confirmation' CHECK (hold_release IN ('confirmation', 'watermark')),
    ADD COLUMN witness_function text CHECK (witness_function ~ '^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)?$'),
    ADD COLUMN currency text CHECK (currency ~ '^[A-Z]{3}$');
ALTER TABLE standin_private.reconciliation ADD COLUMN account_column text, ADD COLUMN amount_column text;
ALTER TABLE standin_private.core_event ADD COLUMN booked_account text, ADD COLUMN booked_amount numeric;
ALTER TABLE standin_private.balance_source ADD COLUMN status_column text, ADD COLUMN overdraft_column text;
ALTER TABLE standin_private.account
    ADD COLUMN episode_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN day_count bigint NOT NULL DEFAULT 0,
    ADD COLUMN recent bigint[];
ALTER TABLE standin_private.rule
    DROP CONSTRAINT rule_pkey, DROP CONSTRAINT rule_rule_check, DROP CONSTRAINT rule_window_check, DROP CONSTRAINT rule_check, DROP CONSTRAINT rule_check1,
    ADD COLUMN account text NOT NULL DEFAULT '*' CHECK (octet_length(account) BETWEEN 1 AND 255),
    ADD COLUMN maximum_count integer CHECK (maximum_count > 0),
    ADD COLUMN maximum_age interval CHECK (maximum_age >= interval '0'),
    ADD COLUMN hours text CHECK (hours ~ '^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$'),
    ADD COLUMN statuses text,
    ADD COLUMN code text CHECK (code ~ '^(0[1-9]|[1-9][0-9])$'),
    ADD COLUMN effective_from timestamptz,
    ADD COLUMN effective_to timestamptz,
    ADD PRIMARY KEY (core, account, operation, rule, "window"),
    ADD CONSTRAINT rule_window_check CHECK ("window" IN ('', 'episode', 'business_day') OR "window" ~ '^[0-9]'),
    ADD CONSTRAINT rule_known CHECK (rule IN ('allowed_operation', 'block_list', 'allow_list', 'account_status', 'cutoff_window', 'per_transaction_minimum',
        'per_transaction_limit', 'episode_age', 'floor', 'staleness', 'available_balance', 'opt_in_overdraft', 'velocity_count', 'cumulative_limit')),
    ADD CONSTRAINT rule_windowed CHECK ((rule IN ('cumulative_limit', 'velocity_count', 'episode_age')) = ("window" <> '')),
    ADD CONSTRAINT rule_complete CHECK (CASE WHEN rule IN ('per_transaction_limit', 'per_transaction_minimum', 'cumulative_limit', 'floor') THEN amount IS NOT NULL
                                         WHEN rule = 'velocity_count' THEN maximum_count IS NOT NULL
                                         WHEN rule = 'staleness' THEN maximum_age IS NOT NULL
                                         WHEN rule = 'cutoff_window' THEN hours IS NOT NULL
                                         WHEN rule = 'account_status' THEN statuses IS NOT NULL ELSE true END);
ALTER TABLE standin_private.core_mode ADD COLUMN backlog_at timestamptz, ADD COLUMN backlog_rate double precision;
-- So that they are what became of them.
ALTER TABLE standin_private.cdc_progress ADD COLUMN records bigint NOT NULL DEFAULT 0, ADD COLUMN record_rate double precision;
UPDATE standin_private.cdc_progress
SET records = reads + inserts + updates + deletes + truncates + messages + ignored + filtered + duplicates + dead_letters;
ALTER TABLE standin_private.operation
    ALTER COLUMN capability SET DEFAULT 'payments',
    ALTER COLUMN account_field SET DEFAULT 'account',
    ALTER COLUMN amount_field SET DEFAULT 'amount',
    ALTER COLUMN direction SET DEFAULT 'debit',
    ALTER COLUMN dedup SET DEFAULT 'none',
    ADD COLUMN currency_field text;
-- What begins with "$." is a path now. The name of a field that does is one in quotes.
UPDATE standin_private.operation
SET account_field = CASE WHEN account_field LIKE '$.%' THEN '$."' || account_field || '"' ELSE account_field END,
    amount_field = CASE WHEN amount_field LIKE '$.%' THEN '$."' || amount_field || '"' ELSE amount_field END,
    required = (SELECT coalesce(jsonb_object_agg(CASE WHEN r.key LIKE '$.%' THEN '$."' || r.key || '"' ELSE r.key END, r.value), '{}')
                FROM jsonb_each(required) r)
WHERE account_field LIKE '$.%' OR amount_field LIKE '$.%' OR required::text LIKE '%"$.%';
-- A core's connections are bounded now; replay and prober go on as they did.
UPDATE standin_private.core SET connections_maximum = replay_connections + 16 WHERE connections_maximum < replay_connections + 16;
-- The queue is read by its heads: what is in flight is the head of its account, so pending_transaction_sent goes.
DROP INDEX standin_private.pending_transaction_sent;
-- Keys that were taken are bare ones.
ALTER TABLE standin_private.transaction_key
    ADD COLUMN channel text NOT NULL DEFAULT '',
    ADD CHECK (channel = '' OR starts_with(key, channel || '/'));
-- Logs are append-only by sql/kernel/logs.sql; comparisons outlive their source.
DROP TRIGGER append_only ON standin_private.decision;
DROP TRIGGER append_only ON standin_private.core_answer;
DROP TRIGGER append_only ON standin_private.core_event;
DROP TRIGGER append_only ON standin_private.repair;
ALTER TABLE standin_private.cdc_verification DROP CONSTRAINT cdc_verification_source_fkey;
ALTER TABLE standin_private.cdc_difference DROP CONSTRAINT cdc_difference_run_fkey,
    ADD FOREIGN KEY (run) REFERENCES standin_private.cdc_verification ON DELETE RESTRICT;

ALTER TABLE standin_private.kafka_dead_letter ADD COLUMN restored_at timestamptz, ADD COLUMN restored_by name;
ALTER TABLE standin_private.kafka_dead_letter_discarded ADD COLUMN restored_at timestamptz, ADD COLUMN restored_by name;
-- Dead letters keep the hint of their error.
ALTER TABLE standin_private.kafka_dead_letter ADD COLUMN hint text;
ALTER TABLE standin_private.kafka_dead_letter_discarded ADD COLUMN hint text;

-- What an insert took from a row that had not left its old key is not mended any more.
DELETE FROM standin_private.cdc_key_change WHERE fetched;
ALTER TABLE standin_private.cdc_key_change DROP COLUMN fetched, DROP COLUMN new_key;

ALTER TABLE standin_private.cdc_source
    ADD COLUMN on_gap text NOT NULL DEFAULT 'report' CHECK (on_gap IN ('report', 'snapshot'));

-- Names where numbers were kept that a dump or pg_upgrade does not carry over. What was dropped leaves a number.
ALTER TABLE standin_private.cdc_source
    ALTER COLUMN message_function TYPE text USING regexp_replace(message_function::text, '^([0-9]+)$', 'dropped."\1"(text,bytea,text)'),
    ALTER COLUMN signal_table TYPE text USING regexp_replace(signal_table::text, '^([0-9]+)$', 'dropped."\1"');
ALTER TABLE standin_private.cdc_signal
    ALTER COLUMN signal_table TYPE text USING regexp_replace(signal_table::text, '^([0-9]+)$', 'dropped."\1"');
ALTER TABLE standin_private.cdc_verification
    ALTER COLUMN target TYPE text USING regexp_replace(target::text, '^([0-9]+)$', 'dropped."\1"'),
    ALTER COLUMN reference TYPE text USING regexp_replace(reference::text, '^([0-9]+)$', 'dropped."\1"');
DELETE FROM standin_private.workflow_role r WHERE NOT EXISTS (SELECT FROM pg_roles a WHERE a.oid = r.role);
ALTER TABLE standin_private.workflow_role ALTER COLUMN role TYPE name USING pg_get_userbyid(role);
ALTER TABLE standin_private.workflow_run ALTER COLUMN submitter TYPE name USING pg_get_userbyid(submitter);
ALTER TABLE standin_private.workflow_task
    ALTER COLUMN submitter TYPE name USING pg_get_userbyid(submitter),
    ALTER COLUMN claimed_by TYPE name USING pg_get_userbyid(claimed_by);

-- Ready workflows are taken by sequence, whatever the clock says.
ALTER TABLE standin_private.workflow_task
    ALTER COLUMN available_at SET DEFAULT '-infinity',
    ADD COLUMN seq bigint GENERATED ALWAYS AS IDENTITY;
UPDATE standin_private.workflow_task SET available_at = '-infinity' WHERE available_at <= standin_private.clock_now() AND token = 0;
DROP INDEX standin_private.workflow_task_external, standin_private.workflow_task_database;
CREATE INDEX workflow_task_external ON standin_private.workflow_task (name, available_at, seq) WHERE form = 'external';
CREATE INDEX workflow_task_database ON standin_private.workflow_task (submitter, available_at, seq) WHERE form = 'database';

-- Workflows sleep, wait, are cancelled and compensated.
ALTER TABLE standin_private.workflow_definition
    ADD COLUMN code text,
    ADD COLUMN step_limit integer NOT NULL DEFAULT 10000 CHECK (step_limit > 0);
ALTER TABLE standin_private.workflow_run
    DROP CONSTRAINT workflow_run_status_check,
    ADD CONSTRAINT workflow_run_status_check CHECK (status IN ('open', 'completed', 'failed', 'dead', 'cancelled')),
    DROP CONSTRAINT workflow_run_check2,
    ADD CONSTRAINT workflow_run_check2 CHECK ((status IN ('failed', 'dead', 'cancelled')) = (error IS NOT NULL)),
    ADD COLUMN parent text;
ALTER TABLE standin_private.workflow_task
    ADD COLUMN waiting text CHECK (waiting IN ('start', 'sleep', 'retry', 'message', 'event', 'workflow', 'paused', 'blocked')),
    ADD COLUMN waiting_for text,
    ADD COLUMN wait_seq integer,
    ADD COLUMN wait_until timestamptz,
    ADD COLUMN suspended boolean NOT NULL DEFAULT false,
    ADD COLUMN control jsonb,
    ADD COLUMN ending jsonb;
ALTER TABLE standin_private.workflow_step ADD COLUMN kind text NOT NULL DEFAULT 'step';

-- At the end:
-- Application workers go on with what they could claim before.
INSERT INTO standin_private.workflow_grant (name, role, privilege, granted_by)
SELECT DISTINCT name, 'standin_app'::name, 'claim', current_user FROM standin_private.workflow_definition WHERE procedure IS NULL;
-- Whoever has standin_app goes on as before, with bare keys, until an administrator grants otherwise.
INSERT INTO standin_private.operation_grant (core, operation, role, channel, granted_by, granted_at)
SELECT core, '*', 'standin_app', '', current_user, now() FROM standin_private.core;
-- Each account's oldest queued transaction is the head of its queue.
INSERT INTO standin_private.account_queue (core, account, ticket, capability, state, due_at)
SELECT DISTINCT ON (core, account) core, account, ticket, capability, state, coalesce(due_at, '-infinity')
FROM standin_private.pending_transaction WHERE state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')
ORDER BY core, account, ticket;
