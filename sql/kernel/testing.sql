CREATE FUNCTION standin_private.clock_advance(step interval) RETURNS timestamptz
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_clock_advance';
COMMENT ON FUNCTION standin_private.clock_advance(interval) IS 'for tests: puts the product''s clock forward; superusers only, with pg_standin.allow_test_clock = on';

CREATE FUNCTION standin_private.crash_point_arm(name text, skip integer DEFAULT 0) RETURNS void
LANGUAGE c STRICT AS 'MODULE_PATHNAME', 'standin_crash_point_arm';
COMMENT ON FUNCTION standin_private.crash_point_arm(text, integer) IS 'for tests: the process that reaches the named point (after skip passes) kills itself; superusers only, test builds only';
