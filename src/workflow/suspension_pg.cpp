#include "workflow/suspension_pg.h"

#include "pg/owner.h"
#include "pg/spi.h"

namespace standin::workflow {

namespace {

std::optional<pg::Timestamptz> timestamp(const std::optional<int64_t>& at) {
    return at ? std::optional(pg::Timestamptz{*at}) : std::nullopt;
}

} // namespace

void commit(Execution& execution) {
    const Execution::OwnCommit own(execution);
    pg::call([] { SPI_commit(); });
}

bool suspendQuietly(const Execution::Claim& claim, const Wait& wait) {
    static pg::Statement statement(
        "SELECT standin_private.workflow_suspend($1, $2, $3, nullif($4, ''), $5, $6, CASE WHEN $7 IS NOT NULL THEN "
        "jsonb_strip_nulls(jsonb_build_object('sqlstate', $7, 'message', $8, 'detail', $9, 'hint', $10, 'context', "
        "$11)) END)");
    const ErrorText none{};
    const ErrorText& error = wait.because ? *wait.because : none;
    return statement
        .run(claim.id, claim.token, wait.kind, wait.what, timestamp(wait.until), wait.seq,
             wait.because ? std::optional(error.sqlstate) : std::nullopt, error.message, error.detail, error.hint,
             error.context)[0]
        .get<bool>(0);
}

void suspend(Execution& execution, const Wait& wait) {
    const bool held = [&] {
        const pg::OwnerScope owner;
        return suspendQuietly(execution.claim, wait);
    }();
    if (!held)
        obey(execution);
    commit(execution);
    execution.depart(Execution::Departure::Suspended);
    throw Error("57P03", "workflow \"" + execution.id + "\" waits"); // told by the departure, not by this
}

void obey(Execution& execution) {
    using Departure = Execution::Departure;
    static pg::Statement asked(
        "SELECT control ->> 'action', control #>> '{error,message}' FROM standin_private.workflow_task "
        "WHERE workflow_id = $1 AND token = $2");
    std::string action, message;
    {
        const pg::OwnerScope owner;
        const pg::Rows rows = asked.run(execution.id, execution.token);
        if (!rows.empty()) {
            action = rows[0].optional<std::string>(0).value_or("");
            message = rows[0].optional<std::string>(1).value_or("");
        }
    }
    if (action == "cancel")
        throw execution.mark(Error("57014", message), Departure::Cancelled);
    if (action == "pause") {
        static pg::Statement pause("UPDATE standin_private.workflow_task SET control = NULL, waiting = 'paused', "
                                   "available_at = 'infinity', worker = NULL, suspended = true "
                                   "WHERE workflow_id = $1 AND token = $2");
        {
            const pg::OwnerScope owner;
            pause.run(execution.id, execution.token);
        }
        commit(execution);
        execution.depart(Departure::Suspended);
        throw Error("57P03", "workflow \"" + execution.id + "\" is paused");
    }
    throw execution.markLost();
}

} // namespace standin::workflow
