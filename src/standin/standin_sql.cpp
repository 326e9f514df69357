#include <algorithm>

#include "kernel/confirmation.h"
#include "pg/owner.h"
#include "standin/accept/accept_pg.h"
#include "standin/execute_pg.h"
#include "standin/mode/mode_lock_pg.h"
#include "standin/mode/mode_pg.h"

extern "C" {
#include <nodes/parsenodes.h>
}

// SQL entry points: arguments in, a row out.

namespace {

using standin::Error;
namespace pg = standin::pg;
namespace core = standin::core;

std::string textArgument(FunctionCallInfo fcinfo, int number, const char* what) {
    if (PG_ARGISNULL(number))
        throw Error("22004", std::string(what) + " must not be null");
    text* value = pg::call([&] { return PG_GETARG_TEXT_PP(number); });
    return {VARDATA_ANY(value), static_cast<size_t>(VARSIZE_ANY_EXHDR(value))};
}

core::Submission submission(FunctionCallInfo fcinfo) {
    core::Submission result{.core = textArgument(fcinfo, 0, "core"),
                            .operation = textArgument(fcinfo, 1, "operation"),
                            .key = textArgument(fcinfo, 2, "key"),
                            .caller = GetUserId(),
                            .payload = 0};
    if (PG_ARGISNULL(3))
        throw Error("22004", "payload must not be null");
    result.payload = pg::call([&] { return PointerGetDatum(PG_DETOAST_DATUM_COPY(PG_GETARG_DATUM(3))); });
    return result;
}

/// A row of (ticket, status, code, message), or without the ticket.
Datum row(const core::Acceptance& acceptance, bool withTicket) {
    return pg::call([&] {
        const int columns = withTicket ? 4 : 3;
        TupleDesc description = CreateTemplateTupleDesc(columns);
        Datum values[4];
        bool nulls[4] = {};
        int column = 0;
        if (withTicket) {
            TupleDescInitEntry(description, 1, "ticket", INT8OID, -1, 0);
            values[column++] = Int64GetDatum(acceptance.ticket);
        }
        const std::string* texts[] = {&acceptance.status, &acceptance.code, &acceptance.message};
        const char* const names[] = {"status", "code", "message"};
        for (int i = 0; i < 3; ++i) {
            TupleDescInitEntry(description, static_cast<AttrNumber>(column + 1), names[i], TEXTOID, -1, 0);
            values[column++] =
                PointerGetDatum(cstring_to_text_with_len(texts[i]->data(), static_cast<int>(texts[i]->size())));
        }
        BlessTupleDesc(description);
        return HeapTupleGetDatum(heap_form_tuple(description, values, nulls));
    });
}

/// Procedures that commit cannot work inside a transaction somebody else opened.
void requireTopLevel(FunctionCallInfo fcinfo, const char* procedure, const char* hint) {
    const auto* context = reinterpret_cast<CallContext*>(fcinfo->context);
    if (!context || !IsA(context, CallContext) || context->atomic)
        throw Error("25001",
                    std::string("standin.") + procedure + " cannot run inside a transaction block or a function",
                    "It commits what it must not lose before it calls the core.", hint);
}

} // namespace

STANDIN_FUNCTION(standin_transaction_submit) {
    core::Submission asked = submission(fcinfo);
    core::Acceptance acceptance;
    {
        const pg::OwnerScope owner;
        const pg::Spi spi;
        acceptance = core::accept(asked);
    }
    return row(acceptance, true);
}

STANDIN_FUNCTION(standin_transaction_execute) {
    requireTopLevel(fcinfo, "transaction_execute",
                    "Call it in autocommit mode, or use standin.transaction_submit in your transaction and "
                    "standin.transaction_status or standin.transaction_wait after its commit.");
    core::Submission asked = submission(fcinfo);
    return row(core::execute(asked), true);
}

STANDIN_FUNCTION(standin_transaction_wait) {
    requireTopLevel(fcinfo, "transaction_wait",
                    "Call it in autocommit mode after the commit of the transaction that submitted; inside one, "
                    "standin.transaction_status tells where it stands.");
    if (PG_ARGISNULL(0) || PG_ARGISNULL(1))
        throw Error("22004", "ticket and timeout must not be null");
    const Interval* timeout = PG_GETARG_INTERVAL_P(1);
    constexpr int64_t longest = 100LL * 365 * USECS_PER_DAY; // what a clock can add to now
    const int64_t days = timeout->day + static_cast<int64_t>(timeout->month) * DAYS_PER_MONTH;
    const int64_t microseconds = days > longest / USECS_PER_DAY
                                     ? longest
                                     : std::clamp<int64_t>(timeout->time, -longest, longest) + days * USECS_PER_DAY;
    return row(core::wait(PG_GETARG_INT64(0), GetUserId(), std::min(microseconds, longest)), false);
}

STANDIN_FUNCTION(standin_core_switch) {
    const std::string name = textArgument(fcinfo, 0, "core");
    const std::string mode = textArgument(fcinfo, 1, "mode");
    const std::string reason = textArgument(fcinfo, 2, "reason");
    std::optional<std::string> capability;
    if (!PG_ARGISNULL(3))
        capability = textArgument(fcinfo, 3, "capability");
    pg::callerOfDefiner(); // a worker's own switches do not come this way
    const pg::OwnerScope owner;
    const pg::Spi spi;
    PG_RETURN_INT64(core::switchCore(name, core::modeByName(mode), reason, capability));
}

// (mode integer)
STANDIN_FUNCTION(standin_mode_lock) {
    core::lockMode(PG_GETARG_INT32(0));
    PG_RETURN_VOID();
}

#ifdef STANDIN_ASSERTIONS
/// What CDC does after it applied rows that carry a key: for tests without Kafka, declared by the test itself.
STANDIN_FUNCTION(standin_test_confirm) {
    const std::string key = textArgument(fcinfo, 1, "key");
    const pg::OwnerScope owner;
    const pg::Spi spi;
    if (const auto target = standin::kernel::confirmationFor(PG_GETARG_OID(0)))
        standin::kernel::confirm(target->id, {{key, {}, {}}, {"a key that is not ours", {}, {}}});
    PG_RETURN_VOID();
}
#endif
