-- Stand-in: cores, operations, rules, modes; then what moves money: key, account, pending transaction, decision, answer,
-- change event, repair. Conservation is counted by comparing the last six with each other, so each is written for itself
-- and none is derived from another.

CREATE TABLE standin_private.core (
    core text PRIMARY KEY CHECK (core ~ '^[a-z][a-z0-9_]{0,62}$'),
    connector text NOT NULL CHECK (connector IN ('postgres', 'function')),
    server text,
    connector_role text,
    post_function text NOT NULL,
    inquire_function text,
    probe_function text,
    probe_interval interval NOT NULL DEFAULT '1 second' CHECK (probe_interval >= interval '10 milliseconds'),
    rise integer NOT NULL DEFAULT 2 CHECK (rise BETWEEN 1 AND 1000),
    fall integer NOT NULL DEFAULT 3 CHECK (fall BETWEEN 1 AND 1000),
    minimum_dwell interval NOT NULL DEFAULT '10 seconds' CHECK (minimum_dwell >= interval '0'),
    call_timeout interval NOT NULL DEFAULT '3 seconds'
        CHECK (call_timeout BETWEEN interval '10 milliseconds' AND interval '10 minutes'),
    backlog_ceiling bigint NOT NULL DEFAULT 1000000 CHECK (backlog_ceiling > 0),
    replay_rate double precision NOT NULL DEFAULT 1000 CHECK (replay_rate > 0),
    replay_connections integer NOT NULL DEFAULT 4 CHECK (replay_connections BETWEEN 1 AND 64),
    attempts_maximum integer NOT NULL DEFAULT 10 CHECK (attempts_maximum > 0),
    time_zone text NOT NULL DEFAULT 'UTC',
    defined_at timestamptz NOT NULL DEFAULT now(),
    connections_maximum integer NOT NULL DEFAULT 20 CHECK (connections_maximum BETWEEN 3 AND 10000),
    answer_kilobytes integer NOT NULL DEFAULT 1024 CHECK (answer_kilobytes BETWEEN 64 AND 1048576),
    hold_release text NOT NULL DEFAULT 'confirmation' CHECK (hold_release IN ('confirmation', 'watermark')),
    witness_function text CHECK (witness_function ~ '^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)?$'),
    currency text CHECK (currency ~ '^[A-Z]{3}$'),
    CHECK (post_function ~ '^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)?$'
           AND inquire_function ~ '^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)?$'
           AND probe_function ~ '^[A-Za-z_][A-Za-z0-9_$]*([.][A-Za-z_][A-Za-z0-9_$]*)?$'),
    CHECK (CASE connector WHEN 'postgres' THEN server IS NOT NULL AND connector_role IS NULL
                          ELSE server IS NULL AND connector_role IS NOT NULL END)
);
COMMENT ON TABLE standin_private.core IS 'core banking systems and how to speak to them; distributed: kept whole';

-- Without references to the core, whose row an administrator's open transaction may have locked: the prober waits for nobody.
CREATE TABLE standin_private.core_claim (
    core text NOT NULL,
    claim text NOT NULL, -- '*': whatever stands at the core
    made_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    PRIMARY KEY (core, claim)
);
COMMENT ON TABLE standin_private.core_claim IS 'what this database told the witnesses of its cores, of the last hour; distributed: kept whole';

CREATE TABLE standin_private.core_witness (
    core text PRIMARY KEY,
    agreed_at timestamptz NOT NULL,
    server_started_at timestamptz NOT NULL
);
COMMENT ON TABLE standin_private.core_witness IS 'when the witness of a core agreed last, and to which run of the server; not dumped; kept whole';

CREATE TABLE standin_private.operation (
    core text NOT NULL REFERENCES standin_private.core ON DELETE RESTRICT,
    operation text NOT NULL CHECK (operation ~ '^[A-Za-z][A-Za-z0-9_.-]{0,62}$'),
    capability text NOT NULL DEFAULT 'payments' CHECK (capability <> ''),
    account_field text NOT NULL DEFAULT 'account',
    amount_field text NOT NULL DEFAULT 'amount',
    required jsonb NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(required) = 'object'),
    direction text NOT NULL DEFAULT 'debit' CHECK (direction IN ('debit', 'credit')),
    dedup text NOT NULL DEFAULT 'none' CHECK (dedup IN ('key', 'inquiry', 'none')),
    standin_allowed boolean NOT NULL DEFAULT false,
    on_reject text NOT NULL DEFAULT 'hold' CHECK (on_reject IN ('hold', 'continue')),
    currency_field text,
    PRIMARY KEY (core, operation)
);
COMMENT ON TABLE standin_private.operation IS 'what may be asked of a core, and what is known of each operation; distributed: kept whole';

CREATE TABLE standin_private.operation_grant (
    core text NOT NULL REFERENCES standin_private.core ON DELETE RESTRICT,
    operation text NOT NULL, -- '*' for all
    role text NOT NULL CHECK (role <> ''),
    channel text NOT NULL CHECK (channel ~ '^[^/]*$' AND octet_length(channel) <= 63),
    granted_by text NOT NULL,
    granted_at timestamptz NOT NULL,
    PRIMARY KEY (core, operation, role)
);
COMMENT ON TABLE standin_private.operation_grant IS 'who may submit what, and the namespace of their idempotency keys; distributed: kept whole';

-- The one authoritative row of a core and capability. Its id names the mode's lock.
CREATE TABLE standin_private.core_mode (
    core text NOT NULL REFERENCES standin_private.core ON DELETE RESTRICT,
    capability text NOT NULL,
    id integer GENERATED ALWAYS AS IDENTITY,
    mode text NOT NULL DEFAULT 'online'
        CHECK (mode IN ('online', 'suspect', 'stand_in', 'recovering', 'forced_online', 'forced_stand_in')),
    epoch bigint NOT NULL DEFAULT 1 CHECK (epoch > 0),
    since timestamptz NOT NULL,
    good integer NOT NULL DEFAULT 0 CHECK (good >= 0),
    bad integer NOT NULL DEFAULT 0 CHECK (bad >= 0),
    episode bigint,
    reason text NOT NULL DEFAULT 'defined',
    probed_at timestamptz,
    probe_failure text,
    backlog bigint NOT NULL DEFAULT 0,
    backlog_at timestamptz,
    backlog_rate double precision,
    PRIMARY KEY (core, capability),
    CHECK ((mode IN ('stand_in', 'recovering', 'forced_stand_in')) = (episode IS NOT NULL))
) WITH (fillfactor = 50);
CREATE UNIQUE INDEX core_mode_id ON standin_private.core_mode (id);
COMMENT ON TABLE standin_private.core_mode IS 'who answers now, by core and capability; the epoch only rises; distributed: kept whole';

-- Triggers, so that a restore wakes the supervisor too, in whatever order it loads the tables.
CREATE TRIGGER wake AFTER INSERT OR DELETE ON standin_private.core
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('supervisor');
CREATE TRIGGER wake AFTER INSERT OR DELETE ON standin_private.core_mode
    FOR EACH STATEMENT EXECUTE FUNCTION standin_private.wake_trigger('supervisor');

CREATE TABLE standin_private.core_mode_change (
    core text NOT NULL,
    capability text NOT NULL,
    change bigint GENERATED ALWAYS AS IDENTITY,
    mode_before text NOT NULL,
    mode_after text NOT NULL,
    epoch bigint NOT NULL,
    reason text NOT NULL,
    changed_by text NOT NULL DEFAULT session_user,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (core, capability, change)
);
COMMENT ON TABLE standin_private.core_mode_change IS 'every change of mode, who and why; distributed: kept whole';

CREATE TABLE standin_private.episode (
    core text NOT NULL,
    capability text NOT NULL,
    episode bigint GENERATED ALWAYS AS IDENTITY,
    opened_at timestamptz NOT NULL,
    opened_epoch bigint NOT NULL,
    opened_because text NOT NULL,
    closed_at timestamptz,
    closed_epoch bigint,
    closed_because text,
    PRIMARY KEY (core, capability, episode),
    CHECK ((closed_at IS NULL) = (closed_epoch IS NULL) AND (closed_at IS NULL) = (closed_because IS NULL))
);
CREATE UNIQUE INDEX episode_open ON standin_private.episode (core, capability) WHERE closed_at IS NULL;
COMMENT ON TABLE standin_private.episode IS 'continuous stand-in periods; distributed: kept whole';

CREATE TABLE standin_private.rule (
    core text NOT NULL REFERENCES standin_private.core ON DELETE RESTRICT,
    operation text NOT NULL, -- '*' for all
    rule text NOT NULL,
    "window" text NOT NULL DEFAULT '' CHECK ("window" IN ('', 'episode', 'business_day') OR "window" ~ '^[0-9]'), -- or a time
    amount numeric CHECK (amount >= 0 AND amount < 'Infinity'),
    mode text NOT NULL CHECK (mode IN ('enforce', 'monitor', 'off')),
    account text NOT NULL DEFAULT '*' CHECK (octet_length(account) BETWEEN 1 AND 255), -- '*' for all
    maximum_count integer CHECK (maximum_count > 0),
    maximum_age interval CHECK (maximum_age >= interval '0'),
    hours text CHECK (hours ~ '^([01][0-9]|2[0-3]):[0-5][0-9]-([01][0-9]|2[0-3]):[0-5][0-9]$'),
    statuses text,
    code text CHECK (code ~ '^(0[1-9]|[1-9][0-9])$'),
    effective_from timestamptz,
    effective_to timestamptz,
    PRIMARY KEY (core, account, operation, rule, "window"),
    CONSTRAINT rule_known CHECK (rule IN ('allowed_operation', 'block_list', 'allow_list', 'account_status', 'cutoff_window', 'per_transaction_minimum',
        'per_transaction_limit', 'episode_age', 'floor', 'staleness', 'available_balance', 'opt_in_overdraft', 'velocity_count', 'cumulative_limit')),
    CONSTRAINT rule_windowed CHECK ((rule IN ('cumulative_limit', 'velocity_count', 'episode_age')) = ("window" <> '')),
    CONSTRAINT rule_complete CHECK (CASE WHEN rule IN ('per_transaction_limit', 'per_transaction_minimum', 'cumulative_limit', 'floor') THEN amount IS NOT NULL
                                         WHEN rule = 'velocity_count' THEN maximum_count IS NOT NULL
                                         WHEN rule = 'staleness' THEN maximum_age IS NOT NULL
                                         WHEN rule = 'cutoff_window' THEN hours IS NOT NULL
                                         WHEN rule = 'account_status' THEN statuses IS NOT NULL ELSE true END)
);
COMMENT ON TABLE standin_private.rule IS 'stand-in rules; a rule of an account, then one of an operation, stands before the same rule of *; distributed: kept whole';

CREATE TABLE standin_private.rule_change (
    core text NOT NULL,
    change bigint GENERATED ALWAYS AS IDENTITY,
    operation text NOT NULL,
    account text NOT NULL,
    rule text NOT NULL,
    "window" text NOT NULL,
    rule_before jsonb,
    rule_after jsonb,
    changed_by text NOT NULL DEFAULT session_user,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (core, change)
);
COMMENT ON TABLE standin_private.rule_change IS 'every change of a rule, who and when, append-only; distributed: kept whole';

-- Accounts that stand-in decides nothing for, and those that it decides for alone.
CREATE TABLE standin_private.account_list (
    core text NOT NULL REFERENCES standin_private.core ON DELETE RESTRICT,
    account text NOT NULL CHECK (octet_length(account) BETWEEN 1 AND 255),
    list text NOT NULL CHECK (list IN ('block', 'allow')),
    expires_at timestamptz,
    PRIMARY KEY (core, account, list)
);
COMMENT ON TABLE standin_private.account_list IS 'accounts on the block list and the allow list; distributed by account';

CREATE TABLE standin_private.account_list_change (
    core text NOT NULL,
    account text NOT NULL,
    change bigint GENERATED ALWAYS AS IDENTITY,
    list text NOT NULL,
    listed boolean NOT NULL,
    expires_at timestamptz,
    reason text NOT NULL CHECK (reason <> ''),
    changed_by text NOT NULL DEFAULT session_user,
    changed_at timestamptz NOT NULL,
    PRIMARY KEY (core, account, change)
);
COMMENT ON TABLE standin_private.account_list_change IS 'who put which account on a list or took it off, and why, append-only; distributed by account';

CREATE TABLE standin_private.balance_source (
    core text PRIMARY KEY REFERENCES standin_private.core ON DELETE RESTRICT,
    target regclass NOT NULL,
    account_column text NOT NULL,
    balance_column text NOT NULL,
    as_of_column text,
    status_column text,
    overdraft_column text
);
COMMENT ON TABLE standin_private.balance_source IS 'the replicated table a core''s balances are read from; distributed: kept whole';

CREATE TABLE standin_private.reconciliation (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    core text NOT NULL REFERENCES standin_private.core ON DELETE RESTRICT,
    target regclass NOT NULL UNIQUE,
    key_column text NOT NULL,
    account_column text,
    amount_column text
);
COMMENT ON TABLE standin_private.reconciliation IS 'replicated tables whose rows carry our idempotency keys; distributed: kept whole';

-- Tickets give the order within an account: drawn while the account's row is locked, and without a cache, so that a higher
-- ticket is a later accept.
CREATE SEQUENCE standin_private.ticket AS bigint CACHE 1;

CREATE TABLE standin_private.transaction_key (
    core text NOT NULL,
    key text NOT NULL CHECK (octet_length(key) BETWEEN 1 AND 255),
    ticket bigint NOT NULL,
    account text NOT NULL,
    digest bytea NOT NULL,
    channel text NOT NULL DEFAULT '', -- '': bare keys
    CHECK (channel = '' OR starts_with(key, channel || '/')),
    PRIMARY KEY (core, key)
);
COMMENT ON TABLE standin_private.transaction_key IS 'idempotency keys as the core sees them, with the channel that they belong to and the digest of operation and payload; narrow, outlives history; distributed by key';

CREATE TABLE standin_private.account (
    core text NOT NULL,
    account text NOT NULL CHECK (octet_length(account) BETWEEN 1 AND 255),
    held numeric NOT NULL DEFAULT 0 CHECK (held >= 0),
    episode bigint,
    episode_total numeric NOT NULL DEFAULT 0,
    business_day date,
    day_total numeric NOT NULL DEFAULT 0,
    episode_count bigint NOT NULL DEFAULT 0,
    day_count bigint NOT NULL DEFAULT 0,
    recent bigint[], -- when the last ones were accepted, microseconds since 2000: as many as a rule looks at
    PRIMARY KEY (account, core)
) WITH (fillfactor = 50);
COMMENT ON TABLE standin_private.account IS 'an account''s lock, holds and limit counters; distributed by account';

CREATE TABLE standin_private.pending_transaction (
    ticket bigint NOT NULL,
    account text NOT NULL,
    core text NOT NULL,
    capability text NOT NULL,
    operation text NOT NULL,
    key text NOT NULL,
    amount numeric NOT NULL CHECK (amount >= 0 AND amount < 'Infinity'),
    payload jsonb NOT NULL,
    promised boolean NOT NULL, -- stand-in decided in the core's place, so a refusal by the core needs a person
    epoch bigint NOT NULL,
    episode bigint,
    accepted_at timestamptz NOT NULL,
    state text NOT NULL CHECK (state IN ('declined', 'accepted', 'in_flight', 'retry_wait', 'unknown', 'posted', 'reconciled',
                                         'rejected', 'repair', 'compensated', 'cancelled', 'expired')),
    hold numeric NOT NULL DEFAULT 0 CHECK (hold >= 0 AND (hold = 0 OR state NOT IN ('declined', 'reconciled', 'compensated', 'cancelled', 'expired'))),
    attempts integer NOT NULL DEFAULT 0,
    answers integer NOT NULL DEFAULT 0,
    due_at timestamptz,
    sent_at timestamptz,
    changed_at timestamptz NOT NULL,
    answered text CHECK (answered IN ('posted', 'rejected')), -- the last answer of the core that settles something
    reference text,
    message text,
    PRIMARY KEY (ticket, account)
) WITH (fillfactor = 80);
-- The queue: what still stands before the core, in order, by account.
CREATE INDEX pending_transaction_queue ON standin_private.pending_transaction (core, account, ticket)
    WHERE state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair');
COMMENT ON TABLE standin_private.pending_transaction IS 'every transaction asked for, and where it stands; distributed by account';

-- The head of each account's queue, so that whoever looks for work looks at accounts, not at transactions. An accept
-- makes the row with the account's first queued transaction, a trigger follows what becomes of the heads. Kept while
-- the account's row is locked; only a head's state changes without that.
CREATE TABLE standin_private.account_queue (
    core text NOT NULL,
    account text NOT NULL,
    ticket bigint NOT NULL,
    capability text NOT NULL,
    state text NOT NULL CHECK (state IN ('accepted', 'in_flight', 'retry_wait', 'unknown', 'repair')),
    due_at timestamptz NOT NULL DEFAULT '-infinity',
    PRIMARY KEY (core, account)
) WITH (fillfactor = 70);
CREATE INDEX account_queue_state ON standin_private.account_queue (core, capability, state, due_at, ticket);
COMMENT ON TABLE standin_private.account_queue IS 'the oldest queued transaction of each account that has one; distributed by account';

-- Posted transactions whose holds go when the balance's watermark has passed them (hold_release 'watermark').
CREATE TABLE standin_private.posted_hold (
    core text NOT NULL,
    account text NOT NULL,
    ticket bigint NOT NULL,
    posted_at timestamptz NOT NULL,
    PRIMARY KEY (core, account, ticket)
);
COMMENT ON TABLE standin_private.posted_hold IS 'holds of posted transactions that wait for the balance''s watermark; distributed by account';

-- The decision log: one row a decision, never updated. "refused": the core said no to a transaction that nobody had
-- promised anything about.
CREATE TABLE standin_private.decision (
    ticket bigint NOT NULL,
    account text NOT NULL,
    decision text NOT NULL CHECK (decision IN ('accepted', 'forwarded', 'declined', 'refused')),
    core text NOT NULL,
    operation text NOT NULL,
    key text NOT NULL,
    amount numeric NOT NULL,
    code text NOT NULL,
    message text NOT NULL,
    mode text NOT NULL,
    epoch bigint NOT NULL,
    verdicts jsonb,
    decided_by text NOT NULL DEFAULT session_user,
    decided_at timestamptz NOT NULL,
    PRIMARY KEY (ticket, account, decision)
);
COMMENT ON TABLE standin_private.decision IS 'decision log, append-only; distributed by account';

CREATE TABLE standin_private.core_answer (
    ticket bigint NOT NULL,
    account text NOT NULL,
    answer integer NOT NULL,
    core text NOT NULL,
    key text NOT NULL,
    amount numeric NOT NULL,
    call text NOT NULL CHECK (call IN ('post', 'inquire')),
    outcome text NOT NULL CHECK (outcome IN ('posted', 'rejected', 'not_found', 'not_delivered', 'unknown')),
    reference text,
    message text,
    answered_at timestamptz NOT NULL,
    PRIMARY KEY (ticket, account, answer)
);
COMMENT ON TABLE standin_private.core_answer IS 'what the connectors heard, append-only; distributed by account';

CREATE TABLE standin_private.core_event (
    core text NOT NULL,
    key text NOT NULL,
    ticket bigint NOT NULL,
    account text NOT NULL,
    reconciliation bigint NOT NULL,
    seen_at timestamptz NOT NULL,
    booked_account text,
    booked_amount numeric,
    PRIMARY KEY (core, key)
);
COMMENT ON COLUMN standin_private.core_event.booked_amount IS 'as the core wrote it, without its sign; null: its column is not bound';
COMMENT ON TABLE standin_private.core_event IS 'our keys seen in the core''s own change events, append-only; distributed by key';

-- Change events whose account was locked by a session when they were applied: the replay worker moves the transactions
-- on as soon as it can. Until then they are counted as booked.
CREATE TABLE standin_private.confirmation (
    core text NOT NULL,
    account text NOT NULL,
    ticket bigint NOT NULL,
    reconciliation bigint NOT NULL,
    seen_at timestamptz NOT NULL,
    PRIMARY KEY (core, account, ticket)
);
COMMENT ON TABLE standin_private.confirmation IS 'change events seen whose transactions wait for their account''s lock; distributed by account';

CREATE TABLE standin_private.repair (
    ticket bigint NOT NULL,
    account text NOT NULL,
    action bigint GENERATED ALWAYS AS IDENTITY,
    core text NOT NULL,
    key text NOT NULL,
    resolution text NOT NULL CHECK (resolution IN ('retry', 'compensated', 'cancelled')),
    reason text NOT NULL CHECK (reason <> ''),
    state_before text NOT NULL,
    repaired_by text NOT NULL DEFAULT session_user,
    repaired_at timestamptz NOT NULL,
    PRIMARY KEY (ticket, account, action)
);
COMMENT ON TABLE standin_private.repair IS 'what persons decided about transactions, append-only; distributed by account';

CREATE TABLE standin_private.difference (
    ticket bigint NOT NULL,
    account text NOT NULL,
    core text NOT NULL,
    key text NOT NULL,
    state_before text NOT NULL,
    booked_account text,
    booked_amount numeric,
    reason text NOT NULL CHECK (reason <> ''),
    settled_by text NOT NULL DEFAULT session_user,
    settled_at timestamptz NOT NULL,
    PRIMARY KEY (ticket, account)
);
COMMENT ON TABLE standin_private.difference IS 'what persons settled of what the core booked otherwise than it was promised, append-only; distributed by account';
