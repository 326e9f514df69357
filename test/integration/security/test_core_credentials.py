"""Whose password logs in at a core: that of the user mapping, and nothing that lies about the server's own operating system user."""

import contextlib
import shutil

import psycopg2
import pytest

from harness.await_ import await_
from harness.process import server_user

SECRET = "dba-secret"
SETUP = """
create server core_bank foreign data wrapper standin_postgres options (host '127.0.0.1', port '{port}', dbname 'bank');
create user mapping for standin_owner server core_bank options (user 'bank_service', password '{password}');
select standin.core_define('core', server => 'core_bank', probe_interval => '100 ms', minimum_dwell => '200 ms', call_timeout => '2 s');
select standin.operation_define('core', 'payment', standin_allowed => true, dedup => 'key');
create role eve login; grant standin_admin to eve;
create role mallory login; grant standin_admin to mallory;
"""


def surroundings(directory, port):
    """Everything in which libpq looks for a password when nobody gives it one; all of it works."""
    home = directory / "home"
    home.mkdir()
    passwords = home / ".pgpass"
    passwords.write_text(f"*:*:*:dba:{SECRET}\n")
    services = home / "services"
    services.write_text(f"[dba]\nuser=dba\npassword={SECRET}\nhost=127.0.0.1\nport={port}\n")
    passwords.chmod(0o600)
    for path in (home, passwords, services):
        if server_user():
            shutil.chown(path, server_user())
    return {"HOME": str(home), "PGPASSFILE": str(passwords), "PGPASSWORD": SECRET, "PGSERVICE": "dba", "PGSERVICEFILE": str(services),
            "PGUSER": "dba", "PGHOSTADDR": "127.0.0.9", "PGOPTIONS": "-c statement_timeout=1", "PGREQUIREPEER": "nobody", "PGSSLMODE": "verify-full",
            "PGSSLCERT": "/nowhere", "PGSSLKEY": "/nowhere", "PGSSLROOTCERT": "/nowhere", "PGGSSENCMODE": "require", "PGCHANNELBINDING": "require"}


@pytest.fixture(scope="module")
def service(bank):
    core = bank.start_core(settings={"log_connections": "on"})
    core.query(f"create role dba superuser login password '{SECRET}'")
    bank.start_service()
    bank.service.stop()
    # For the server only: the tests' own libpq looks at its environment, too.
    bank.service.process.env = surroundings(bank.directory, core.cluster.port)
    bank.service.start()
    bank.service.psql("-c", SETUP.format(port=core.cluster.port, password=core.SERVICE[1]), dbname="bank")
    return bank


@contextlib.contextmanager
def session(bank, user):
    with contextlib.closing(bank.service.connect("bank", user=user)) as connection, connection.cursor() as cursor:
        yield cursor


def run(bank, user, *statements):
    with session(bank, user) as cursor:
        for statement in statements:
            cursor.execute(statement)


def server_of(bank, name, user="eve"):
    run(bank, user, f"create server {name} foreign data wrapper standin_postgres options (host '127.0.0.1', port '{bank.core.cluster.port}', dbname 'bank')")


def core_of(bank, name):
    bank.query("select standin.core_define(%s, server => %s, probe_interval => '100 ms', call_timeout => '2 s'), "
               "standin.operation_define(%s, 'payment')", [name, name, name])


def failure(bank, core):
    return await_(f"a failed probe of {core}", lambda: bank.value("select probe_failure from standin.core_status where core = %s", [core]))


def test_a_mapping_with_a_password_connects_whatever_the_environment_says(service):
    await_("mode online", lambda: service.query("select mode, probe_failure from standin.core_status where core = 'core'") == [("online", None)])
    answer = service.query("call standin.transaction_execute('core', 'payment', 'first', '{\"account\": 1, \"amount\": 1}')")[0]
    assert answer[1] == "posted"


@pytest.mark.parametrize("options", ["user 'dba'", "user 'dba', password ''"])
def test_a_mapping_without_a_password_is_refused(service, options):
    server = f"bare{len(options)}"
    server_of(service, server)
    for user in ("eve", "postgres"):
        with pytest.raises(psycopg2.Error) as refusal:
            run(service, user, f"create user mapping for standin_owner server {server} options ({options})")
        assert refusal.value.pgcode == "2F003"


def test_a_password_cannot_be_taken_away(service):
    server_of(service, "bare")
    run(service, "eve", "create user mapping for standin_owner server bare options (user 'dba', password 'x')")
    with pytest.raises(psycopg2.Error) as refusal:
        run(service, "eve", "alter user mapping for standin_owner server bare options (drop password)")
    assert refusal.value.pgcode == "2F003"


def test_only_a_superuser_says_that_no_password_is_needed(service):
    server_of(service, "lax")
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run(service, "eve", "create user mapping for standin_owner server lax options (user 'dba', password_required 'false')")


def test_a_mapping_that_was_stored_without_a_password_does_not_connect(service):
    """As one of an earlier version, which took it."""
    server_of(service, "stored")
    run(service, "eve", "create user mapping for standin_owner server stored options (user 'dba', password 'x')")
    service.query("update pg_user_mapping set umoptions = '{user=dba}' where umserver = (select oid from pg_foreign_server where srvname = 'stored')")
    core_of(service, "stored")
    assert "password is required" in failure(service, "stored")


def test_no_password_lies_about_for_others(service):
    """Even where a superuser needs none: the core asks for one, and libpq finds it in no file and no variable."""
    server_of(service, "open")
    service.query("create user mapping for standin_owner server open options (user 'dba', password_required 'false')")
    core_of(service, "open")
    assert "no password supplied" in failure(service, "open")


def test_a_wrong_password_is_not_mended_by_a_right_one(service):
    server_of(service, "wrong")
    run(service, "eve", "create user mapping for standin_owner server wrong options (user 'dba', password 'wrong')")
    core_of(service, "wrong")
    assert "password authentication failed" in failure(service, "wrong")


def test_a_core_that_asks_for_no_password_is_refused(service):
    """A socket that trusts everybody would make the server's own user somebody else."""
    run(service, "eve", f"create server trusting foreign data wrapper standin_postgres options (host '{service.core.cluster.sockets}', "
                        f"port '{service.core.cluster.port}', dbname 'bank')",
        "create user mapping for standin_owner server trusting options (user 'postgres', password 'x')")
    core_of(service, "trusting")
    assert "asked for no password" in failure(service, "trusting")


def test_nobody_came_in_as_the_dba(service):
    """After all that was tried above."""
    log = service.core.cluster.process.log.read_text(encoding="utf8", errors="replace")
    assert "connection authorized: user=bank_service" in log
    assert "connection authorized: user=dba" not in log


def test_another_ones_server_serves_nobody_without_usage(service):
    """mallory owns a server and its password; eve may define cores, but not with them."""
    server_of(service, "vault", "mallory")
    run(service, "mallory", "create user mapping for standin_owner server vault options (user 'bank_service', password 'x')")
    define = "select standin.core_define('eves', server => 'vault')"
    with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="permission denied for foreign server vault"):
        run(service, "eve", define)
    run(service, "mallory", define.replace("eves", "mallorys"))
    # nor with another function, which would be called with the password that is there
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run(service, "eve", "select standin.core_define('mallorys', post_function => 'give_me_all')")
    run(service, "mallory", "grant usage on foreign server vault to eve")
    run(service, "eve", define)


def test_who_chooses_what_is_read_from_kafka_may_use_its_server(service):
    run(service, "mallory", "create server brokers foreign data wrapper standin_kafka options (\"bootstrap.servers\" '127.0.0.1:1')",
        "select standin.cdc_source_create('mallorys', 'brokers', paused => true)")
    run(service, "postgres", "create table public.loot (id integer primary key); alter table public.loot owner to eve; grant usage on schema public to eve")
    for statement in ("select standin.cdc_source_create('eves', 'brokers')", "select standin.cdc_source_alter('mallorys', transaction_topic => 'secrets')",
                      "select standin.cdc_table_add('mallorys', 'secrets', 'public.loot')",
                      "select standin.cdc_table_create('mallorys', 'secrets', 'public.loot2', 'eve')"):
        with pytest.raises(psycopg2.errors.InsufficientPrivilege, match="permission denied for foreign server brokers"):
            run(service, "eve", statement)
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run(service, "eve", "create user mapping for standin_owner server brokers options (\"sasl.username\" 'eve')")


@pytest.mark.parametrize("option, value", [("sasl.kerberos.principal", "x; touch /tmp/seen"), ("sasl.kerberos.principal", "bank"), ("sasl.mechanism", "GSSAPI"),
                                           ("sasl.mechanisms", "GSSAPI"), ("sasl.kerberos.keytab", "/etc/krb5.keytab"), ("ssl.ca.location", "probe"),
                                           ("ssl.key.location", "/etc/passwd"), ("ssl.keystore.location", "/etc/passwd")])
def test_no_option_of_kafka_makes_the_server_act_as_its_own_user(service, option, value):
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run(service, "eve", f"create server reading foreign data wrapper standin_kafka options (\"bootstrap.servers\" '127.0.0.1:1', \"{option}\" '{value}')")


@pytest.mark.parametrize("option", ["sslcert", "sslkey", "sslrootcert", "sslcrl"])
def test_no_option_of_libpq_names_a_file_for_who_is_no_superuser(service, option):
    where = ("user mapping for standin_owner server filing" if option in ("sslcert", "sslkey") else None)
    if where:
        service.query("drop server if exists filing cascade")
        server_of(service, "filing")
        statement = f"create {where} options (user 'x', password 'x', {option} '/etc/passwd')"
    else:
        statement = f"create server filing2 foreign data wrapper standin_postgres options (host '127.0.0.1', {option} '/etc/passwd')"
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        run(service, "eve", statement)
