#include "workflow/compensation_pg.h"

#include "kernel/clock.h"
#include "kernel/crash_point.h"
#include "pg/memory.h"
#include "workflow/session_pg.h"
#include "workflow/step_pg.h"
#include "workflow/suspension_pg.h"

namespace standin::workflow {

namespace {

const RetryPolicy policy{.retries = 5, .retryOn = {}};

class Compensation {
public:
    Compensation(kernel::Worker& worker, const Execution::Claim& claim) : worker_(worker), claim_(claim) {}
    void run();

private:
    struct Next {
        int32_t seq;
        std::string handler;
        JsonbDatum input;
    };
    std::optional<Next> next(MemoryContext context);
    void undo(Execution& execution, const Next& next, MemoryContext context);
    bool undoNext();
    void fail(std::optional<int32_t> seq, const ErrorText& error);
    void end();

    kernel::Worker& worker_;
    const Execution::Claim& claim_;
};

std::optional<Compensation::Next> Compensation::next(MemoryContext context) {
    static pg::Statement find("SELECT seq, handler, input FROM standin_private.workflow_compensation "
                              "WHERE workflow_id = $1 AND done_at IS NULL ORDER BY seq DESC LIMIT 1");
    const pg::OwnerScope owner;
    const pg::Spi spi;
    const pg::Rows rows = find.run(claim_.id);
    if (rows.empty())
        return std::nullopt;
    return Next{rows[0].get<int32_t>(0), rows[0].get<std::string>(1), copied(rows[0], 2, context)};
}

void Compensation::undo(Execution& execution, const Next& next, MemoryContext context) {
    static pg::Statement gotOn(
        "UPDATE standin_private.workflow_task SET stalls = 0 WHERE workflow_id = $1 AND stalls > 0");
    static pg::Statement done("UPDATE standin_private.workflow_compensation c SET done_at = $3, output = $4 "
                              "FROM standin_private.workflow_task t WHERE c.workflow_id = $1 AND c.seq = $2 "
                              "AND t.workflow_id = c.workflow_id AND t.token = $5");
    execution.compensates = next.seq;
    const JsonbDatum output =
        runHandler(execution, findHandler(next.handler), next.input, std::chrono::milliseconds(0), context);
    execution.throwIfMarked();
    const pg::OwnerScope owner;
    const pg::Spi spi;
    if (done.run(claim_.id, next.seq, pg::Timestamptz{kernel::now()},
                 pg::Typed{.type = JSONBOID, .value = output.value, .null = output.null}, claim_.token)
            .affected() != 1)
        throw execution.markLost();
    gotOn.run(claim_.id);
}

/// False when nothing is left to undo, or the workflow is not to go on now.
bool Compensation::undoNext() {
    std::optional<ErrorText> error;
    std::optional<int32_t> seq;
    {
        const pg::TemporaryContext context("pg_standin compensation", TopMemoryContext);
        Execution execution(worker_, claim_);
        std::optional<Execution::OwnCommit> committing;
        try {
            worker_.transactionAsIs([&] {
                const std::optional<Next> step = next(context);
                if (!step)
                    return;
                seq = step->seq;
                undo(execution, *step, context);
                STANDIN_CRASH_POINT("compensation_before_commit");
                pg::call([] { ForceSyncCommit(); });
                committing.emplace(execution);
            });
            STANDIN_CRASH_POINT("compensation_after_commit");
        } catch (...) {
            if (execution.departure() == Execution::Departure::Lost)
                return false;
            error = execution.marked() ? describe(*execution.marked()) : describeCurrentException();
        }
    }
    if (error)
        fail(seq, *error);
    else if (!seq)
        end();
    return seq && !error;
}

void Compensation::fail(std::optional<int32_t> seq, const ErrorText& error) {
    ownTransaction(worker_, [&] {
        // Without a step it failed before it found one: nobody's fault.
        const int failures =
            seq ? recordFailure(claim_.id, *seq, "compensation of step " + std::to_string(*seq), error) : 1;
        const auto delay = nextAttempt(policy, error.sqlstate, false, failures);
        if (delay)
            suspendQuietly(claim_, {.kind = "retry", .until = kernel::now() + delay->count() * 1000, .because = error});
        else
            suspendQuietly(claim_, {.kind = "blocked", .because = error});
    });
}

void Compensation::end() {
    ownTransaction(worker_, [&] {
        static pg::Statement finish(
            "SELECT standin_private.workflow_finish(workflow_id, token, ending ->> 'status', NULL, "
            "ending -> 'error') FROM standin_private.workflow_task WHERE workflow_id = $1 AND token = $2");
        finish.run(claim_.id, claim_.token);
    });
}

void Compensation::run() {
    worker_.setState("running", "compensation of " + claim_.id);
    while (!worker_.stopping() && undoNext())
        worker_.transactionAsIs(resetSession);
}

} // namespace

void compensate(kernel::Worker& worker, const Execution::Claim& claim) { Compensation(worker, claim).run(); }

} // namespace standin::workflow
