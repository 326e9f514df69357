-- What a rule must say of itself, and what it may; what the kinds mean is said here for standin.rule_kinds.
CREATE VIEW standin_private.rule_kind (rule, windows, required, optional, code, meaning) AS VALUES
    ('allowed_operation', '', '{}'::text[], '{amount}'::text[], '57', 'the operation''s standin_allowed; enforced even if nobody declares it'),
    ('block_list', '', '{}', '{}', '62', 'the account is not on the block list'),
    ('allow_list', '', '{}', '{}', '62', 'the account is on the allow list'),
    ('account_status', '', '{statuses}', '{}', '62', 'the status_column of its balance is one of statuses'),
    ('cutoff_window', '', '{hours}', '{}', '90', 'the time of day at the core is in hours'),
    ('per_transaction_minimum', '', '{amount}', '{}', '13', 'a transaction is of amount at least'),
    ('per_transaction_limit', '', '{amount}', '{}', '61', 'a transaction is of amount at most'),
    ('episode_age', 'time', '{}', '{amount}', '61', 'once the episode is as old as window, a transaction is of amount at most; without amount nothing is accepted any more (57)'),
    ('floor', '', '{amount}', '{}', '00', 'up to amount staleness, available_balance and opt_in_overdraft are content; the account must exist all the same'),
    ('staleness', '', '{maximum_age}', '{}', '91', 'the as_of_column of the balance is no older than maximum_age'),
    ('available_balance', '', '{}', '{amount}', '51', 'the debit is within balance - holds + amount (an arranged overdraft)'),
    ('opt_in_overdraft', '', '{}', '{}', '51', 'the debit is within balance - holds, or the overdraft_column of the balance is true'),
    ('velocity_count', 'episode, business_day, time', '{maximum_count}', '{}', '65', 'maximum_count debits of the account at most in the window'),
    ('cumulative_limit', 'episode, business_day', '{amount}', '{}', '61', 'debits of the account of amount at most in the window');
COMMENT ON VIEW standin_private.rule_kind IS 'kinds of stand-in rules: which windows and options each takes, the code of its declines, and when it is content';

CREATE FUNCTION standin_private.rule_options_require(r standin_private.rule) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    kind standin_private.rule_kind;
    given text[] := ARRAY(SELECT o.key FROM jsonb_each(to_jsonb(r)) o WHERE o.value <> 'null'
                          AND o.key IN ('amount', 'maximum_count', 'maximum_age', 'hours', 'statuses') ORDER BY o.key);
    wrong text;
BEGIN
    SELECT * INTO kind FROM standin_private.rule_kind k WHERE k.rule = r.rule;
    SELECT o INTO wrong FROM unnest(kind.required) o WHERE o <> ALL (given);
    IF FOUND THEN
        RAISE EXCEPTION 'rule "%" needs %', r.rule, wrong USING ERRCODE = 'invalid_parameter_value', HINT = format('It is content if %s.', kind.meaning);
    END IF;
    SELECT o INTO wrong FROM unnest(given) o WHERE o <> ALL (kind.required || kind.optional);
    IF FOUND THEN
        RAISE EXCEPTION '% is not for rule "%"', wrong, r.rule USING ERRCODE = 'invalid_parameter_value', HINT = format('It is content if %s.', kind.meaning);
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.rule_options_require IS 'an error if a rule lacks an option that its kind needs, or has one that it does not know';

CREATE FUNCTION standin_private.rule_window_require(r standin_private.rule) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    windows text := (SELECT k.windows FROM standin_private.rule_kind k WHERE k.rule = r.rule);
    kind text := CASE WHEN r."window" ~ '^[0-9]' THEN 'time' ELSE r."window" END;
BEGIN
    IF windows = '' AND kind <> '' THEN
        RAISE EXCEPTION 'rule "%" has no window', r.rule USING ERRCODE = 'invalid_parameter_value', HINT = 'Leave window away.';
    ELSIF kind <> ALL (string_to_array(windows, ', ')) AND windows <> '' THEN
        RAISE EXCEPTION 'invalid window of rule "%": "%"', r.rule, r."window" USING ERRCODE = 'invalid_parameter_value',
            HINT = format('It is one of: %s.', replace(windows, 'time', 'a time like 10 minutes'));
    ELSIF kind = 'time' AND (r."window"::interval <= interval '0' OR r."window"::interval > interval '31 days') THEN
        RAISE EXCEPTION 'window of rule "%" is not a time between 0 and 31 days', r.rule USING ERRCODE = 'invalid_parameter_value',
            HINT = 'Use a time like 10 minutes.';
    ELSIF kind = 'time' AND r.maximum_count > 1000 THEN
        RAISE EXCEPTION 'rule "%" counts at most 1000 in a time', r.rule USING ERRCODE = 'invalid_parameter_value',
            DETAIL = 'Each of them is kept with its account.', HINT = 'Use window business_day or episode.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.rule_window_require IS 'an error if a rule has a window that its kind does not know';

CREATE FUNCTION standin_private.rule_validate(r standin_private.rule) RETURNS void
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.value_require('rule', r.rule, VARIADIC ARRAY(SELECT k.rule FROM standin_private.rule_kind k));
    PERFORM standin_private.rule_window_require(r), standin_private.rule_options_require(r);
    IF r.statuses !~ '[^, ]' THEN
        RAISE EXCEPTION 'rule "%" needs statuses', r.rule USING ERRCODE = 'invalid_parameter_value', HINT = 'Write them with commas, like open, new.';
    ELSIF r.effective_to <= r.effective_from THEN
        RAISE EXCEPTION 'rule "%" would never be in force', r.rule USING ERRCODE = 'invalid_parameter_value',
            DETAIL = format('From %s to %s.', r.effective_from, r.effective_to), HINT = 'effective_to is later than effective_from.';
    ELSIF octet_length(r.account) NOT BETWEEN 1 AND 255 THEN
        RAISE EXCEPTION 'account must have 1 to 255 bytes' USING ERRCODE = 'invalid_parameter_value', HINT = 'Use * for all.';
    ELSIF r.operation <> '*' AND NOT EXISTS (SELECT FROM standin_private.operation o WHERE (o.core, o.operation) = (r.core, r.operation)) THEN
        RAISE EXCEPTION 'operation "%" of core "%" is not defined', r.operation, r.core
            USING ERRCODE = 'undefined_object', HINT = 'Declare it with standin.operation_create, or use * for all.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.rule_validate IS 'an error if a rule cannot be so';

CREATE FUNCTION standin_private.rule_window("window" text) RETURNS text
    LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET intervalstyle = 'postgres' AS $$
BEGIN
    RETURN CASE WHEN "window" IN ('', 'episode', 'business_day') THEN "window" ELSE "window"::interval::text END;
EXCEPTION WHEN invalid_datetime_format OR datetime_field_overflow THEN
    RAISE EXCEPTION 'invalid value for option "window": "%"', "window" USING ERRCODE = 'invalid_parameter_value',
        HINT = 'It is episode, business_day, or a time like 10 minutes.';
END $$;
COMMENT ON FUNCTION standin_private.rule_window(text) IS 'the one way of writing a window: 10 minutes and 600 seconds are one';

CREATE FUNCTION standin_private.account_name_require(target regclass, account_column text, account text) RETURNS void
    LANGUAGE c STABLE STRICT AS 'MODULE_PATHNAME', 'standin_account_name_require';
COMMENT ON FUNCTION standin_private.account_name_require IS 'an error if a balance table writes an account otherwise: what was said of 04711 would never be found for 4711';

-- By the functions, not by a trigger: a restore brings rules and log.
CREATE FUNCTION standin_private.rule_log(rule_before standin_private.rule, rule_after standin_private.rule) RETURNS void
    LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO standin_private.rule_change (core, operation, account, rule, "window", rule_before, rule_after, changed_at)
    SELECT r.core, r.operation, r.account, r.rule, r."window", CASE WHEN rule_before.core IS NOT NULL THEN to_jsonb(rule_before) END,
           CASE WHEN rule_after.core IS NOT NULL THEN to_jsonb(rule_after) END, standin_private.clock_now()
    FROM (SELECT (CASE WHEN rule_after.core IS NOT NULL THEN rule_after ELSE rule_before END).*) r
    WHERE rule_before IS DISTINCT FROM rule_after
$$;
COMMENT ON FUNCTION standin_private.rule_log IS 'logs that a rule was made (before is null), changed, or taken away (after is null)';

CREATE FUNCTION standin_private.rule_write(core text, rule text, operation text, "window" text, account text, given jsonb, make boolean) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    named text := standin_private.rule_window(rule_write."window");
    before standin_private.rule;
    after standin_private.rule;
BEGIN
    PERFORM standin_private.core_require(core), standin_private.argument_require('rule', rule),
            standin_private.argument_require('operation', operation), standin_private.argument_require('window', "window"),
            standin_private.argument_require('account', account);
    SELECT * INTO before FROM standin_private.rule r WHERE (r.core, r.operation, r.account, r.rule, r."window")
        = (rule_write.core, rule_write.operation, rule_write.account, rule_write.rule, named) FOR NO KEY UPDATE;
    IF NOT FOUND AND account <> '*' THEN -- what is there already can be altered, to switch it off
        PERFORM standin_private.account_name_require(b.target, b.account_column, rule_write.account)
        FROM standin_private.balance_source b WHERE b.core = rule_write.core;
    END IF;
    PERFORM standin_private.option_write('rule', jsonb_build_object('core', core, 'operation', operation, 'rule', rule,
        'window', named, 'account', account), given, make);
    SELECT * INTO after FROM standin_private.rule r WHERE (r.core, r.operation, r.account, r.rule, r."window")
        = (rule_write.core, rule_write.operation, rule_write.account, rule_write.rule, named);
    PERFORM standin_private.rule_log(before, after);
END $$;
COMMENT ON FUNCTION standin_private.rule_write IS 'makes a rule (make), alters it (not make), or whichever is right (null)';

CREATE FUNCTION standin.rule_create(
    core text, rule text, amount numeric DEFAULT NULL, operation text DEFAULT '*', "window" text DEFAULT '', mode text DEFAULT NULL,
    account text DEFAULT '*', maximum_count integer DEFAULT NULL, maximum_age interval DEFAULT NULL, hours text DEFAULT NULL,
    statuses text DEFAULT NULL, code text DEFAULT NULL, effective_from timestamptz DEFAULT NULL, effective_to timestamptz DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.rule_write(core, rule, operation, "window", account, standin_private.option_given(jsonb_build_object(
        'amount', amount, 'mode', mode, 'maximum_count', maximum_count, 'maximum_age', maximum_age, 'hours', hours,
        'statuses', statuses, 'code', code, 'effective_from', effective_from, 'effective_to', effective_to)), true);
END $$;
COMMENT ON FUNCTION standin.rule_create IS 'sets a stand-in rule for an operation of a core and an account (* for all). The manual has a table of the kinds and of what each takes. "window": of velocity_count and cumulative_limit: ''episode'', ''business_day'', of velocity_count also a time; of episode_age the age; amount: in the payload''s currency; mode: ''enforce'', ''monitor'' (recorded in the decision, declines nothing), ''off''; code: ISO 8583 code of its declines; effective_from, effective_to: when it is in force. Errors: 42704 unknown core or operation, 42710 exists, 22023 unknown rule, window or mode, an option that it needs or does not know, or an account that the bound balances write otherwise';

CREATE FUNCTION standin.rule_alter(
    core text, rule text, amount numeric DEFAULT NULL, operation text DEFAULT '*', "window" text DEFAULT '', mode text DEFAULT NULL,
    account text DEFAULT '*', maximum_count integer DEFAULT NULL, maximum_age interval DEFAULT NULL, hours text DEFAULT NULL,
    statuses text DEFAULT NULL, code text DEFAULT NULL, effective_from timestamptz DEFAULT NULL, effective_to timestamptz DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.rule_write(core, rule, operation, "window", account, standin_private.option_given(jsonb_build_object(
        'amount', amount, 'mode', mode, 'maximum_count', maximum_count, 'maximum_age', maximum_age, 'hours', hours,
        'statuses', statuses, 'code', code, 'effective_from', effective_from, 'effective_to', effective_to)), false);
END $$;
COMMENT ON FUNCTION standin.rule_alter IS 'changes those options of a rule that are given; core, rule, operation, window and account say which. Errors: 42704 unknown core or rule, 22023 an option out of range, or one that the rule needs or does not know';

CREATE FUNCTION standin.rule_define(
    core text, rule text, amount numeric DEFAULT NULL, operation text DEFAULT '*', "window" text DEFAULT '', mode text DEFAULT NULL,
    account text DEFAULT '*', maximum_count integer DEFAULT NULL, maximum_age interval DEFAULT NULL, hours text DEFAULT NULL,
    statuses text DEFAULT NULL, code text DEFAULT NULL, effective_from timestamptz DEFAULT NULL, effective_to timestamptz DEFAULT NULL)
    RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.rule_write(core, rule, operation, "window", account, standin_private.option_given(jsonb_build_object(
        'amount', amount, 'mode', mode, 'maximum_count', maximum_count, 'maximum_age', maximum_age, 'hours', hours,
        'statuses', statuses, 'code', code, 'effective_from', effective_from, 'effective_to', effective_to)), NULL);
END $$;
COMMENT ON FUNCTION standin.rule_define IS 'rule_create, or rule_alter if the rule exists; superseded by these two. Errors: theirs';

CREATE FUNCTION standin.rule_reset(core text, rule text, operation text, "window" text, account text, VARIADIC option text[]) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.rule_write(core, rule, operation, "window", account, standin_private.option_defaults('rule', option), false);
END $$;
COMMENT ON FUNCTION standin.rule_reset(text, text, text, text, text, text[]) IS 'brings options of a rule back to their defaults. Errors: 42704 unknown core, rule or option, 22023 an option that the rule needs';

CREATE FUNCTION standin.rule_evaluate(core text, operation text, payload jsonb,
    OUT rule text, OUT mode text, OUT code text, OUT detail text, OUT decides boolean) RETURNS SETOF record
    LANGUAGE c AS 'MODULE_PATHNAME', 'standin_rule_evaluate';
COMMENT ON FUNCTION standin.rule_evaluate IS 'what each rule would say of a payload if stand-in had to decide now, in the order of judgement; nothing is written, and nothing locked. code: 00 if the rule is content; decides: the first enforced objection, which declines; none: it would be accepted. Errors: 22004 null, 42704 unknown core or operation, 22023 malformed payload';

CREATE FUNCTION standin_private.account_list_write(core text, list text, account text, reason text, listed boolean, expires_at timestamptz) RETURNS void
    LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM standin_private.core_require(account_list_write.core), standin_private.argument_require('list', account_list_write.list),
            standin_private.argument_require('account', account_list_write.account), standin_private.value_require('list', account_list_write.list, 'block', 'allow');
    IF coalesce(account_list_write.reason, '') = '' THEN
        RAISE EXCEPTION 'a change of a list needs a reason' USING ERRCODE = 'invalid_parameter_value';
    ELSIF octet_length(account_list_write.account) NOT BETWEEN 1 AND 255 THEN
        RAISE EXCEPTION 'account must have 1 to 255 bytes' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- The account is not locked: a block must not wait for a session that idles. What is being decided now is not under it yet.
    INSERT INTO standin_private.account_list_change (core, account, list, listed, expires_at, reason, changed_at)
    VALUES (account_list_write.core, account_list_write.account, account_list_write.list, account_list_write.listed, account_list_write.expires_at,
            account_list_write.reason, standin_private.clock_now());
END $$;
COMMENT ON FUNCTION standin_private.account_list_write IS 'checks and logs a change of the block list or the allow list';

CREATE FUNCTION standin.account_list_add(core text, list text, account text, reason text, expires_at timestamptz DEFAULT NULL) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.account_list_write(core, list, account, reason, true, expires_at);
    PERFORM standin_private.account_name_require(b.target, b.account_column, account_list_add.account)
    FROM standin_private.balance_source b WHERE b.core = account_list_add.core;
    INSERT INTO standin_private.account_list AS l (core, account, list, expires_at)
    VALUES (account_list_add.core, account_list_add.account, account_list_add.list, account_list_add.expires_at)
    ON CONFLICT ON CONSTRAINT account_list_pkey DO UPDATE SET expires_at = excluded.expires_at;
END $$;
COMMENT ON FUNCTION standin.account_list_add(text, text, text, text, timestamptz) IS 'puts an account on the list ''block'' or ''allow'' of a core, until expires_at (null: for good); the rules block_list and allow_list ask. On it already: expires_at is changed. Audited in standin.account_list_changes. Errors: 22004 null, 22023 unknown list or no reason, or an account that the bound balances write otherwise, 42704 unknown core';

CREATE FUNCTION standin.account_list_remove(core text, list text, account text, reason text) RETURNS void
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.account_list_write(core, list, account, reason, false, NULL);
    DELETE FROM standin_private.account_list l
    WHERE (l.core, l.account, l.list) = (account_list_remove.core, account_list_remove.account, account_list_remove.list);
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account "%" is not on list "%" of core "%"', account, list, core
            USING ERRCODE = 'undefined_object', HINT = 'The view standin.account_lists shows them.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.account_list_remove(text, text, text, text) IS 'takes an account off the list ''block'' or ''allow'' of a core; audited in standin.account_list_changes. Errors: 22004 null, 22023 unknown list or no reason, 42704 unknown core, or it is not on the list';
