#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "workflow/schedule/cron.h"

namespace standin::workflow {

/// Seconds since 1970-01-01 UTC. A tick is a whole second.
using Second = int64_t;

constexpr Second never = std::numeric_limits<Second>::max();

/// How clocks of a time zone go for a while: they show UTC plus the offset.
struct ZonePeriod {
    Second end;          ///< the first moment that is no more of it, or never
    int32_t offset;      ///< seconds
    int32_t offsetAfter; ///< from `end` on
};

class Zone {
public:
    virtual ~Zone() = default;
    virtual ZonePeriod at(Second moment) const = 0;
};

/// The first tick after the moment; nothing if there is none within a hundred years.
///
/// An expression that leaves out hours names times of the day, and each of these comes once: if clocks skip it (in
/// spring), at the first moment after the gap; if they show it twice (in autumn), the first time. One that has every
/// hour counts the time that passes: it skips what clocks skip and repeats what they repeat.
std::optional<Second> nextTick(const Cron& cron, const Zone& zone, Second after);

} // namespace standin::workflow
