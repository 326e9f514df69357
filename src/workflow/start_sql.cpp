#include "kernel/clock.h"
#include "kernel/instance.h"
#include "kernel/wake.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "pg/user_code.h"
#include "workflow/dispatcher_pg.h"
#include "workflow/execution_pg.h"

extern "C" {
#include <utils/fmgrprotos.h>
}

using namespace standin;

namespace {

struct Start {
    std::string name;
    std::string id;
    pg::Typed input;
    std::optional<pg::Timestamptz> at; ///< not before
    Oid submitter;
    std::optional<std::string> parent;
};

struct Definition {
    int32_t version;
    bool inDatabase;
};

Definition readDefinition(const Start& start) {
    static pg::Statement find(
        "SELECT d.version, d.procedure, p.oid IS NOT NULL AND (d.code IS NOT NULL OR "
        "d.source_hash = standin_private.workflow_source_hash(p.oid)), a.rolname, "
        "a.rolcanlogin, "
        "has_database_privilege(a.oid, $3, 'CONNECT'), "
        "has_function_privilege(a.oid, p.oid, 'EXECUTE') AND has_schema_privilege(a.oid, p.pronamespace, 'USAGE') "
        "FROM standin_private.workflow_definition d "
        "JOIN pg_catalog.pg_roles a ON a.oid = $2 "
        "LEFT JOIN pg_catalog.pg_proc p ON p.oid = standin_private.workflow_procedure(d.procedure, d.returns_output) "
        "WHERE d.name = $1 ORDER BY d.version DESC LIMIT 1");
    const pg::Rows rows = find.run(start.name, start.submitter, Oid{MyDatabaseId});
    if (rows.empty())
        throw Error("42704", "workflow \"" + start.name + "\" is not defined", {}, "See standin.workflow_define.");
    const pg::Row row = rows[0];
    if (row.isNull(1))
        return {row.get<int32_t>(0), false};

    const std::string procedure = row.get<std::string>(1);
    const std::string role = row.get<std::string>(3);
    if (row.isNull(6))
        throw Error("42883", "procedure " + procedure + " of workflow \"" + start.name + "\" does not exist", {},
                    "What is open goes on with its copy. Call standin.workflow_define with the procedure of today.");
    if (!row.get<bool>(2))
        throw Error("55000",
                    "procedure " + procedure + " has changed since workflow \"" + start.name + "\" was defined", {},
                    "Call standin.workflow_define again.");
    if (!row.get<bool>(4) || !row.get<bool>(5))
        throw Error("42501", "role " + role + " cannot run workflows inside the database",
                    "They run in a worker that is connected as the role that started them.",
                    row.get<bool>(4) ? "GRANT CONNECT ON DATABASE to the role."
                                     : "ALTER ROLE ... LOGIN (a password is not needed), or start it as another role.");
    pg::requireUserRole(start.submitter, "workflows inside the database never run as");
    if (!row.get<bool>(6))
        throw Error("42501", "permission denied for procedure " + procedure);
    return {row.get<int32_t>(0), true};
}

/// False if the id is taken.
bool insertRun(const Start& start, const Definition& definition) {
    static pg::Statement insert(
        "WITH run AS (INSERT INTO standin_private.workflow_run (workflow_id, name, version, submitter, input, "
        "created_at, parent) "
        "VALUES ($1, $2, $3, pg_get_userbyid($4), $5, $7, $9) ON CONFLICT DO NOTHING RETURNING workflow_id) "
        "INSERT INTO standin_private.workflow_task (workflow_id, name, form, submitter, available_at, waiting) "
        "SELECT workflow_id, $2, $6, pg_get_userbyid($4), coalesce($8, '-infinity'), CASE WHEN $8 IS NOT NULL THEN "
        "'start' END FROM run");
    return insert
               .run(start.id, start.name, definition.version, start.submitter, start.input,
                    definition.inDatabase ? "database" : "external", pg::Timestamptz{kernel::now()}, start.at,
                    start.parent)
               .affected() == 1;
}

void compareWithFirst(const Start& start) {
    static pg::Statement find("SELECT name = $2, submitter = pg_get_userbyid($3), input IS NOT DISTINCT FROM $4 "
                              "FROM standin_private.workflow_run WHERE workflow_id = $1");
    const pg::Rows rows = find.run(start.id, start.name, start.submitter, start.input);
    if (rows.empty())
        throw Error("40001", "workflow \"" + start.id + "\" was being started by another transaction");
    const char* differs = !rows[0].get<bool>(1)   ? "role"
                          : !rows[0].get<bool>(0) ? "name"
                          : !rows[0].get<bool>(2) ? "input"
                                                  : nullptr;
    if (differs)
        throw Error("23505", "workflow \"" + start.id + "\" was already started with another " + differs, {},
                    "The id is the idempotency key: one id, one workflow.");
}

void announce(const Start& start, const Definition& definition) {
    if (!definition.inDatabase)
        return kernel::wakeAtCommit(kernel::Channel::claim);
    if (start.at)
        workflow::wakeDispatcherAtCommit();
    else
        kernel::wakeRoleAtCommit(kernel::Channel::executor, start.submitter);
    static pg::Statement insert(
        "INSERT INTO standin_private.workflow_role (role) VALUES (pg_get_userbyid($1)) ON CONFLICT DO NOTHING");
    insert.run(start.submitter);
}

std::string newId() {
    const pg::Rows rows = pg::execute("SELECT pg_catalog.gen_random_uuid()::text", true);
    return rows[0].get<std::string>(0);
}

} // namespace

STANDIN_FUNCTION(standin_workflow_start) {
    if (PG_ARGISNULL(0))
        throw Error("22004", "name of a workflow must not be null");
    const auto argument = [&](int number) {
        return pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(number)); });
    };
    Start start{
        .name = argument(0),
        .id = PG_ARGISNULL(1) ? "" : argument(1),
        .input = {.type = JSONBOID, .value = PG_ARGISNULL(2) ? 0 : PG_GETARG_DATUM(2), .null = PG_ARGISNULL(2)},
        .at = PG_ARGISNULL(3) ? std::nullopt : std::optional(pg::Timestamptz{PG_GETARG_TIMESTAMPTZ(3)}),
        .submitter = GetUserId(),
        .parent = {},
    };
    if (const workflow::Execution* execution = workflow::Execution::current())
        start.parent = execution->id;
    {
        const pg::OwnerScope owner;
        const pg::Spi spi;
        if (PG_ARGISNULL(1))
            start.id = newId();
        const Definition definition = readDefinition(start);
        if (insertRun(start, definition)) {
            kernel::requireAdopted();
            announce(start, definition);
            ForceSyncCommit();
        } else {
            compareWithFirst(start);
        }
    }
    return pg::call([id = start.id.c_str()] { return CStringGetTextDatum(id); });
}
