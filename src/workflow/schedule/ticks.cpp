#include "workflow/schedule/ticks.h"

#include <algorithm>
#include <bit>
#include <chrono>

namespace standin::workflow {

namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr Second minute = 60;
constexpr Second hour = 60 * minute;
constexpr Second day = 24 * hour;
// Leap days on a given weekday are 40 years apart around 2100.
constexpr Second horizon = 100 * 366 * day;
constexpr Second endOfTime = 253402300800; // of the year 9999: the calendar of the library goes little further
// No zone has put its clocks back by more (a day, where the date line moved); what they showed before is not looked at.
constexpr Second longestRepeat = 2 * day;

Second dayOf(Second local) { return std::chrono::floor<days>(std::chrono::seconds(local)).count(); }

/// The lowest bit that is not below `from`.
std::optional<int> firstBit(uint64_t bits, Second from) {
    const uint64_t left = from >= 64 ? 0 : bits >> from << from;
    return left == 0 ? std::nullopt : std::optional<int>(std::countr_zero(left));
}

bool matchesDay(const Cron& cron, const year_month_day& date) {
    const auto number = static_cast<unsigned>(date.day());
    const std::chrono::year_month_day_last last(date.year(), std::chrono::month_day_last(date.month()));
    const bool inMonth = (cron.days >> number & 1) != 0 || (cron.lastDay && date.day() == last.day());
    const bool inWeek = (cron.weekdays >> std::chrono::weekday(sys_days(date)).c_encoding() & 1) != 0;
    return cron.bothDays ? inMonth && inWeek : inMonth || inWeek;
}

/// The first day not before `first` (days since 1970) and before `end` that matches.
std::optional<Second> firstDay(const Cron& cron, Second first, Second end) {
    for (Second number = first; number < end;) {
        const year_month_day date{sys_days(days(number))};
        if ((cron.months >> static_cast<unsigned>(date.month()) & 1) == 0) {
            const auto next = date.year() / date.month() / std::chrono::day(1) + std::chrono::months(1);
            number = sys_days(next).time_since_epoch().count();
            continue;
        }
        if (matchesDay(cron, date))
            return number;
        ++number;
    }
    return std::nullopt;
}

/// The first time of a day not before `from`, in seconds of the day.
std::optional<Second> firstTime(const Cron& cron, Second from) {
    for (auto h = firstBit(cron.hours, from / hour); h; h = firstBit(cron.hours, *h + 1)) {
        const Second inHour = std::max<Second>(from - *h * hour, 0);
        for (auto m = firstBit(cron.minutes, inHour / minute); m; m = firstBit(cron.minutes, *m + 1)) {
            const Second inMinute = std::max<Second>(inHour - *m * minute, 0);
            if (const auto s = firstBit(cron.seconds, inMinute))
                return *h * hour + *m * minute + *s;
        }
    }
    return std::nullopt;
}

/// The first time that matches of those a clock shows from `from` to before `end`, both local.
std::optional<Second> firstLocal(const Cron& cron, Second from, Second end) {
    const Second lastDay = dayOf(end - 1) + 1;
    for (Second first = dayOf(from); from < end;) {
        const auto number = firstDay(cron, first, lastDay);
        if (!number)
            return std::nullopt;
        if (const auto time = firstTime(cron, std::max<Second>(from - *number * day, 0))) {
            const Second found = *number * day + *time;
            return found < end ? std::optional(found) : std::nullopt;
        }
        first = *number + 1;
    }
    return std::nullopt;
}

} // namespace

std::optional<Second> nextTick(const Cron& cron, const Zone& zone, Second after) {
    const bool timesOfDay = !cron.everyHour();
    const Second last = std::min(after + horizon, endOfTime);
    Second begin = after - longestRepeat;
    Second shown = std::numeric_limits<Second>::min(); // clocks have shown all before it
    while (begin < last) {
        const ZonePeriod period = zone.at(begin);
        const Second end = std::min(period.end, last);
        Second from = std::max(begin, after + 1) + period.offset;
        if (timesOfDay)
            from = std::max(from, shown);
        if (const auto local = firstLocal(cron, from, end + period.offset))
            return *local - period.offset;
        const Second ends = period.end + period.offset;
        if (timesOfDay && end == period.end && end > after &&
            firstLocal(cron, std::max(ends, shown), period.end + period.offsetAfter))
            return end;
        shown = std::max(shown, end + period.offset);
        begin = end;
    }
    return std::nullopt;
}

} // namespace standin::workflow
