#pragma once

#include <optional>
#include <string>

#include "pg/guard.h"
#include "workflow/schedule/ticks.h"

extern "C" {
#include <pgtime.h>
}

namespace standin::workflow {

/// A time zone as this server knows it: the same answers as AT TIME ZONE.
class ServerZone : public Zone {
public:
    /// Throws Error 22023 if the server does not know the name.
    explicit ServerZone(const std::string& name);

    ZonePeriod at(Second moment) const override;

private:
    const pg_tz* zone_;
    // Ticks are asked for one after the other, and mostly in one period.
    mutable Second knownFrom_ = never;
    mutable ZonePeriod known_{};
};

// 1970 and 2000: where the engine's seconds and the server's timestamps begin.
constexpr Second epochShift = Second{POSTGRES_EPOCH_JDATE - UNIX_EPOCH_JDATE} * SECS_PER_DAY;

constexpr TimestampTz timestampOf(Second second) { return (second - epochShift) * USECS_PER_SEC; }

/// The whole second that the timestamp is in. Throws Error 22008 for one that is infinite.
Second secondOf(TimestampTz timestamp);

} // namespace standin::workflow
