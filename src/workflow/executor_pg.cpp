#include "workflow/executor_pg.h"

#include "kernel/crash_point.h"
#include "pg/memory.h"
#include "workflow/compensation_pg.h"
#include "workflow/dispatcher_pg.h"
#include "workflow/execution_pg.h"
#include "workflow/procedure_pg.h"
#include "workflow/refusal.h"
#include "workflow/schedule/scheduler_pg.h"
#include "workflow/session_pg.h"
#include "workflow/suspension_pg.h"
#include "workflow/workflow.h"

extern "C" {
#include <utils/fmgrprotos.h>
}

namespace standin::workflow {

namespace {

using namespace std::chrono_literals;

// Without work for so long, the executor leaves its process to others; the next start of a workflow brings it back.
// What no commit announces (COMMIT PREPARED) is found then, too.
constexpr auto idleLimit = 30s;
constexpr auto blockedRetry = 200ms; ///< after 3 s of waiting for a lock

struct Taken : Execution::Claim {
    std::string name;
    int32_t version;
    std::string procedure;
    bool returnsOutput;
    bool changed; ///< the procedure is not what the version was defined with
    std::optional<std::string> input;
    bool ending; ///< it does not complete: what it did is to be undone
};

class Executor {
public:
    explicit Executor(kernel::Worker& worker) : worker_(worker), role_(GetSessionUserId()) {}

    void run();

private:
    void turn();
    void recover();
    std::optional<Taken> take();
    void execute(const Taken& taken);
    void giveBack();
    void complete(Execution& execution, JsonbDatum output);
    void end(const Taken& taken, Execution::Departure departure, const ErrorText& error);
    bool conclude(const Taken& taken, const char* status, const ErrorText& error);

    using Clock = std::chrono::steady_clock;
    Clock::time_point idleUntil() const { return lastWork_ + idleLimit; }

    kernel::Worker& worker_;
    const Oid role_;
    std::optional<Taken> held_; ///< what was taken and has not come to an end that is written down
    Clock::time_point lastWork_ = Clock::now();
};

void Executor::recover() {
    ownTransaction(worker_, [&] {
        static pg::Statement statement("SELECT standin_private.workflow_recover($1)");
        statement.run(role_);
    });
}

std::optional<Taken> Executor::take() {
    return ownTransaction(worker_, [&]() -> std::optional<Taken> {
        static pg::Statement statement(
            "SELECT workflow_id, token, recorded, step_limit, wait_seq, wait_until, name, version, procedure, "
            "returns_output, changed, input::text, ending IS NOT NULL "
            "FROM standin_private.workflow_take($1, $2)");
        const pg::Rows rows = statement.run(role_, "executor " + std::to_string(MyProcPid));
        if (rows.empty())
            return std::nullopt;
        ForceSyncCommit(); // a claim that a crash forgets would not count as a recovery
        const pg::Row row = rows[0];
        const auto until = row.optional<pg::Timestamptz>(5);
        Taken taken;
        taken.id = row.get<std::string>(0);
        taken.token = row.get<int64_t>(1);
        taken.recorded = row.get<int32_t>(2);
        taken.stepLimit = row.get<int32_t>(3);
        taken.waitSeq = row.optional<int32_t>(4);
        taken.waitUntil = until ? std::optional(until->microseconds) : std::nullopt;
        taken.name = row.get<std::string>(6);
        taken.version = row.get<int32_t>(7);
        taken.procedure = row.get<std::string>(8);
        taken.returnsOutput = row.get<bool>(9);
        taken.changed = row.get<bool>(10);
        taken.input = row.optional<std::string>(11);
        taken.ending = row.get<bool>(12);
        return taken;
    });
}

/// Only of a version that has no copy of its own: see standin_private.workflow_pin_late.
void checkSource(const Taken& taken, Execution& execution) {
    if (taken.changed)
        throw execution.mark(
            Error("55000", "procedure " + taken.procedure + " has changed since the workflow was started, or is gone",
                  taken.name + " version " + std::to_string(taken.version) + " was defined before versions had copies.",
                  "Put it back and call standin.workflow_retry, or let the workflow go on with another version by "
                  "standin.workflow_migrate."),
            Execution::Departure::Blocked);
}

JsonbDatum inputDatum(const Taken& taken, MemoryContext context) {
    if (!taken.input)
        return {};
    const pg::MemoryContextScope scope(context);
    return {pg::call([text = taken.input->c_str()] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(text)); }),
            false};
}

/// Somebody was told that it is cancelled, or it is with another executor.
[[noreturn]] void refuseCompletion(Execution& execution) {
    using Departure = Execution::Departure;
    static pg::Statement cancelled("SELECT control #>> '{error,message}' FROM standin_private.workflow_task "
                                   "WHERE workflow_id = $1 AND token = $2 AND control ->> 'action' = 'cancel'");
    const pg::Rows rows = cancelled.run(execution.id, execution.token);
    if (!rows.empty())
        throw execution.mark(Error("57014", rows[0].optional<std::string>(0).value_or("cancelled")),
                             Departure::Cancelled);
    throw execution.markLost();
}

void Executor::complete(Execution& execution, JsonbDatum output) {
    execution.throwIfMarked();
    try {
        execution.cursor.finish();
    } catch (const Error& error) {
        throw execution.mark(error, Execution::Departure::Blocked);
    }
    const pg::OwnerScope owner;
    const pg::Spi spi;
    pg::setInScope("lock_timeout", pg::lockPatience);
    static pg::Statement finish("SELECT standin_private.workflow_finish($1, $2, 'completed', $3, NULL)");
    const pg::Typed value{.type = JSONBOID, .value = output.value, .null = output.null};
    const bool held = [&] {
        try {
            return finish.run(execution.id, execution.token, value)[0].get<bool>(0);
        } catch (const pg::PgError& error) {
            if (error.is(ERRCODE_LOCK_NOT_AVAILABLE)) // no fault of the workflow's, which is to be resumed
                throw Error("40000", "the end of the workflow could not be recorded, as a session locked its row");
            throw;
        }
    }();
    if (!held)
        refuseCompletion(execution);
}

void Executor::execute(const Taken& taken) {
    worker_.setState("running", taken.name + " " + taken.id);
    std::optional<ErrorText> error;
    Execution::Departure departure{};
    {
        const pg::TemporaryContext context("pg_standin workflow", TopMemoryContext);
        Execution execution(worker_, taken);
        std::optional<Execution::OwnCommit> completing;
        try {
            worker_.transactionAsIs([&] {
                checkSource(taken, execution);
                pg::call([] { PopActiveSnapshot(); }); // a commit inside the procedure must not meet it
                const JsonbDatum output =
                    callProcedure({taken.procedure, taken.returnsOutput, inputDatum(taken, context), context});
                pg::call([] { PushActiveSnapshot(GetTransactionSnapshot()); });
                complete(execution, output);
                STANDIN_CRASH_POINT("workflow_before_completion");
                completing.emplace(execution);
            });
            STANDIN_CRASH_POINT("workflow_after_completion");
        } catch (...) {
            // A refusal that the procedure swallowed is what went wrong first.
            error = execution.marked() ? describe(*execution.marked()) : describeCurrentException();
            departure = execution.departure();
        }
    }
    if (!error || departure == Execution::Departure::Suspended)
        return held_.reset();
    if (departure != Execution::Departure::Lost)
        end(taken, departure, *error);
    giveBack(); // unless it has ended, or waits
}

/// What was taken and is with nobody, as a cancel or a lock came between, may be taken again.
void Executor::giveBack() {
    if (!held_)
        return;
    ownTransaction(worker_, [&] {
        static pg::Statement release("SELECT standin_private.workflow_release($1, $2, NULL)");
        release.run(held_->id, held_->token);
    });
    held_.reset();
}
/// False if the workflow is to be compensated first.
bool Executor::conclude(const Taken& taken, const char* status, const ErrorText& error) {
    return ownTransaction(worker_, [&] {
        static pg::Statement statement(
            "SELECT standin_private.workflow_conclude($1, $2, $3, jsonb_strip_nulls(jsonb_build_object('sqlstate', $4, "
            "'message', $5, 'detail', $6, 'hint', $7, 'context', $8)))");
        return statement
            .run(taken.id, taken.token, status, error.sqlstate, error.message, error.detail, error.hint,
                 error.context)[0]
            .get<bool>(0);
    });
}

void Executor::end(const Taken& taken, Execution::Departure departure, const ErrorText& error) {
    using Departure = Execution::Departure;
    if (departure == Departure::Blocked)
        return void(
            ownTransaction(worker_, [&] { return suspendQuietly(taken, {.kind = "blocked", .because = error}); }));
    if (departure == Departure::None && judge(error.sqlstate) == Verdict::Resume)
        return ownTransaction(worker_, [&] {
            static pg::Statement release(
                "SELECT standin_private.workflow_release($1, $2, jsonb_build_object('sqlstate', $3, "
                "'message', $4))");
            release.run(taken.id, taken.token, error.sqlstate, error.message);
        });
    if (!conclude(taken, departure == Departure::Cancelled ? "cancelled" : "failed", error))
        compensate(worker_, taken);
}

void Executor::turn() {
    giveBack();
    held_ = take();
    if (held_) {
        if (held_->ending) {
            compensate(worker_, *held_);
            giveBack(); // unless it has ended, or waits
        } else {
            execute(Taken(*held_));
        }
        pg::call([] { CHECK_FOR_INTERRUPTS(); });
        lastWork_ = Clock::now();
    } else {
        worker_.setState("idle");
        worker_.wait(std::chrono::ceil<std::chrono::milliseconds>(idleUntil() - Clock::now()));
    }
}

void Executor::run() {
    bool begun = false;
    while (!worker_.stopping() && !worker_.askedToLeave() && Clock::now() < idleUntil()) {
        try {
            const bool free = worker_.unlessBlocked([&] {
                if (!begun)
                    recover();
                begun = true;
                turn();
            });
            if (free)
                worker_.recovered();
            else
                worker_.wait(blockedRetry);
        } catch (const pg::PgError& error) {
            // A cancel that met no step; what it interrupted is found again as taken by nobody.
            if (!error.is(ERRCODE_QUERY_CANCELED))
                throw;
        }
    }
}

} // namespace

void executorMain(kernel::Worker& worker) { Executor(worker).run(); }

void init() {
    kernel::registerWorkerKind("executor", kernel::Channel::executor, kernel::Rank::executor, executorMain);
    kernel::registerWorkerKind("dispatcher", kernel::Channel::dispatcher, kernel::Rank::dispatcher, dispatcherMain);
    guardCommits();
    initScheduler();
}

} // namespace standin::workflow
