#pragma once

#include <cstdint>
#include <string_view>

namespace standin::workflow {

/// A cron expression, read: for each field a set of bits. Five fields (minute, hour, day of the month, month, day of
/// the week) or six, with seconds before them.
struct Cron {
    uint64_t seconds;
    uint64_t minutes;
    uint32_t hours;
    uint32_t days;     ///< bits 1 to 31
    bool lastDay;      ///< L: the last day of the month
    uint32_t months;   ///< bits 1 to 12
    uint32_t weekdays; ///< bits 0 (Sunday) to 6
    /// As in Vixie cron: a day matches if both fields of days do where one of them begins with *, else if either does.
    bool bothDays;

    /// It names no hours of the day: it goes by the time that passes, not by what the clocks show.
    bool everyHour() const { return hours == 0xFFFFFF; }
};

/// Throws Error 22023 whose hint shows where the expression goes wrong, and what is allowed there.
Cron parseCron(std::string_view text);

} // namespace standin::workflow
