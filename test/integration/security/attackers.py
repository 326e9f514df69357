"""Who attacks: a role of each kind, with a schema of its own, and a table that remembers as whom their code ran."""

import contextlib

#: Each can log in. The value is the role of pg_standin that it is a member of.
ROLES = {"plain": None, "app": "standin_app", "operator": "standin_operator", "auditor": "standin_auditor", "admin": "standin_admin",
         "table_owner": None, "server_owner": None}

SETUP = """
create schema loot;
grant usage on schema loot to public;
create table loot.seen (who text, session text, superuser text);
grant select, insert on loot.seen to public;
"""

#: look(): remembers as whom it ran, as a volatile function of the role's own.
OF_A_ROLE = """
create role {role} login;
create schema {role} authorization {role};
grant usage on schema {role} to public;
set role {role};
create function {role}.look(anything integer default 0) returns boolean language plpgsql as $$
begin
    insert into loot.seen values (current_user, session_user, current_setting('is_superuser'));
    return true;
end $$;
create function {role}.look_at_row() returns trigger language plpgsql as $$
begin
    perform {role}.look();
    return new;
end $$;
create domain {role}.dom as integer check ({role}.look(value));
create type {role}.acc as (x {role}.dom);
create type {role}.word as enum ('7', '8');
reset role;
"""


def prepare(bank):
    """In a service that runs: the roles and their hiding places."""
    bank.query(SETUP)
    for role, membership in ROLES.items():
        bank.query(OF_A_ROLE.format(role=role))
        if membership:
            bank.query(f"grant {membership} to {role}")
    bank.query("grant usage on foreign data wrapper standin_postgres to server_owner")


def run(bank, role, *statements):
    """As the role, each statement a transaction; the rows of the last one."""
    with contextlib.closing(bank.service.connect("bank", user=role)) as session, session.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement)
        return cursor.fetchall() if cursor.description else []


def users_of(bank):
    """As whom attackers' code ran since the last call."""
    users = {row[0] for row in bank.query("select who from loot.seen union select session from loot.seen where session in ('postgres', 'standin_owner') and superuser = 'on'")}
    bank.query("delete from loot.seen")
    return users


def submit(core, operation, key, account, amount=1):
    return ("select status, code from standin.transaction_submit"
            f"('{core}', '{operation}', '{key}', jsonb_build_object('account', '{account}', 'amount', {amount}))")
