#include "workflow/step_pg.h"

#include "kernel/clock.h"
#include "kernel/crash_point.h"
#include "pg/memory.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "workflow/refusal.h"
#include "workflow/suspension_pg.h"
#include "workflow/wait_pg.h"

extern "C" {
#include <lib/stringinfo.h>
#include <utils/jsonb.h>
}

namespace standin::workflow {

namespace {

pg::Typed jsonb(JsonbDatum value) { return {.type = JSONBOID, .value = value.value, .null = value.null}; }

/// {"error": {...}}
JsonbDatum errorAsOutput(const ErrorText& error, MemoryContext results) {
    static pg::Statement build(
        "SELECT jsonb_build_object('error', jsonb_strip_nulls(jsonb_build_object('sqlstate', $1, "
        "'message', $2, 'detail', $3, 'hint', $4)))");
    const pg::OwnerScope owner;
    return copied(build.run(error.sqlstate, error.message, error.detail, error.hint)[0], 0, results);
}

void recordCompensation(const Execution& execution, const StepCall& step, int32_t seq, JsonbDatum output) {
    static pg::Statement insert("INSERT INTO standin_private.workflow_compensation (workflow_id, seq, handler, input) "
                                "VALUES ($1, $2, $3, jsonb_build_object('input', $4, 'output', $5))");
    const pg::OwnerScope owner;
    insert.run(execution.id, seq, *step.compensation, jsonb(step.input), jsonb(output));
}

Oid findHandlerOrBlock(Execution& execution, const std::string& name) {
    try {
        return findHandler(name);
    } catch (const Error& error) { // it fits no more; a deployment may have taken it away for a moment
        throw execution.mark(error, Execution::Departure::Blocked);
    }
}

/// The handler's effect and the record of the step, in one commit.
JsonbDatum attempt(Execution& execution, const StepCall& step, const StepIdentity& identity) {
    const int64_t startedAt = kernel::now();
    const JsonbDatum output = pg::inSubtransaction([&] {
        const JsonbDatum result =
            runHandler(execution, findHandlerOrBlock(execution, step.handler), step.input, step.timeout, step.results);
        // The handler may have called a step itself and swallowed the refusal.
        execution.throwIfMarked();
        recordStep(execution, identity, result, startedAt);
        if (step.compensation)
            recordCompensation(execution, step, identity.seq, result);
        return result;
    });
    STANDIN_CRASH_POINT("step_before_commit");
    commit(execution);
    STANDIN_CRASH_POINT("step_after_commit");
    forgetSession();
    return output;
}

/// What becomes of a step whose attempt failed. Returns the recorded error, if it is an output; nothing if it is to be
/// tried again at once; throws if the workflow is not to go on now.
std::optional<JsonbDatum> afterFailure(Execution& execution, const StepCall& step, const StepIdentity& identity,
                                       const ErrorText& error, bool timedOut) {
    const int failures = recordFailure(execution.id, identity.seq, identity.name, error);
    const auto delay = nextAttempt(step.policy, error.sqlstate, timedOut, failures);
    if (!delay && step.returnsError) {
        const JsonbDatum output = errorAsOutput(error, step.results);
        recordStep(execution, identity, output, kernel::now());
        commit(execution);
        return output;
    }
    if (delay && delay->count() > 0)
        suspend(execution, {.kind = "retry", .until = kernel::now() + delay->count() * 1000, .because = error});
    commit(execution);
    if (!delay)
        execution.depart(Execution::Departure::Failed);
    return std::nullopt;
}

} // namespace

Execution& enterStep(FunctionCallInfo fcinfo, const char* kind, const std::string& name, size_t nameMaximum) {
    Execution* execution = Execution::current();
    if (!execution)
        throw Error(
            "55000", std::string(kind) + " is called outside a workflow", {},
            "It belongs into the procedure of a workflow that standin.workflow_start has started; an application "
            "worker uses standin.step_record.");
    execution->throwIfMarked();
    if (const auto refusal = refuseStep(
            kind, name, {.atomic = isAtomic(fcinfo), .written = TransactionIdIsValid(GetTopTransactionIdIfAny())}))
        throw execution->mark(*refusal);
    if (name.empty() || name.size() > nameMaximum)
        throw Error("22023", "name of a step must have 1 to " + std::to_string(nameMaximum) + " bytes");
    execution->throwIfTurnIsOver();
    return *execution;
}

std::optional<JsonbDatum> recordedOutput(Execution& execution, const StepIdentity& asked, MemoryContext results) {
    if (!execution.cursor.replaying())
        return std::nullopt;
    const pg::OwnerScope owner;
    static pg::Statement find("SELECT name, input_hash, output, kind FROM standin_private.workflow_step "
                              "WHERE workflow_id = $1 AND seq = $2");
    const pg::Rows rows = find.run(execution.id, asked.seq);
    if (rows.empty())
        throw Error("XX001", "step " + std::to_string(asked.seq) + " of workflow \"" + execution.id +
                                 "\" is missing from its log");
    try {
        checkReplay({asked.seq, rows[0].get<std::string>(0), rows[0].get<int64_t>(1), rows[0].get<std::string>(3)},
                    asked);
    } catch (const Error& error) {
        throw execution.mark(error, Execution::Departure::Blocked);
    }
    return copied(rows[0], 2, results);
}

void recordStep(const Execution& execution, const StepIdentity& step, JsonbDatum output, int64_t startedAt) {
    const pg::OwnerScope owner;
    static pg::Statement insert("INSERT INTO standin_private.workflow_step (workflow_id, seq, name, external, "
                                "input_hash, output, started_at, recorded_at, kind) "
                                "SELECT $1, $2, $3, false, $4, $5, $6, $7, $8 FROM standin_private.workflow_task "
                                "WHERE workflow_id = $1 AND token = $9 AND control IS NULL");
    if (insert
            .run(execution.id, step.seq, step.name, step.inputHash, jsonb(output), pg::Timestamptz{startedAt},
                 pg::Timestamptz{kernel::now()}, step.kind, execution.token)
            .affected() != 1)
        throw NotHeld();
}

/// The number counts on after a crash.
int recordFailure(const std::string& id, int32_t seq, const std::string& name, const ErrorText& error) {
    const pg::OwnerScope owner;
    static pg::Statement insert(
        "INSERT INTO standin_private.workflow_attempt (workflow_id, seq, attempt, name, error, failed_at) "
        "SELECT $1, $2, coalesce(max(attempt), 0) + 1, $3, jsonb_strip_nulls(jsonb_build_object("
        "'sqlstate', $4, 'message', $5, 'detail', $6, 'hint', $7, 'context', $8)), $9 "
        "FROM standin_private.workflow_attempt WHERE workflow_id = $1 AND seq = $2 "
        "RETURNING (SELECT count(*)::integer + 1 FROM standin_private.workflow_attempt "
        "WHERE workflow_id = $1 AND seq = $2 AND name = $3)");
    return insert
        .run(id, seq, name, error.sqlstate, error.message, error.detail, error.hint, error.context,
             pg::Timestamptz{kernel::now()})[0]
        .get<int32_t>(0);
}

int32_t nextStep(Execution& execution) {
    try {
        return execution.cursor.advance();
    } catch (const Error& error) {
        throw execution.mark(error, Execution::Departure::Blocked);
    }
}

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
    const StepIdentity identity{nextStep(execution), step.name, hashInput(step.input)};
    if (const auto recorded = recordedOutput(execution, identity, step.results))
        return *recorded;
    if (step.compensation)
        findHandlerOrBlock(execution, *step.compensation);
    for (;;) {
        const auto begun = std::chrono::steady_clock::now();
        const std::chrono::milliseconds limit = attemptLimit(step.timeout);
        try {
            return attempt(execution, step, identity);
        } catch (const NotHeld&) {
            forgetSession();
            obey(execution);
        } catch (...) {
            // Effect and record are gone: with their subtransaction, or with the transaction if the commit failed,
            // after which SPI_commit has begun a new one. What remains is to write down that it was tried.
            const std::exception_ptr failure = std::current_exception();
            if (execution.marked())
                std::rethrow_exception(failure);
            const ErrorText error = describeCurrentException();
            const bool timedOut = limit.count() > 0 && std::chrono::steady_clock::now() - begun >= limit;
            forgetSession();
            try {
                if (const auto output =
                        afterFailure(execution, step, identity, error, timedOut && error.sqlstate == "57014"))
                    return *output;
            } catch (const NotHeld&) {
                obey(execution);
            }
            if (execution.departure() == Execution::Departure::Failed)
                std::rethrow_exception(failure);
        }
    }
}

} // namespace standin::workflow
