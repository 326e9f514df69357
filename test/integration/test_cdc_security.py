"""TLS and SASL against real brokers: who gets in, what is said of those who do not, and that no secret is said.

Two brokers: Kafka 4 refuses SCRAM from librdkafka before 2.6.1, whatever the password, so SCRAM is shown with Kafka 3.9."""

import re

import pytest

from harness.await_ import await_
from harness.kafka import Kafka
from harness.tls import Authority
from streams import event

WRONG = "a-wrong-password-3"
KEY_PASSWORD = "key-secret-4"


@pytest.fixture(scope="module")
def security(bank):
    bank.start_kafka(secure=True)
    bank.start_service(settings={"log_min_messages": "debug1", "log_statement": "none"})
    bank.query("create role replica nologin; grant usage, create on schema public to replica;"
               "create role an_auditor login; grant standin_auditor to an_auditor; create role an_operator login; grant standin_operator to an_operator")
    return bank.kafka.security


@pytest.fixture(scope="module")
def older(bank, security):
    """Kafka 3.9."""
    directory = bank.directory / "older"
    directory.mkdir()
    broker = Kafka(directory, artifacts="kafka-3.9", secure=True).create()
    yield broker
    broker.stop()


class Secured:
    """A source over a server of its own, and a user mapping."""

    def __init__(self, bank, name, servers, options, mapping, broker=None):
        self.bank, self.name, self.topic, self.count, self.broker = bank, name, f"{name}.topic", 0, broker or bank.kafka
        self.broker.topic_create(self.topic)
        bank.query(f"create table {name} (id int primary key); alter table {name} owner to replica")
        bank.query(f"create server {name} foreign data wrapper standin_kafka options ({self.words({'bootstrap.servers': servers, **options})})")
        if mapping:
            bank.query(f"create user mapping for standin_owner server {name} options ({self.words(mapping)})")
        bank.query("select standin.cdc_source_create(%s, %s)", [name, name])
        bank.query("select standin.cdc_table_add(%s, %s, %s)", [name, self.topic, name])

    @staticmethod
    def words(options, verb=""):
        return ", ".join(f"{verb} \"{key}\" '{value}'" for key, value in options.items())

    def source(self):
        return self.bank.query("select state, last_error, detail from standin.cdc_sources where source = %s", [self.name])[0]

    def applies(self):
        self.count += 1
        self.broker.produce(self.topic, [event("c", {"id": self.count})])
        try:
            await_(f"{self.name} to apply", lambda: self.bank.value(f"select count(*) from {self.name}") == self.count, 60)
        except Exception:
            print(self.source())
            raise
        await_("good health", lambda: self.source()[0] == "running", 60)

    def refused(self, *words):
        """Said in the views, in these words; and the source goes on trying."""
        try:
            await_(f"{self.name} to be refused", lambda: self.source()[0] == "disconnected"
                   and all(word.lower() in self.source()[1].lower() for word in words), 60)
        except Exception:
            print(self.source())
            raise
        assert self.bank.value(f"select count(*) from {self.name}") == self.count
        stat = self.bank.query("select state, last_error from standin.stat_worker where kind = 'cdc' and key = %s", [self.name])[0]
        assert stat[0] == "disconnected" and words[0].lower() in stat[1].lower()

    def drop(self):
        self.bank.query("select standin.cdc_source_drop(%s)", [self.name])


def sasl(security, mechanism):
    return {"security.protocol": "SASL_SSL", "sasl.mechanism": mechanism, "ssl.ca.pem": security.authority.pem}


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-512"])
def test_passwords(bank, security, older, mechanism):
    """The right one gets in; a wrong one is refused until it is mended, then the stream goes on by itself."""
    broker = bank.kafka if mechanism == "PLAIN" else older
    user, password = broker.security.PLAIN if mechanism == "PLAIN" else broker.security.SCRAM
    name = "with_" + mechanism.split("-")[0].lower()
    source = Secured(bank, name, broker.security.by_password, sasl(broker.security, mechanism),
                     {"sasl.username": user, "sasl.password": password}, broker)
    pid = lambda: bank.value("select pid from standin.stat_worker where kind = 'cdc' and key = %s", [name])
    source.applies()
    bank.query(f"alter user mapping for standin_owner server {name} options ({source.words({'sasl.password': WRONG}, 'set')})")
    source.refused("authentication failed")
    trying, said = pid(), source.source()[1]
    await_("another attempt", lambda: source.source()[1] != said, 60)  # the library counts its attempts
    assert pid() == trying, "the attempts are one worker's"
    bank.query(f"alter user mapping for standin_owner server {name} options ({source.words({'sasl.password': password}, 'set')})")
    source.applies()
    source.drop()


def test_scram_with_kafka_4(bank, security):
    """A librdkafka that cannot is said to be at fault, not the password; one that can gets in."""
    user, password = security.SCRAM
    source = Secured(bank, "scram_4", security.by_password, sasl(security, "SCRAM-SHA-512"), {"sasl.username": user, "sasl.password": password})
    version = bank.value("select standin_private.librdkafka_version()")
    if [int(word) for word in re.findall(r"\d+", version)[:3]] < [2, 6, 1]:
        source.refused("authentication failed", "2.6.1")
    else:
        source.applies()
    source.drop()


def test_no_password_at_all(bank, security):
    source = Secured(bank, "anonymous", security.by_password, {"security.protocol": "SSL", "ssl.ca.pem": security.authority.pem}, {})
    source.refused("")
    source.drop()


def test_an_unknown_authority_is_not_trusted(bank, security):
    """Nor is the system's store enough: the broker's certificate is of an authority that nobody knows."""
    user, password = security.PLAIN
    mapping = {"sasl.username": user, "sasl.password": password}
    stranger = Secured(bank, "stranger", security.by_password,
                       {**sasl(security, "PLAIN"), "ssl.ca.pem": Authority(bank.directory, "stranger").pem}, mapping)
    system = Secured(bank, "system_store", security.by_password, {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"}, mapping)
    for source in (stranger, system):
        source.refused("certificate", "verif")
    bank.query(f"alter server stranger options ({stranger.words({'ssl.ca.pem': security.authority.pem}, 'set')})")
    stranger.applies()
    stranger.drop()
    system.drop()


def test_a_certificate_of_another_host_is_refused(bank, security):
    """The broker is at 127.0.0.1, and its certificate is for localhost."""
    user, password = security.PLAIN
    source = Secured(bank, "elsewhere", f"127.0.0.1:{security.password_port}", sasl(security, "PLAIN"),
                     {"sasl.username": user, "sasl.password": password})
    source.refused("certificate")
    source.drop()


def test_client_certificates(bank, security):
    key, certificate = security.authority.issue_encrypted("service", KEY_PASSWORD)
    options = {"security.protocol": "SSL", "ssl.ca.pem": security.authority.pem, "ssl.certificate.pem": certificate}
    source = Secured(bank, "mutual", security.by_certificate, options, {"ssl.key.pem": key, "ssl.key.password": KEY_PASSWORD})
    source.applies()
    source.drop()
    nameless = Secured(bank, "nameless", security.by_certificate, {"security.protocol": "SSL", "ssl.ca.pem": security.authority.pem}, {})
    nameless.refused("")
    nameless.drop()
    # A key that its password does not open: the configuration is wrong, and what is said names no secret.
    locked = Secured(bank, "locked", security.by_certificate, options, {"ssl.key.pem": key, "ssl.key.password": WRONG})
    await_("the complaint", lambda: "key" in (locked.source()[1] or ""), 60)
    print(locked.source())
    bank.query(f"alter user mapping for standin_owner server locked options ({locked.words({'ssl.key.password': KEY_PASSWORD}, 'set')})")
    locked.applies()
    locked.drop()


def test_secrets_are_said_nowhere(bank, security):
    """After all of the above: not in the log at debug1, not in any view that auditors and operators may read."""
    user, password = security.PLAIN
    witness = Secured(bank, "witness", security.by_password, sasl(security, "PLAIN"), {"sasl.username": user, "sasl.password": password})
    witness.applies()
    secrets = [password, security.SCRAM[1], WRONG, KEY_PASSWORD, "BEGIN ENCRYPTED"]
    with pytest.raises(Exception) as refusal:
        bank.query("alter user mapping for standin_owner server witness options (add \"sasl.pasword\" 'a-new-secret-5')")
    assert "Perhaps you meant" in str(refusal.value) and "a-new-secret-5" not in str(refusal.value)
    log = bank.service.process.log.read_text(errors="replace")
    # A statement that fails is logged with its text by PostgreSQL itself; that one was mine.
    log = "\n".join(line for line in log.splitlines() if "STATEMENT:" not in line)
    for role in ("an_auditor", "an_operator"):
        views = [view for view, in bank.query("select format('%I.%I', schemaname, viewname) from pg_views where schemaname = 'standin'")]
        views += ["pg_stat_activity", "pg_foreign_server", "pg_user_mappings", "information_schema.user_mapping_options"]
        for view in views:
            if not bank.value("select has_table_privilege(%s, %s, 'select')", [role, view]):
                continue
            shown = str(bank.query(f"select * from {view}", user=role))
            for secret in secrets:
                assert secret not in shown, (view, role)
    for secret in secrets:
        assert secret not in log
    witness.drop()
