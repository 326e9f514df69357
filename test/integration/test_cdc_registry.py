"""The schema registry of Avro records: away, hanging, behind a password and TLS, or several of them."""

import pathlib

import psycopg2
import pytest

from avro_streams import SMALL, SMALL_TABLE, AvroStream, books, registry, server  # noqa: F401
from harness.await_ import await_
from harness.registry import Registry, self_signed
from streams import kafka  # noqa: F401

USER_INFO = "reader:regis-secret:with-colon"


@pytest.mark.parametrize("trouble", ["stopped", "error", "hang"])
def test_a_registry_that_is_away_costs_nothing(kafka, bank, registry, trouble):
    """The batch waits and is retried: nothing is lost, nothing becomes a dead letter, known schemas go on."""
    stream = AvroStream(bank, registry, f"away_{trouble}", SMALL_TABLE, SMALL, server="avro")
    other = AvroStream(bank, registry, f"known_{trouble}", SMALL_TABLE, SMALL, server="avro")
    other.write([other.record("c", {"id": 1, "v": "a"})])
    other.applied(1)
    new = {**SMALL, trouble: "string"}
    stream.write([stream.record("c", {"id": i, "v": "a"}, new) for i in range(50)])
    stream.applied(50)
    stream.write([stream.record("u", {"id": 1, "v": "b"}, {**new, "more": "int"})])
    stream.applied(51)
    newer = stream.record("u", {"id": 2, "v": "c"}, {**new, "newest": "int"})
    registry.register("ahead", newer[1][0])
    bank.query("select standin.cdc_pause(%s)", [stream.name])
    await_("the pause", lambda: stream.state() == "paused")
    stream.write([newer] * 3)
    if trouble == "stopped":
        registry.stop()
    else:
        registry.behave(trouble)
    bank.query("select standin.cdc_resume(%s)", [stream.name])
    said = stream.retrying("schema registry " + registry.url)
    assert {"stopped": "connect to server", "error": "HTTP 500", "hang": "timed out"}[trouble].lower() in said.lower(), said
    # The other stream knows its schemas and does not notice.
    other.write([(None, other.frame(b"\0\2\2\2\2b" + b"\0" * 6 + b"\2c\0"))])
    other.applied(2)
    assert other.rows() == [(1, "b")] and other.letters() == []
    registry.behave("ok")
    if trouble == "stopped":
        registry.start()
    stream.applied(54)
    assert stream.letters() == [] and len(stream.rows()) == 50 and stream.rows()[2] == (2, "c")
    stream.drop()
    other.drop()


def test_a_stop_does_not_wait_for_a_registry_that_hangs(kafka, bank, registry):
    server(bank, "patient", registry, timeout=300000)
    stream = AvroStream(bank, registry, "hanging", SMALL_TABLE, {**SMALL, "hanging": "int"}, server="patient")
    bank.query("select standin.cdc_pause('hanging')")
    await_("the pause", lambda: stream.state() == "paused")
    stream.write([stream.record("c", {"id": 1, "v": "a"})])
    asked = len(registry.requests)
    registry.behave("hang")
    bank.query("select standin.cdc_resume('hanging')")
    await_("the worker to ask", lambda: len(registry.requests) > asked)
    pid = bank.value("select pid from standin.stat_worker where kind = 'cdc' and key = 'hanging'")
    assert bank.value("select count(*) from pg_stat_activity where pid = %s and xact_start is null", [pid]) == 1
    bank.query("select pg_terminate_backend(%s)", [pid])
    await_("the worker's end", lambda: not bank.query("select from pg_stat_activity where pid = %s", [pid]), 60)
    await_("the next one to ask", lambda: len(registry.requests) > asked + 1)
    # The whole server, too.
    bank.service.stop()
    bank.service.start()
    registry.behave("ok")
    stream.applied(1)
    assert stream.rows() == [(1, "a")] and stream.letters() == []
    stream.drop()


def test_password_and_tls(kafka, bank):
    registry = Registry(user_info=USER_INFO, certificate=self_signed(bank.directory)).start()
    authority = pathlib.Path(registry.certificate[0]).read_text()
    server(bank, "sealed", registry)
    stream = AvroStream(bank, registry, "sealed", SMALL_TABLE, SMALL, server="sealed")
    stream.write([stream.record("c", {"id": 1, "v": "a"})],
                 **{"basic.auth.user.info": USER_INFO, "ssl.ca.location": str(registry.certificate[0])})
    assert "certificate" in stream.retrying("schema registry").lower()
    stranger = self_signed(bank.directory, "stranger")[0].read_text()
    bank.query('alter server sealed options (add "schema.registry.ssl.ca.pem" %s)', [stranger])
    assert "certificate" in stream.retrying("schema registry").lower()
    bank.query('alter server sealed options (set "schema.registry.ssl.ca.pem" %s)', [authority])
    stream.retrying("HTTP 401 (Unauthorized)")
    bank.query('create user mapping for standin_owner server sealed options ("schema.registry.basic.auth.user.info" %s)',
               ["reader:wrong-secret"])
    stream.retrying("HTTP 401 (Unauthorized)")
    assert stream.letters() == []
    bank.query('alter user mapping for standin_owner server sealed options (set "schema.registry.basic.auth.user.info" %s)', [USER_INFO])
    stream.applied(1)
    assert stream.rows() == [(1, "a")] and stream.letters() == []
    shown = bank.query("select last_error from standin.stat_worker") + [(bank.service.process.log.read_text(),)]
    assert not any("-secret" in (text or "") for (text,) in shown)
    stream.drop()
    registry.stop()


def test_several_registries_are_tried_in_order(kafka, bank, registry):
    dead = Registry()
    server(bank, "several", registry, **{"schema.registry.url": f"{dead.url}/, {registry.url}"})
    stream = AvroStream(bank, registry, "several", SMALL_TABLE, SMALL, server="several")
    stream.write([stream.record("c", {"id": 1, "v": "a"})])
    stream.applied(1)
    assert stream.rows() == [(1, "a")]
    stream.drop()


def test_without_or_beside_a_registry_the_stream_stops_and_says_so(kafka, bank, registry):
    stream = AvroStream(bank, registry, "unconfigured", SMALL_TABLE, SMALL)
    stream.write([stream.record("c", {"id": 1, "v": "a"})])
    stream.retrying("names no schema registry")
    # A page that is none of a registry's means a wrong URL, not a wrong id.
    bank.query('alter server kafka options (add "schema.registry.url" %s)', [registry.url + "/elsewhere"])
    stream.retrying("HTTP 404")
    bank.query('alter server kafka options (set "schema.registry.url" %s)', [registry.url])
    stream.applied(1)
    assert stream.rows() == [(1, "a")] and stream.letters() == []
    bank.query('alter server kafka options (drop "schema.registry.url")')
    stream.drop()


@pytest.mark.parametrize("place, option, value, state, words", [
    ("server", "schema.registry.url", "ftp://somewhere", "22023", "begin with http"),
    ("server", "schema.registry.url", "http://u:hidden@somewhere", "22023", "user or a password"),
    ("server", "schema.registry.url", "http://a b", "22023", "no URL"),
    ("server", "schema.registry.url", "http://a,,http://b", "22023", "begin with http"),
    ("server", "schema.registry.url", "http://a?b=c", "22023", "query"),
    ("server", "schema.registry.timeout.ms", "1s", "22023", "milliseconds"),
    ("server", "schema.registry.timeout.ms", "0", "22023", "milliseconds"),
    ("server", "schema.registry.ssl.ca.pem", "/etc/passwd", "22023", "PEM"),
    ("server", "schema.registry.urls", "http://a", "HV00D", "schema.registry.url"),
    ("server", "schema.registry.basic.auth.user.info", "u:hidden", "HV00D", "USER MAPPING"),
    ("user mapping for standin_owner server kafka", "schema.registry.basic.auth.user.info", "hidden", "22023", "user:password"),
])
def test_options_are_checked(kafka, bank, place, option, value, state, words):
    kind = "server wrong foreign data wrapper standin_kafka" if place == "server" else place
    more = f"\"bootstrap.servers\" '{bank.kafka.brokers}', " if place == "server" else ""
    with pytest.raises(psycopg2.Error) as caught:
        bank.query(f'create {kind} options ({more}"{option}" %s)', [value])
    assert caught.value.pgcode == state
    assert words in str(caught.value) and "hidden" not in str(caught.value)
