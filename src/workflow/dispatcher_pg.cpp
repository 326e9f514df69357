#include "workflow/dispatcher_pg.h"

#include <algorithm>

#include "kernel/clock.h"
#include "kernel/crash_point.h"
#include "kernel/instance.h"

// The one worker that makes ready again what waits: a timer that is due, a message, an event, the end of another
// workflow. All it does is written down, so a crash costs nothing but the time until the next one looks.

namespace standin::workflow {

namespace {

using namespace std::chrono_literals;

constexpr int batch = 1000;
constexpr auto sweepEvery = 10s;
constexpr auto blockedRetry = 200ms;

class Dispatcher {
public:
    explicit Dispatcher(kernel::Worker& worker) : worker_(worker) {}
    void run();

private:
    bool turn();
    std::chrono::milliseconds untilNext();

    kernel::Worker& worker_;
    std::chrono::steady_clock::time_point swept_{};
};

/// False if nothing was there to be moved.
bool Dispatcher::turn() {
    static pg::Statement dispatch("SELECT role, moved FROM standin_private.workflow_dispatch($1)");
    static pg::Statement sweep("SELECT standin_private.workflow_dispatch_sweep()");
    return worker_.transaction([&] {
        const auto now = std::chrono::steady_clock::now();
        if (now - swept_ >= sweepEvery) {
            sweep.run();
            swept_ = now;
        }
        const pg::Rows rows = dispatch.run(batch);
        for (const pg::Row row : rows)
            if (const auto role = row.optional<Oid>(0))
                kernel::wakeRoleAtCommit(kernel::Channel::executor, *role);
        const bool moved = !rows.empty();
        kernel::requireInstance(); // after what it is about
        STANDIN_CRASH_POINT("workflow_before_dispatch");
        return moved;
    });
}

std::chrono::milliseconds Dispatcher::untilNext() {
    static pg::Statement next("SELECT signals, next_at FROM standin_private.workflow_dispatch_next()");
    return worker_.transaction([&]() -> std::chrono::milliseconds {
        const pg::Row row = next.run()[0];
        if (row.get<bool>(0))
            return 0ms;
        if (row.isNull(1) || row.get<pg::Timestamptz>(1).microseconds == DT_NOEND)
            return sweepEvery;
        const int64_t left = row.get<pg::Timestamptz>(1).microseconds - kernel::now();
        return std::clamp<std::chrono::milliseconds>(std::chrono::milliseconds(left / 1000 + 1), 0ms, sweepEvery);
    });
}

void Dispatcher::run() {
    while (!worker_.stopping()) {
        auto pause = std::chrono::milliseconds(0);
        const bool free = worker_.unlessBlocked([&] {
            const bool moved = turn();
            pause = untilNext();
            if (!moved && pause.count() == 0)
                pause = blockedRetry; // what is due is locked by a session
        });
        if (free) {
            worker_.recovered();
            worker_.setState("running");
        }
        if (!free || pause.count() > 0)
            worker_.wait(free ? pause : blockedRetry);
        pg::call([] { CHECK_FOR_INTERRUPTS(); });
    }
}

} // namespace

void wakeDispatcherAtCommit() {
    kernel::wakeAtCommit(kernel::workerRuns("dispatcher", "") ? kernel::Channel::dispatcher
                                                              : kernel::Channel::supervisor);
}

void dispatcherMain(kernel::Worker& worker) { Dispatcher(worker).run(); }

} // namespace standin::workflow

using namespace standin;

STANDIN_FUNCTION(standin_workflow_dispatcher_wake) {
    workflow::wakeDispatcherAtCommit();
    PG_RETURN_VOID();
}

STANDIN_FUNCTION(standin_workflow_role_wake) {
    const Oid role = pg::call([fcinfo] { return get_role_oid(NameStr(*PG_GETARG_NAME(0)), true); });
    if (OidIsValid(role))
        kernel::wakeRoleAtCommit(kernel::Channel::executor, role);
    PG_RETURN_VOID();
}
