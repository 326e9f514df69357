#include "kernel/clock.h"
#include "kernel/wake.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "workflow/wait_pg.h"

extern "C" {
#include <access/htup_details.h>
}

using namespace standin;
using namespace standin::workflow;

namespace {

using namespace std::chrono_literals;

// What is due but locked is being claimed, or its late worker is committing: nothing announces which.
constexpr auto lockedRetry = 1000ms;

struct Next {
    bool ready;
    std::optional<int64_t> at;
};

Next look(pg::Typed names) {
    const pg::OwnerScope owner;
    static pg::Statement find("SELECT ready, next_at FROM standin_private.workflow_claim_next($1)");
    const pg::Row row = find.run(names)[0];
    return {row.get<bool>(0), row.isNull(1) ? std::nullopt : std::optional(row.get<pg::Timestamptz>(1).microseconds)};
}

/// `between` ends the transaction where that is possible. False when the time is over.
template <class Between> bool awaitWork(pg::Typed names, const Deadline& deadline, Between&& between) {
    kernel::CommitWaiter waiter(kernel::Channel::claim);
    for (;;) {
        const Next next = look(names);
        if (next.ready)
            return true;
        if (deadline.over())
            return false;
        between();
        auto timeout = deadline.remaining();
        if (next.at) {
            const int64_t now = kernel::now(); // what is ready is so since -infinity
            const auto due = *next.at > now ? std::chrono::milliseconds((*next.at - now) / 1000 + 1) : lockedRetry;
            timeout = std::min(timeout, due);
        }
        waiter.wait(timeout);
    }
}

std::chrono::milliseconds timeoutArgument(FunctionCallInfo fcinfo, int number) {
    return PG_ARGISNULL(number) ? 0ms : milliseconds(PG_GETARG_INTERVAL_P(number));
}

pg::Typed namesArgument(FunctionCallInfo fcinfo) {
    if (PG_ARGISNULL(0))
        throw Error("22004", "the names of workflows must not be null");
    return {.type = TEXTARRAYOID, .value = PG_GETARG_DATUM(0)};
}

} // namespace

STANDIN_FUNCTION(standin_workflow_claim_await) {
    const Deadline deadline(timeoutArgument(fcinfo, 1));
    const pg::Spi spi;
    return BoolGetDatum(awaitWork(namesArgument(fcinfo), deadline, [] {}));
}

// CALL workflow_claim_wait(names, timeout, INOUT ready)
STANDIN_FUNCTION(standin_workflow_claim_wait) {
    requireNonatomic(fcinfo, "workflow_claim_wait");
    const Deadline deadline(timeoutArgument(fcinfo, 1));
    bool ready = false;
    {
        const pg::Spi spi(pg::Nonatomic{});
        ready = awaitWork(namesArgument(fcinfo), deadline, [] { pg::call([] { SPI_commit(); }); });
    }
    return pg::call([&] {
        TupleDesc descriptor;
        if (get_call_result_type(fcinfo, nullptr, &descriptor) != TYPEFUNC_COMPOSITE)
            ereport(ERROR,
                    (errcode(ERRCODE_FEATURE_NOT_SUPPORTED), errmsg("workflow_claim_wait must be called by CALL")));
        Datum value = BoolGetDatum(ready);
        bool null = false;
        return HeapTupleGetDatum(heap_form_tuple(BlessTupleDesc(descriptor), &value, &null));
    });
}
