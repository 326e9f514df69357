"""What comes wrong from Kafka: a dead letter that keeps the record, and the stream goes on; a broker that is not there
leaves the server up and is named."""

import pytest

from harness.await_ import await_
from harness.ports import free_port

TOPIC = "core.public.thing"


def event(number, name):
    row = {"id": number, "name": name}
    return {"id": number}, {"before": None, "after": row, "op": "c", "ts_ms": 1795490276411,
                            "source": {"version": "3.6.1.Final", "connector": "postgresql", "name": "core", "db": "bank",
                                       "ts_ms": 1795490276407, "snapshot": "false", "schema": "public", "table": "thing",
                                       "txId": 700 + number, "lsn": 84938432 + number}}


@pytest.fixture(scope="module")
def service(bank):
    bank.start_kafka().topic_create(TOPIC)
    bank.start_service()
    bank.query("create role replica nologin; create table thing (id integer primary key, name text);"
               "alter table thing owner to replica")
    bank.query(f"""create server kafka foreign data wrapper standin_kafka options ("bootstrap.servers" '{bank.kafka.brokers}')""")
    bank.query("select standin.cdc_source_create('core', 'kafka')")
    bank.query("select standin.cdc_table_add('core', %s, 'thing')", [TOPIC])
    return bank


def things(bank):
    return bank.query("select id, name from thing order by id")


def test_a_record_that_is_not_json_becomes_a_dead_letter_and_the_stream_goes_on(service):
    broken = '{"before": null, "after": {"id": 2, "na'
    service.kafka.produce(TOPIC, [event(1, "one"), ({"id": 2}, broken), event(3, "three")])
    await_("the good records", lambda: things(service) == [(1, "one"), (3, "three")])
    letters = service.query("select topic, record_offset, convert_from(value, 'UTF8'), error is not null from standin.cdc_dead_letters")
    assert letters == [(TOPIC, 1, broken, True)]


def test_a_value_of_the_wrong_type_becomes_a_dead_letter(service):
    key, value = event(4, "four")
    value["after"]["id"] = "four"
    service.kafka.produce(TOPIC, [(key, value), event(5, "five")])
    await_("the good record", lambda: (5, "five") in things(service))
    assert service.value("select count(*) from standin.cdc_dead_letters") == 2


def test_the_stream_survives_its_broker(service):
    service.kafka.kill9()
    service.kafka.start()
    service.kafka.produce(TOPIC, [event(6, "six")])
    await_("the record after the broker's crash", lambda: (6, "six") in things(service), 120)


def test_a_broker_that_is_not_there_is_named_and_harms_nobody(service):
    port = free_port()
    service.query(f"""create server nowhere foreign data wrapper standin_kafka options ("bootstrap.servers" '127.0.0.1:{port}')""")
    service.query("create table other (id integer primary key, name text); alter table other owner to replica")
    service.query("select standin.cdc_source_create('lost', 'nowhere')")
    service.query("select standin.cdc_table_add('lost', %s, 'other')", [TOPIC])
    await_("the reason", lambda: str(port) in str(service.query("select * from standin.stat_worker where key = 'lost'")))
    service.kafka.produce(TOPIC, [event(7, "seven")])
    await_("the other source", lambda: (7, "seven") in things(service))
    service.service.restart()  # and it does not hold up a shutdown
    assert (7, "seven") in things(service)
