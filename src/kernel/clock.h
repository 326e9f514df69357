#pragma once

#include <cstdint>

namespace standin::kernel {

/// The product's one clock: microseconds since 2000-01-01 UTC (PostgreSQL's TimestampTz). Business times come from here
/// and from nowhere else, so that a test can advance it (setting pg_standin.allow_test_clock, off by default).
int64_t now();

void initClock();

} // namespace standin::kernel
