"""A topic that the relay may not ask for is its event's own fault: it blocks, is named, and goes on once that is mended."""

import psycopg2
import pytest

from harness.await_ import await_
from harness.java import command
from harness.process import run
from readers import Outbox


@pytest.fixture(scope="module")
def kafka(bank):
    bank.start_kafka(settings={"authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                               "allow.everyone.if.no.acl.found": "true"})
    bank.start_service()
    bank.define_server()
    bank.query("create role app login; grant standin_app to app")
    return bank.kafka


@pytest.fixture(scope="module")
def outbox(kafka, bank):
    return Outbox(bank, "acl", topics=("open", "closed"))


def access(kafka, *words):
    run(command(kafka.libs, "org.apache.kafka.tools.AclCommand", ["--bootstrap-server", kafka.brokers, *words, "--deny-principal", "User:*",
                                                                  "--operation", "All", "--topic", "acl.closed"]))


def values(outbox, topic):
    return [value for _, value, _ in outbox.records(topic)]


def test_a_topic_that_may_not_be_asked_for(outbox):
    kafka = outbox.bank.kafka
    access(kafka, "--add")
    outbox.publish(("open", "k", "before"))
    outbox.publish(("open", "k", "with it"), ("closed", "k", "it"), ("closed", "k", "nobody's"))
    outbox.publish(("open", "k", "after"))
    said = outbox.await_state("blocked")
    assert "topic acl.closed" in said and "allow the relay's principal to WRITE and DESCRIBE topic acl.closed" in said
    await_("what is before it", lambda: values(outbox, "open") == ["before"])
    event = await_("its name", lambda: outbox.stat("blocked_event"))
    assert str(event) in said
    with pytest.raises(psycopg2.errors.ObjectNotInPrerequisiteState):
        outbox.bank.query("select standin.outbox_event_discard(gen_random_uuid(), 'another')")
    access(kafka, "--remove", "--force")
    outbox.drained()
    assert values(outbox, "open") == ["before", "with it", "after"] and values(outbox, "closed") == ["it", "nobody's"]
    await_("it to run", lambda: outbox.stat("state") == "running")
