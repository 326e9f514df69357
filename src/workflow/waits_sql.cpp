#include "kernel/clock.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "workflow/step_pg.h"
#include "workflow/suspension_pg.h"

extern "C" {
#include <utils/fmgrprotos.h>
}

// What a workflow's procedure calls besides steps. Each is a step of the log; those that wait leave the executor.

using namespace standin;
using namespace standin::workflow;

namespace {

constexpr size_t idMaximum = 500;

int64_t later(int64_t from, FunctionCallInfo fcinfo, int number) {
    return pg::call([&] {
        return DatumGetTimestampTz(
            DirectFunctionCall2(timestamptz_pl_interval, TimestampTzGetDatum(from), PG_GETARG_DATUM(number)));
    });
}

/// Runs `f`, which writes under the workflow's token, or undoes it all; commits what it wrote if it returns.
template <class F> auto recorded(Execution& execution, F&& f) {
    try {
        const auto output = pg::inSubtransaction(f);
        commit(execution);
        return output;
    } catch (const NotHeld&) {
        obey(execution);
    }
}

/// A step without a handler: `f` makes its output, in the same commit.
template <class F> JsonbDatum once(Execution& execution, const StepIdentity& identity, MemoryContext results, F&& f) {
    if (const auto before = recordedOutput(execution, identity, results))
        return *before;
    return recorded(execution, [&] {
        const int64_t startedAt = kernel::now();
        const JsonbDatum output = f();
        recordStep(execution, identity, output, startedAt);
        return output;
    });
}

void sleepUntil(Execution& execution, const std::string& name, int64_t wakeAt) {
    static pg::Statement tell("SELECT jsonb_build_object('wake_at', $1)");
    static pg::Statement read("SELECT ($1 ->> 'wake_at')::timestamptz");
    const StepIdentity identity{nextStep(execution), name, noInputHash, "sleep"};
    const MemoryContext results = CurrentMemoryContext;
    try {
        if (const auto before = recordedOutput(execution, identity, results)) {
            const pg::OwnerScope owner; // the form of dates is the product's
            wakeAt = read.run(pg::Typed{JSONBOID, before->value})[0].get<pg::Timestamptz>(0).microseconds;
        } else {
            const JsonbDatum output = [&] {
                const pg::OwnerScope owner;
                return copied(tell.run(pg::Timestamptz{wakeAt})[0], 0, results);
            }();
            recordStep(execution, identity, output, kernel::now());
        }
    } catch (const NotHeld&) {
        obey(execution);
    }
    if (wakeAt > kernel::now())
        suspend(execution, {.kind = "sleep", .until = wakeAt});
    commit(execution);
}

/// Waits for what `look` finds, at most until the step's time is over: then its output is null.
template <class Look>
JsonbDatum await(Execution& execution, const StepIdentity& identity, Wait wait, std::optional<int64_t> until,
                 MemoryContext results, Look&& look) {
    if (const auto before = recordedOutput(execution, identity, results))
        return *before;
    const int64_t now = kernel::now();
    if (execution.claim.waitSeq == identity.seq) // a crash or a wake-up in vain does not prolong it
        until = execution.claim.waitUntil;
    const auto output = recorded(execution, [&]() -> std::optional<JsonbDatum> {
        const JsonbDatum found = [&] {
            const pg::OwnerScope owner;
            return look(results);
        }();
        if (found.null && !(until && *until <= now))
            return std::nullopt;
        recordStep(execution, identity, found, now);
        return found;
    });
    if (output)
        return *output;
    wait.until = until;
    wait.seq = identity.seq;
    suspend(execution, wait);
}

/// As standin_private.workflow_event_add says it; no two events have the same.
std::string eventLabel(const std::string& name, const std::string& id) {
    return "event " + std::to_string(name.size()) + " " + name + " of " + id;
}

std::optional<int64_t> timeoutArgument(FunctionCallInfo fcinfo, int number) {
    return PG_ARGISNULL(number) ? std::nullopt : std::optional(later(kernel::now(), fcinfo, number));
}

} // namespace

STANDIN_FUNCTION(standin_sleep) {
    const std::string name = textArgument(fcinfo, 0, "name of a sleep");
    Execution& execution = enterStep(fcinfo, "sleep", name);
    if (PG_ARGISNULL(1))
        throw Error("22004", "duration of a sleep must not be null");
    const pg::Spi spi(pg::Nonatomic{});
    sleepUntil(execution, name, later(kernel::now(), fcinfo, 1));
    PG_RETURN_VOID();
}

STANDIN_FUNCTION(standin_sleep_until) {
    const std::string name = textArgument(fcinfo, 0, "name of a sleep");
    Execution& execution = enterStep(fcinfo, "sleep", name);
    if (PG_ARGISNULL(1))
        throw Error("22004", "end of a sleep must not be null");
    const pg::Spi spi(pg::Nonatomic{});
    sleepUntil(execution, name, PG_GETARG_TIMESTAMPTZ(1));
    PG_RETURN_VOID();
}

// CALL standin.recv(topic, timeout, INOUT message)
STANDIN_FUNCTION(standin_recv) {
    static pg::Statement receive("SELECT standin_private.workflow_receive($1, $2, $3)");
    const std::string topic = textArgument(fcinfo, 0, "topic");
    Execution& execution = enterStep(fcinfo, "recv", topic);
    const std::optional<int64_t> until = timeoutArgument(fcinfo, 1);
    const MemoryContext results = CurrentMemoryContext; // outlives SPI's own
    JsonbDatum message;
    {
        const pg::Spi spi(pg::Nonatomic{});
        const StepIdentity identity{nextStep(execution), topic, noInputHash, "recv"};
        message =
            await(execution, identity, {.kind = "message", .what = topic}, until, results, [&](MemoryContext context) {
                return copied(receive.run(execution.id, topic, identity.seq)[0], 0, context);
            });
    }
    return resultRow(fcinfo, message);
}

// CALL standin.await_workflow(id, INOUT result)
STANDIN_FUNCTION(standin_await_workflow) {
    static pg::Statement look("SELECT standin_private.workflow_outcome($1, $2)");
    const std::string id = textArgument(fcinfo, 0, "id of a workflow");
    Execution& execution = enterStep(fcinfo, "await_workflow", id, idMaximum);
    const Oid reader = GetUserId();
    const MemoryContext results = CurrentMemoryContext;
    JsonbDatum result;
    {
        const pg::Spi spi(pg::Nonatomic{});
        const StepIdentity identity{nextStep(execution), id, noInputHash, "await_workflow"};
        result = await(execution, identity, {.kind = "workflow", .what = "workflow " + id}, std::nullopt, results,
                       [&](MemoryContext context) { return copied(look.run(id, reader)[0], 0, context); });
    }
    return resultRow(fcinfo, result);
}

// CALL standin.await_event(id, name, timeout, INOUT value)
STANDIN_FUNCTION(standin_await_event) {
    static pg::Statement look("SELECT standin_private.workflow_event_value($1, $2, $3)");
    const std::string id = textArgument(fcinfo, 0, "id of a workflow");
    const std::string name = textArgument(fcinfo, 1, "name of an event");
    Execution& execution = enterStep(fcinfo, "await_event", name);
    const std::optional<int64_t> until = timeoutArgument(fcinfo, 2);
    const Oid reader = GetUserId();
    const MemoryContext results = CurrentMemoryContext;
    JsonbDatum value;
    {
        const pg::Spi spi(pg::Nonatomic{});
        const StepIdentity identity{nextStep(execution), name, inputHash(id), "await_event"};
        value = await(execution, identity, {.kind = "event", .what = eventLabel(name, id)}, until, results,
                      [&](MemoryContext context) { return copied(look.run(id, name, reader)[0], 0, context); });
    }
    return resultRow(fcinfo, value);
}

STANDIN_FUNCTION(standin_event_set) {
    static pg::Statement add("SELECT standin_private.workflow_event_add($1, $2, $3)");
    const std::string name = textArgument(fcinfo, 0, "name of an event");
    Execution& execution = enterStep(fcinfo, "event_set", name);
    if (PG_ARGISNULL(1))
        throw Error("22004", "value of an event must not be null");
    const JsonbDatum value{PG_GETARG_DATUM(1), false};
    const pg::Spi spi(pg::Nonatomic{});
    const StepIdentity identity{nextStep(execution), name, hashInput(value), "event_set"};
    once(execution, identity, CurrentMemoryContext, [&] {
        const pg::OwnerScope owner;
        add.run(execution.id, name, pg::Typed{JSONBOID, value.value});
        return JsonbDatum{};
    });
    PG_RETURN_VOID();
}

// CALL standin.value(name, kind, INOUT value)
STANDIN_FUNCTION(standin_value) {
    static pg::Statement now("SELECT to_jsonb($1)");
    static pg::Statement random("SELECT to_jsonb(pg_catalog.random())");
    static pg::Statement uuid("SELECT to_jsonb(pg_catalog.gen_random_uuid())");
    static pg::Statement next("SELECT pg_catalog.to_jsonb(pg_catalog.nextval($1::pg_catalog.regclass))");
    const std::string name = textArgument(fcinfo, 0, "name of a value");
    const std::string kind = textArgument(fcinfo, 1, "kind of a value");
    Execution& execution = enterStep(fcinfo, "value", name);
    const MemoryContext results = CurrentMemoryContext;
    JsonbDatum value;
    {
        const pg::Spi spi(pg::Nonatomic{});
        const StepIdentity identity{nextStep(execution), name, inputHash(kind), "value"};
        value = once(execution, identity, results, [&] {
            if (kind == "now" || kind == "random" || kind == "uuid") {
                const pg::OwnerScope owner;
                return copied((kind == "now"      ? now.run(pg::Timestamptz{kernel::now()})
                               : kind == "random" ? random.run()
                                                  : uuid.run())[0],
                              0, results);
            }
            return copied(next.run(kind)[0], 0, results); // with this role's rights
        });
    }
    return resultRow(fcinfo, value);
}
