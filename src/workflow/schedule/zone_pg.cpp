#include "workflow/schedule/zone_pg.h"

namespace standin::workflow {

ServerZone::ServerZone(const std::string& name) : zone_(pg::call([text = name.c_str()] { return pg_tzset(text); })) {
    if (!zone_ || !pg_tz_acceptable(const_cast<pg_tz*>(zone_)))
        throw Error("22023", "time zone \"" + name + "\" is not known", {}, "The view pg_timezone_names lists them.");
}

ZonePeriod ServerZone::at(Second moment) const {
    if (moment >= knownFrom_ && moment < known_.end)
        return known_;
    const pg_time_t time = moment;
    long before = 0;
    long after = 0;
    int unused = 0;
    pg_time_t boundary = 0;
    const int found = pg_next_dst_boundary(&time, &before, &unused, &boundary, &after, &unused, zone_);
    if (found < 0)
        throw Error("22008", "the time zone says nothing about so distant a time");
    known_ = {.end = found > 0 ? boundary : never,
              .offset = static_cast<int32_t>(before),
              .offsetAfter = static_cast<int32_t>(found > 0 ? after : before)};
    knownFrom_ = moment;
    return known_;
}

Second secondOf(TimestampTz timestamp) {
    if (TIMESTAMP_NOT_FINITE(timestamp))
        throw Error("22008", "a time of a schedule must be finite");
    const TimestampTz rest = timestamp % USECS_PER_SEC;
    return (timestamp - rest) / USECS_PER_SEC - (rest < 0 ? 1 : 0) + epochShift;
}

} // namespace standin::workflow
