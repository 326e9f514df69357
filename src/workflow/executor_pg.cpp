#include "workflow/executor_pg.h"

#include "kernel/crash_point.h"
#include "pg/memory.h"
#include "workflow/execution_pg.h"
#include "workflow/procedure_pg.h"
#include "workflow/refusal.h"
#include "workflow/schedule/scheduler_pg.h"
#include "workflow/session_pg.h"
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

struct Taken {
    std::string id;
    int64_t token;
    int32_t recorded;
    std::string name;
    int32_t version;
    std::string procedure;
    bool returnsOutput;
    std::string pinnedHash;
    std::optional<std::string> actualHash;
    std::optional<std::string> input;
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
    void complete(Execution& execution, JsonbDatum output);
    void end(const Taken& taken, const ErrorText& error);

    /// A transaction as the product's owner, in a session that no procedure has left its mark on.
    template <class F> auto ownTransaction(F&& f) {
        worker_.transactionAsIs(resetSession);
        return worker_.transaction([&] {
            pg::setInScope("lock_timeout", pg::lockPatience);
            return f();
        });
    }

    using Clock = std::chrono::steady_clock;
    Clock::time_point idleUntil() const { return lastWork_ + idleLimit; }

    kernel::Worker& worker_;
    const Oid role_;
    Clock::time_point lastWork_ = Clock::now();
};

void Executor::recover() {
    ownTransaction([&] {
        static pg::Statement statement("SELECT standin_private.workflow_recover($1)");
        statement.run(role_);
    });
}

std::optional<Taken> Executor::take() {
    return ownTransaction([&]() -> std::optional<Taken> {
        static pg::Statement statement(
            "SELECT workflow_id, token, recorded, name, version, procedure, returns_output, source_hash, "
            "actual_hash, input::text FROM standin_private.workflow_take($1, $2)");
        const pg::Rows rows = statement.run(role_, "executor " + std::to_string(MyProcPid));
        if (rows.empty())
            return std::nullopt;
        ForceSyncCommit(); // a claim that a crash forgets would not count as a recovery
        const pg::Row row = rows[0];
        return Taken{
            row.get<std::string>(0),      row.get<int64_t>(1),         row.get<int32_t>(2), row.get<std::string>(3),
            row.get<int32_t>(4),          row.get<std::string>(5),     row.get<bool>(6),    row.get<std::string>(7),
            row.optional<std::string>(8), row.optional<std::string>(9)};
    });
}

void checkSource(const Taken& taken) {
    const std::string pinned =
        taken.name + " version " + std::to_string(taken.version) + " is pinned to " + taken.procedure;
    if (!taken.actualHash)
        throw Error("42883", "procedure " + taken.procedure + " of the workflow does not exist", pinned + ".");
    if (*taken.actualHash != taken.pinnedHash)
        throw Error("55000", "procedure " + taken.procedure + " has changed since the workflow was started",
                    pinned + " with source " + taken.pinnedHash + ". Now: " + *taken.actualHash + ".",
                    "Give the new version of a workflow a procedure of its own, so that open ones end on theirs.");
}

JsonbDatum inputDatum(const Taken& taken, MemoryContext context) {
    if (!taken.input)
        return {};
    const pg::MemoryContextScope scope(context);
    return {pg::call([text = taken.input->c_str()] { return DirectFunctionCall1(jsonb_in, CStringGetDatum(text)); }),
            false};
}

void Executor::complete(Execution& execution, JsonbDatum output) {
    execution.throwIfMarked();
    execution.cursor.finish();
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
        throw Error("55000", "workflow \"" + execution.id + "\" is no longer held by this executor");
}

void Executor::execute(const Taken& taken) {
    worker_.setState("running", taken.name + " " + taken.id);
    std::optional<ErrorText> error;
    {
        const pg::TemporaryContext context("pg_standin workflow", TopMemoryContext);
        Execution execution(worker_, taken.id, taken.token, taken.recorded);
        std::optional<Execution::OwnCommit> completing;
        try {
            worker_.transactionAsIs([&] {
                checkSource(taken);
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
        }
    }
    if (error)
        end(taken, *error);
}

void Executor::end(const Taken& taken, const ErrorText& error) {
    const bool resume = judge(error.sqlstate) == Verdict::Resume;
    ownTransaction([&] {
        static pg::Statement statement("SELECT CASE WHEN $3 THEN standin_private.workflow_release($1, $2, e.error) "
                                       "ELSE standin_private.workflow_finish($1, $2, 'failed', NULL, e.error) END "
                                       "FROM (SELECT jsonb_strip_nulls(jsonb_build_object('sqlstate', $4, 'message', "
                                       "$5, 'detail', $6, 'hint', $7, "
                                       "'context', $8)) AS error) e");
        statement.run(taken.id, taken.token, resume, error.sqlstate, error.message, error.detail, error.hint,
                      error.context);
    });
}

void Executor::turn() {
    if (const auto taken = take()) {
        execute(*taken);
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
    guardCommits();
    initScheduler();
}

} // namespace standin::workflow
