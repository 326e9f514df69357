CREATE FUNCTION standin_private.outbox_topic_require(topic text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('topic', topic), standin_private.caller();
    PERFORM FROM standin_private.outbox_topic t WHERE t.topic = outbox_topic_require.topic FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topic "%" is not published to', topic USING ERRCODE = 'undefined_object', HINT = 'The view standin.outbox_topics lists those that are.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.outbox_topic_require(text) IS 'locks a topic; raises 42704 if none of that name is defined';

CREATE FUNCTION standin_private.outbox_topic_validate(t standin_private.outbox_topic) RETURNS void
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF t.topic !~ '^[A-Za-z0-9._-]{1,249}$' OR t.topic IN ('.', '..') THEN
        RAISE EXCEPTION 'invalid name of a topic: "%"', left(t.topic, 300) USING ERRCODE = 'invalid_name',
            HINT = 'Kafka takes up to 249 letters, digits, dots, dashes and underscores.';
    ELSIF t.relay IS NULL THEN
        RAISE EXCEPTION 'topic "%" has no relay', t.topic USING ERRCODE = 'null_value_not_allowed', HINT = 'Make one with standin.outbox_relay_create.';
    ELSIF NOT EXISTS (SELECT FROM standin_private.outbox_relay r WHERE r.relay = t.relay) THEN
        RAISE EXCEPTION 'relay "%" does not exist', t.relay USING ERRCODE = 'undefined_object', HINT = 'Make it with standin.outbox_relay_create.';
    ELSIF EXISTS (SELECT FROM standin_private.outbox_relay r WHERE r.mark_topic = t.topic) THEN
        RAISE EXCEPTION 'topic "%" is the mark topic of a relay', t.topic USING ERRCODE = 'invalid_parameter_value', HINT = 'Publish to another.';
    END IF;
END $$;
COMMENT ON FUNCTION standin_private.outbox_topic_validate IS 'an error if a topic cannot be published to in this way';

CREATE FUNCTION standin_private.outbox_topic_write(topic text, relay text, given jsonb, make boolean) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
#variable_conflict use_column
DECLARE
    before text := (SELECT t.relay FROM standin_private.outbox_topic t WHERE t.topic = outbox_topic_write.topic);
BEGIN
    PERFORM standin_private.caller(), standin_private.argument_require('topic', outbox_topic_write.topic);
    IF before <> outbox_topic_write.relay THEN
        RAISE EXCEPTION 'topic "%" is sent by relay "%"', outbox_topic_write.topic, before USING ERRCODE = 'object_not_in_prerequisite_state',
            DETAIL = 'Events of a key would overtake each other.', HINT = 'Drop the topic once its events have left, and create it again.';
    END IF;
    PERFORM standin_private.option_write('outbox_topic', jsonb_build_object('topic', outbox_topic_write.topic), given, make,
        standin_private.option_given(jsonb_build_object('relay', outbox_topic_write.relay)));
END $$;
COMMENT ON FUNCTION standin_private.outbox_topic_write IS 'makes a topic known (make), alters it (not make), or whichever is right (null)';

CREATE FUNCTION standin.outbox_topic_create(topic text, relay text, max_bytes integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('relay', relay);
    PERFORM standin_private.outbox_topic_write(topic, relay, standin_private.option_given(jsonb_build_object('max_bytes', max_bytes)), true);
END $$;
COMMENT ON FUNCTION standin.outbox_topic_create(text, text, integer) IS 'lets transactions publish to a topic, which must exist in Kafka by the time its first event is sent: it is never made from here. max_bytes: of one event, at most the topic''s max.message.bytes. Then grant it: standin.outbox_topic_grant. Errors: 42710 exists, 42704 unknown relay, 42602 no name of a topic, 22023 an option out of range, or a relay''s mark topic';

CREATE FUNCTION standin.outbox_topic_alter(topic text, max_bytes integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_topic_write(topic, NULL, standin_private.option_given(jsonb_build_object('max_bytes', max_bytes)), false);
END $$;
COMMENT ON FUNCTION standin.outbox_topic_alter(text, integer) IS 'changes what is given of a topic. Errors: 42704 it is not published to, 22023 an option out of range';

CREATE FUNCTION standin.outbox_topic_define(topic text, relay text, max_bytes integer DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('relay', relay);
    PERFORM standin_private.outbox_topic_write(topic, relay, standin_private.option_given(jsonb_build_object('max_bytes', max_bytes)), NULL);
END $$;
COMMENT ON FUNCTION standin.outbox_topic_define(text, text, integer) IS 'outbox_topic_create, or outbox_topic_alter if the topic is known. Errors: theirs, and 55000 it is sent by another relay';

CREATE FUNCTION standin.outbox_topic_reset(topic text, VARIADIC option text[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_topic_write(topic, NULL, standin_private.option_defaults('outbox_topic', option), false);
END $$;
COMMENT ON FUNCTION standin.outbox_topic_reset(text, text[]) IS 'brings options of a topic back to their defaults. Errors: 42704 it is not published to, or an unknown option';

CREATE FUNCTION standin.outbox_topic_drop(topic text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_topic_require(topic), standin_private.foreign_keys_enforce(), standin_private.outbox_publishers_wait();
    IF EXISTS (SELECT FROM standin_private.outbox_message m WHERE m.topic = outbox_topic_drop.topic) THEN
        RAISE EXCEPTION 'topic "%" cannot be dropped because events for it wait', topic USING ERRCODE = 'object_in_use',
            HINT = 'The view standin.outbox_queue shows them.';
    END IF;
    DELETE FROM standin_private.outbox_topic t WHERE t.topic = outbox_topic_drop.topic;
END $$;
COMMENT ON FUNCTION standin.outbox_topic_drop(text) IS 'lets nobody publish to a topic any more; in Kafka it stays as it is. Errors: 42704 it is not published to, 55006 events wait, 55P03 somebody is publishing';

CREATE FUNCTION standin.outbox_topic_grant(topic text, role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.outbox_topic_require(topic), standin_private.argument_require('role', role);
    IF NOT EXISTS (SELECT FROM pg_roles r WHERE r.rolname = role) THEN
        RAISE EXCEPTION 'role "%" does not exist', role USING ERRCODE = 'undefined_object';
    END IF;
    INSERT INTO standin_private.outbox_grant (topic, role, granted_by, granted_at)
    VALUES (topic, role, standin_private.caller(), standin_private.clock_now()) ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION standin.outbox_topic_grant(text, text) IS 'lets a role, and its members, publish to a topic. Errors: 42704 it is not published to, or no such role';

CREATE FUNCTION standin.outbox_topic_revoke(topic text, role text) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    PERFORM standin_private.argument_require('topic', topic), standin_private.argument_require('role', role), standin_private.caller();
    DELETE FROM standin_private.outbox_grant g WHERE g.topic = outbox_topic_revoke.topic AND g.role = outbox_topic_revoke.role;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'topic "%" is not granted to role "%"', topic, role USING ERRCODE = 'undefined_object', HINT = 'See standin.outbox_topics.';
    END IF;
END $$;
COMMENT ON FUNCTION standin.outbox_topic_revoke(text, text) IS 'takes back what standin.outbox_topic_grant gave, from the commit on. Errors: 42704 not granted';
