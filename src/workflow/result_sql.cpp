#include <algorithm>

#include "kernel/wake.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "workflow/execution_pg.h"
#include "workflow/wait_pg.h"

extern "C" {
#include <access/htup_details.h>
#include <utils/fmgrprotos.h>
}

using namespace standin;
using namespace standin::workflow;

namespace {

struct Outcome {
    std::string status;
    std::optional<std::string> output;
    std::optional<std::string> error;
    TransactionId writer; ///< of the newest version of the row
    bool ended;
};

Outcome fetch(const std::string& id, Oid reader) {
    const pg::OwnerScope owner;
    static pg::Statement find(
        "SELECT standin_private.workflow_status(r.status, t.token, t.worker, t.waiting, t.ending IS NOT NULL, "
        "r.submitter), "
        "r.output, coalesce(r.error, CASE WHEN t.waiting = 'blocked' THEN t.last_error END), r.xmin::text::bigint, "
        "r.status <> 'open' "
        "FROM standin_private.workflow_run r LEFT JOIN standin_private.workflow_task t USING (workflow_id) "
        "WHERE r.workflow_id = $1 AND (pg_has_role($2, to_regrole(quote_ident(r.submitter)), 'USAGE') "
        "OR pg_has_role($2, 'standin_operator', "
        "'USAGE') "
        "OR pg_has_role($2, 'standin_auditor', 'USAGE'))");
    const pg::Rows rows = find.run(id, reader);
    if (rows.empty())
        throw Error("P0002", "workflow \"" + id + "\" does not exist", {}, "It may also belong to another role.");
    const pg::Row row = rows[0];
    return {row.get<std::string>(0), row.optional<std::string>(1), row.optional<std::string>(2),
            static_cast<TransactionId>(row.get<int64_t>(3)), row.get<bool>(4)};
}

std::string idArgument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0))
        throw Error("22004", "id of a workflow must not be null");
    return pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
}

Datum resultRow(FunctionCallInfo fcinfo, const Outcome& result) {
    const auto pointer = [](const std::optional<std::string>& text) { return text ? text->c_str() : nullptr; };
    return pg::call(
        [fcinfo, status = result.status.c_str(), output = pointer(result.output), error = pointer(result.error)] {
            TupleDesc descriptor;
            if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
                ereport(ERROR, (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("result must be a record")));
            Datum values[3] = {CStringGetTextDatum(status), 0, 0};
            bool nulls[3] = {false, !output, !error};
            if (output)
                values[1] = DirectFunctionCall1(jsonb_in, CStringGetDatum(output));
            if (error)
                values[2] = DirectFunctionCall1(jsonb_in, CStringGetDatum(error));
            return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), values, nulls));
        });
}

/// It would keep the executor, and with it the role's other workflows, from the work that it waits for.
void refuseWaitInWorkflow(const Deadline& deadline) {
    if (Execution::current() && deadline.length().count() > 0)
        throw Error("55000", "a workflow cannot wait here without its executor", {},
                    "CALL standin.await_workflow in its procedure: it waits and holds nothing.");
}

/// A wait inside a transaction for what that transaction cannot see would last until its timeout.
void refuseHopelessWait(const std::string& id, const Outcome& result) {
    if (TransactionIdIsCurrentTransactionId(result.writer))
        throw Error("55000", "workflow \"" + id + "\" is started by this transaction, which must commit first");
    if (IsolationUsesXactSnapshot())
        throw Error("25001", "this transaction's snapshot cannot see workflow \"" + id + "\" end", {},
                    "Use READ COMMITTED, or CALL standin.workflow_wait outside a transaction block.");
}

} // namespace

// workflow_result(id, timeout): waits, if asked to, under the snapshot of the calling statement.
STANDIN_FUNCTION(standin_workflow_result) {
    const std::string id = idArgument(fcinfo);
    const Oid reader = GetUserId();
    const Deadline deadline(PG_ARGISNULL(1) ? std::chrono::milliseconds(0) : milliseconds(PG_GETARG_INTERVAL_P(1)));
    refuseWaitInWorkflow(deadline);
    if (deadline.length() > std::chrono::minutes(1))
        throw Error("22023", "timeout must not exceed one minute",
                    "A function holds its statement's snapshot while it waits.",
                    "CALL standin.workflow_wait outside a transaction block for longer waits.");
    std::optional<Outcome> result;
    {
        const pg::Spi spi;
        kernel::CommitWaiter waiter(kernel::Channel::ticket);
        for (;;) {
            result = fetch(id, reader);
            if (result->ended || deadline.over())
                break;
            refuseHopelessWait(id, *result);
            waiter.wait(deadline.remaining());
        }
    }
    return resultRow(fcinfo, *result);
}

// CALL workflow_wait(id, timeout, INOUT status, INOUT output, INOUT error): a transaction a look, none while waiting.
STANDIN_FUNCTION(standin_workflow_wait) {
    requireNonatomic(fcinfo, "workflow_wait");
    const std::string id = idArgument(fcinfo);
    const Oid reader = GetUserId();
    const Deadline deadline(PG_ARGISNULL(1) ? std::chrono::milliseconds(0) : milliseconds(PG_GETARG_INTERVAL_P(1)));
    refuseWaitInWorkflow(deadline);
    std::optional<Outcome> result;
    {
        const pg::Spi spi(pg::Nonatomic{});
        kernel::CommitWaiter waiter(kernel::Channel::ticket);
        for (;;) {
            result = fetch(id, reader);
            if (result->ended || deadline.over())
                break;
            pg::call([] { SPI_commit(); });
            waiter.wait(deadline.remaining());
        }
    }
    return resultRow(fcinfo, *result);
}
