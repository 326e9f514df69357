#include "workflow/step_pg.h"

#include "kernel/clock.h"
#include "kernel/crash_point.h"
#include "pg/memory.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "workflow/refusal.h"

extern "C" {
#include <lib/stringinfo.h>
#include <utils/jsonb.h>
}

namespace standin::workflow {

namespace {

void commit(Execution& execution) {
    const Execution::OwnCommit own(execution);
    pg::call([] { SPI_commit(); });
}

pg::Typed jsonb(JsonbDatum value) { return {.type = JSONBOID, .value = value.value, .null = value.null}; }

JsonbDatum recordedOutput(const Execution& execution, const StepIdentity& asked, MemoryContext results) {
    const pg::OwnerScope owner;
    static pg::Statement find("SELECT name, input_hash, output FROM standin_private.workflow_step "
                              "WHERE workflow_id = $1 AND seq = $2");
    const pg::Rows rows = find.run(execution.id, asked.seq);
    if (rows.empty())
        throw Error("XX001", "step " + std::to_string(asked.seq) + " of workflow \"" + execution.id +
                                 "\" is missing from its log");
    checkReplay({asked.seq, rows[0].get<std::string>(0), rows[0].get<int64_t>(1)}, asked);
    if (rows[0].isNull(2))
        return {};
    const pg::MemoryContextScope scope(results);
    const Datum output = rows[0].datum(2);
    return {pg::call([output] { return PointerGetDatum(PG_DETOAST_DATUM_COPY(output)); }), false};
}

void record(const Execution& execution, const StepIdentity& step, JsonbDatum output, int64_t startedAt) {
    const pg::OwnerScope owner;
    static pg::Statement insert("INSERT INTO standin_private.workflow_step (workflow_id, seq, name, external, "
                                "input_hash, output, started_at, recorded_at) "
                                "VALUES ($1, $2, $3, false, $4, $5, $6, $7)");
    insert.run(execution.id, step.seq, step.name, step.inputHash, jsonb(output), pg::Timestamptz{startedAt},
               pg::Timestamptz{kernel::now()});
}

/// Returns the number of the attempt. It counts on after a crash.
int recordFailure(const Execution& execution, const StepIdentity& step, const ErrorText& error) {
    const pg::OwnerScope owner;
    static pg::Statement insert(
        "INSERT INTO standin_private.workflow_attempt (workflow_id, seq, attempt, name, error, failed_at) "
        "SELECT $1, $2, coalesce(max(attempt), 0) + 1, $3, jsonb_strip_nulls(jsonb_build_object("
        "'sqlstate', $4, 'message', $5, 'detail', $6, 'hint', $7, 'context', $8)), $9 "
        "FROM standin_private.workflow_attempt WHERE workflow_id = $1 AND seq = $2 RETURNING attempt");
    return insert
        .run(execution.id, step.seq, step.name, error.sqlstate, error.message, error.detail, error.hint, error.context,
             pg::Timestamptz{kernel::now()})[0]
        .get<int32_t>(0);
}

/// The handler's effect and the record of the step, in one commit.
JsonbDatum attempt(Execution& execution, const StepCall& step, const StepIdentity& identity) {
    struct InsideHandler {
        Execution& execution;
        explicit InsideHandler(Execution& running) : execution(running) { execution.insideHandler = true; }
        ~InsideHandler() { execution.insideHandler = false; }
    };
    const int64_t startedAt = kernel::now();
    const JsonbDatum output = pg::inSubtransaction([&] {
        JsonbDatum result;
        {
            const InsideHandler inside(execution);
            result = callHandler(findHandler(step.handler), step.input, step.results);
        }
        // The handler may have called a step itself and swallowed the refusal.
        execution.throwIfMarked();
        record(execution, identity, result, startedAt);
        return result;
    });
    STANDIN_CRASH_POINT("step_before_commit");
    commit(execution);
    STANDIN_CRASH_POINT("step_after_commit");
    return output;
}

} // namespace

int64_t hashInput(JsonbDatum input) {
    if (input.null)
        return noInputHash;
    const std::string_view text = pg::call([input] {
        auto* value = DatumGetJsonbP(input.value);
        StringInfoData buffer;
        initStringInfo(&buffer);
        JsonbToCString(&buffer, &value->root, VARSIZE(value));
        return std::string_view(buffer.data, buffer.len);
    });
    const int64_t hash = inputHash(text);
    pfree(const_cast<char*>(text.data()));
    return hash;
}

JsonbDatum runStep(Execution& execution, const StepCall& step) {
    const pg::Spi spi(pg::Nonatomic{});
    const StepIdentity identity{execution.cursor.advance(), step.name, hashInput(step.input)};
    if (execution.cursor.replaying())
        return recordedOutput(execution, identity, step.results);
    for (;;) {
        try {
            return attempt(execution, step, identity);
        } catch (...) {
            // Effect and record are gone: with their subtransaction, or with the transaction if the commit failed,
            // after which SPI_commit has begun a new one. What remains is to write down that it was tried.
            const std::exception_ptr failure = std::current_exception();
            const ErrorText error = describeCurrentException();
            bool again = false;
            try {
                const int failures = recordFailure(execution, identity, error);
                commit(execution);
                again = !execution.marked() && retryStep(error.sqlstate, failures, step.retries);
            } catch (...) {
                // The workflow ends with the error of the step, not with that of writing it down.
            }
            if (!again)
                std::rethrow_exception(failure);
        }
    }
}

} // namespace standin::workflow
