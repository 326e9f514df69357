#include "workflow/schedule/scheduler_pg.h"

#include <algorithm>
#include <utility>

#include "kernel/clock.h"
#include "kernel/crash_point.h"
#include "kernel/instance.h"
#include "kernel/worker.h"
#include "workflow/schedule/plan.h"
#include "workflow/schedule/start_pg.h"
#include "workflow/schedule/zone_pg.h"

namespace standin::workflow {

namespace {

using namespace std::chrono_literals;

// A machine that was suspended has not counted the time: look at the clock now and then.
constexpr std::chrono::milliseconds longestSleep = 10s;
constexpr std::chrono::milliseconds lockedRetry = 200ms; // a session changes the schedule
constexpr std::chrono::milliseconds refusedRetry = 1s;   // the supervisor ends this worker
constexpr int64_t firstRetry = 1 * USECS_PER_SEC;
constexpr int64_t longestRetry = 60 * USECS_PER_SEC;
constexpr const char* takenId = "23505";

struct Schedule {
    std::string name;
    ScheduledStart start;
    std::string cron;
    std::string timeZone;
    Moment jitter;
    Policy policy;
    std::optional<Second> startsAfter;
    Standing standing;
    bool lastIsOpen;
    int32_t failures;
};

struct Failure {
    std::string sqlstate;
    std::string message;
};

struct Agenda {
    std::vector<std::string> due;
    std::optional<TimestampTz> next;
    bool failing;
};

Overlap overlapOf(const std::string& name) {
    return name == "skip" ? Overlap::skip : name == "buffer_one" ? Overlap::bufferOne : Overlap::allow;
}

Backfill backfillOf(const std::string& name) {
    return name == "all" ? Backfill::all : name == "last" ? Backfill::last : Backfill::none;
}

std::optional<Second> secondIn(const pg::Row& row, int column) {
    const auto time = row.optional<pg::Timestamptz>(column);
    return time ? std::optional(secondOf(time->microseconds)) : std::nullopt;
}

std::optional<pg::Timestamptz> timeOf(std::optional<Second> second) {
    return second ? std::optional(pg::Timestamptz{timestampOf(*second)}) : std::nullopt;
}

class Scheduler {
public:
    explicit Scheduler(kernel::Worker& worker) : worker_(worker) {}

    void run() {
        while (!worker_.stopping()) {
            const Agenda agenda = worker_.transaction([&] { return readAgenda(); });
            if (!agenda.failing)
                worker_.recovered();
            bool any = false;
            for (const std::string& name : agenda.due)
                any |= !worker_.stopping() && turn(name);
            if (!any)
                rest(agenda);
        }
    }

private:
    Agenda readAgenda();
    bool turn(const std::string& name);
    std::optional<Schedule> take(const std::string& name);
    void decide(Schedule& schedule, std::optional<Turn>& decided);
    void store(const Schedule& schedule, const Turn& decided, const std::optional<Failure>& failure);
    void storeFailure(const Schedule& schedule, const std::optional<Turn>& decided, const Failure& failure);
    void rest(const Agenda& agenda);

    kernel::Worker& worker_;
    bool refused_ = false;
};

Agenda Scheduler::readAgenda() {
    static pg::Statement due(
        "SELECT schedule FROM standin_private.schedule WHERE due_at <= $1 ORDER BY due_at LIMIT 1000");
    static pg::Statement others("SELECT min(due_at), coalesce(bool_or(failures > 0), false) "
                                "FROM standin_private.schedule WHERE due_at IS NOT NULL");
    Agenda agenda;
    for (const pg::Row row : due.run(pg::Timestamptz{kernel::now()}))
        agenda.due.push_back(row.get<std::string>(0));
    const pg::Rows rows = others.run();
    if (const auto next = rows[0].optional<pg::Timestamptz>(0))
        agenda.next = next->microseconds;
    agenda.failing = rows[0].get<bool>(1);
    return agenda;
}

/// Locked until the transaction's end; nothing if a session has it locked, or changed it.
std::optional<Schedule> Scheduler::take(const std::string& name) {
    static pg::Statement find(
        "SELECT role::text, workflow, input::text, cron, time_zone, overlap, backfill, "
        "(extract(epoch FROM jitter) * 1000000)::bigint, "
        "(least(extract(epoch FROM backfill_window), 1000000000) * 1000000)::bigint, "
        "starts_at - interval '1 microsecond', ends_at, decided_until, "
        "buffered_tick, standin_private.schedule_is_open(last_workflow), failures "
        "FROM standin_private.schedule WHERE schedule = $1 AND due_at <= $2 FOR NO KEY UPDATE SKIP LOCKED");
    const pg::Rows rows = find.run(name, pg::Timestamptz{kernel::now()});
    if (rows.empty())
        return std::nullopt;
    const pg::Row row = rows[0];
    return Schedule{
        .name = name,
        .start = {.role = row.get<std::string>(0),
                  .workflow = row.get<std::string>(1),
                  .input = row.optional<std::string>(2)},
        .cron = row.get<std::string>(3),
        .timeZone = row.get<std::string>(4),
        .jitter = row.get<int64_t>(7),
        .policy = {.overlap = overlapOf(row.get<std::string>(5)),
                   .backfill = backfillOf(row.get<std::string>(6)),
                   .backfillWindow = row.get<int64_t>(8),
                   .endsAt = secondIn(row, 10)},
        .startsAfter = secondIn(row, 9),
        .standing = {.decided = *secondIn(row, 11), .buffered = secondIn(row, 12)},
        .lastIsOpen = row.get<bool>(13),
        .failures = row.get<int32_t>(14),
    };
}

/// The id of a tick's workflow: whatever happens, no second one can be started for it.
std::string idOf(const std::string& schedule, Second tick) {
    static pg::Statement id("SELECT standin_private.schedule_tick_id($1, $2)");
    return id.run(schedule, pg::Timestamptz{timestampOf(tick)})[0].get<std::string>(0);
}

void Scheduler::decide(Schedule& schedule, std::optional<Turn>& decided) {
    const Cron cron = parseCron(schedule.cron);
    const ServerZone zone(schedule.timeZone);
    schedule.policy.next = [&](Second after) {
        return nextTick(cron, zone, std::max(after, schedule.startsAfter.value_or(after)));
    };
    schedule.policy.delay = [&](Second tick) { return jitterOf(schedule.name, tick, schedule.jitter); };
    const Moment now = kernel::now() + epochShift * USECS_PER_SEC;
    decided = takeTurn(schedule.policy, schedule.standing, now, schedule.lastIsOpen);
    if (decided->start) {
        schedule.start.id = idOf(schedule.name, *decided->start);
        startAs(schedule.start);
    }
    store(schedule, *decided, std::nullopt);
}

void Scheduler::store(const Schedule& schedule, const Turn& decided, const std::optional<Failure>& failure) {
    static pg::Statement update(
        "UPDATE standin_private.schedule SET decided_until = $2, buffered_tick = $3, next_tick = $4, due_at = $5, "
        "missed = missed + $6, skipped = skipped + $7, started = started + ($8 IS NOT NULL)::int, "
        "last_tick = coalesce($8, last_tick), "
        "last_started_at = CASE WHEN $8 IS NULL THEN last_started_at ELSE $10 END, "
        "last_workflow = CASE WHEN $8 IS NULL THEN last_workflow ELSE $9 END, "
        // A failure is over when a tick starts, not when one is given up.
        "failures = CASE WHEN $11 IS NOT NULL THEN failures + 1 WHEN $8 IS NULL THEN failures ELSE 0 END, "
        "error_sqlstate = CASE WHEN $8 IS NULL THEN coalesce($11, error_sqlstate) END, "
        "error_message = CASE WHEN $8 IS NULL THEN coalesce($12, error_message) END, "
        "error_at = CASE WHEN $11 IS NOT NULL THEN $10 WHEN $8 IS NULL THEN error_at END WHERE schedule = $1");
    std::optional<pg::Timestamptz> dueAt;
    if (decided.dueAt)
        dueAt = pg::Timestamptz{*decided.dueAt - epochShift * USECS_PER_SEC};
    else
        kernel::wakeAtCommit(kernel::Channel::supervisor); // which may need no scheduler any more
    update.run(schedule.name, pg::Timestamptz{timestampOf(decided.standing.decided)}, timeOf(decided.standing.buffered),
               timeOf(decided.next), dueAt, decided.missed, decided.skipped, timeOf(decided.start), schedule.start.id,
               pg::Timestamptz{kernel::now()}, failure ? std::optional(failure->sqlstate) : std::nullopt,
               failure ? std::optional(failure->message) : std::nullopt);
}

void Scheduler::storeFailure(const Schedule& schedule, const std::optional<Turn>& decided, const Failure& failure) {
    worker_.setErrorBeside(failure.sqlstate, "schedule \"" + schedule.name + "\": " + failure.message);
    if (failure.sqlstate == takenId && decided) { // for good: go on with the next tick
        Turn given = *decided;
        given.start.reset();
        ++given.missed;
        return store(schedule, given, failure);
    }
    const int64_t delay = std::min(firstRetry << std::min(schedule.failures, 10), longestRetry);
    static pg::Statement update("UPDATE standin_private.schedule SET failures = failures + 1, error_sqlstate = $2, "
                                "error_message = $3, error_at = $4, due_at = $5 WHERE schedule = $1");
    const TimestampTz now = kernel::now();
    update.run(schedule.name, failure.sqlstate, failure.message, pg::Timestamptz{now}, pg::Timestamptz{now + delay});
}

/// One schedule's turn, in a transaction: the workflow and the schedule's row, or neither. False if there was nothing
/// to do.
bool Scheduler::turn(const std::string& name) {
    const bool done = worker_.transaction([&] {
        std::optional<Schedule> schedule = take(name);
        if (!schedule)
            return false;
        if (const auto refusal = kernel::instanceRefusal()) {
            worker_.setState("refused", *refusal);
            refused_ = true;
            return false;
        }
        std::optional<Turn> decided;
        std::optional<Failure> failure;
        try {
            pg::inSubtransaction([&] { decide(*schedule, decided); });
        } catch (const pg::PgError& error) {
            failure = {error.sqlstate(), error.what()};
        } catch (const Error& error) {
            failure = {error.sqlstate(), error.what()};
        }
        if (failure)
            storeFailure(*schedule, decided, *failure);
        STANDIN_CRASH_POINT("schedule_before_commit");
        return true;
    });
    STANDIN_CRASH_POINT("schedule_after_commit");
    return done;
}

void Scheduler::rest(const Agenda& agenda) {
    if (std::exchange(refused_, false))
        return worker_.wait(refusedRetry);
    if (!agenda.due.empty())
        return worker_.wait(lockedRetry);
    worker_.setState("idle");
    std::chrono::microseconds left = longestSleep;
    if (agenda.next)
        left = std::min(left, std::chrono::microseconds(std::max<int64_t>(*agenda.next - kernel::now(), 0)));
    worker_.wait(std::chrono::ceil<std::chrono::milliseconds>(left));
}

void schedulerMain(kernel::Worker& worker) { Scheduler(worker).run(); }

} // namespace

void initScheduler() {
    kernel::registerWorkerKind("scheduler", kernel::Channel::schedule, kernel::Rank::relay, schedulerMain);
}

} // namespace standin::workflow
