#include "workflow/wait_pg.h"

extern "C" {
#include <nodes/parsenodes.h>
}

namespace standin::workflow {

std::chrono::milliseconds milliseconds(const Interval* interval) {
    if (interval->month != 0 || interval->day < 0 || interval->time < 0)
        throw Error("22023", "a wait must be a positive time without months");
    return std::chrono::hours(24) * std::min(interval->day, 1000) + std::chrono::milliseconds(interval->time / 1000);
}

bool isAtomic(FunctionCallInfo fcinfo) {
    return !fcinfo->context || !IsA(fcinfo->context, CallContext) ||
           reinterpret_cast<CallContext*>(fcinfo->context)->atomic;
}

void requireNonatomic(FunctionCallInfo fcinfo, const char* procedure) {
    if (isAtomic(fcinfo))
        throw Error("2D000", std::string(procedure) + " cannot be called inside a transaction block",
                    "It would hold the transaction and its snapshot while it waits.",
                    "Call it in autocommit mode, outside BEGIN, functions and blocks with EXCEPTION.");
}

} // namespace standin::workflow
