#include "kernel/clock.h"
#include "kernel/wake.h"
#include "pg/guard.h"
#include "pg/shmem.h"

extern "C" {
#include <port/atomics.h>
#include <utils/fmgrprotos.h>
}

namespace standin::kernel {

namespace {

bool allowTestClock = false;

struct Clock {
    pg_atomic_uint64 advancedBy; // microseconds
};

pg::Shared<Clock> shared("pg_standin clock",
                         [](void* memory) { pg_atomic_init_u64(&static_cast<Clock*>(memory)->advancedBy, 0); });

} // namespace

int64_t now() { return GetCurrentTimestamp() + static_cast<int64_t>(pg_atomic_read_u64(&shared->advancedBy)); }

void initClock() {
    DefineCustomBoolVariable("pg_standin.allow_test_clock",
                             "Lets superusers advance the product's clock; for tests only.", nullptr, &allowTestClock,
                             false, PGC_POSTMASTER, 0, nullptr, nullptr, nullptr);
    shared.request();
}

} // namespace standin::kernel

using namespace standin;

STANDIN_FUNCTION(standin_clock_now) { return TimestampTzGetDatum(kernel::now()); }

STANDIN_FUNCTION(standin_clock_advance) {
    if (!kernel::allowTestClock)
        throw Error("55000", "the test clock is off", {},
                    "Set pg_standin.allow_test_clock = on and restart the server.");
    if (!superuser())
        throw Error("42501", "permission denied to advance the clock");
    const Interval* step = PG_GETARG_INTERVAL_P(0);
    if (step->month != 0 || step->time < 0 || step->day < 0)
        throw Error("22023", "the clock is advanced by days and times only, and never put back");
    const int64_t microseconds = step->day * USECS_PER_DAY + step->time;
    pg_atomic_fetch_add_u64(&kernel::shared->advancedBy, microseconds);
    kernel::wakeNow(kernel::Channel::dispatcher);
    kernel::wakeNow(kernel::Channel::schedule);
    return TimestampTzGetDatum(kernel::now());
}
