#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "workflow/schedule/ticks.h"

namespace standin::workflow {

inline Second at(int year, unsigned month, unsigned day, int hour = 0, int minute = 0, int second = 0) {
    using namespace std::chrono;
    const sys_days date(std::chrono::year(year) / std::chrono::month(month) / std::chrono::day(day));
    return date.time_since_epoch().count() * Second{86400} + hour * 3600 + minute * 60 + second;
}

inline std::string written(Second second) {
    using namespace std::chrono;
    const auto days = floor<std::chrono::days>(seconds(second));
    const year_month_day date{sys_days(days)};
    const Second rest = second - days.count() * Second{86400};
    char text[40];
    std::snprintf(text, sizeof(text), "%d-%02u-%02u %02d:%02d:%02d", int(date.year()), unsigned(date.month()),
                  unsigned(date.day()), int(rest / 3600), int(rest / 60 % 60), int(rest % 60));
    return text;
}

/// A zone whose clocks change at the given moments.
class Table : public Zone {
public:
    struct Change {
        Second at;
        int32_t offset;
    };
    Table(int32_t offset, std::vector<Change> changes) : offset_(offset), changes_(std::move(changes)) {}

    ZonePeriod at(Second moment) const override {
        int32_t offset = offset_;
        for (const Change& change : changes_) {
            if (moment < change.at)
                return {change.at, offset, change.offset};
            offset = change.offset;
        }
        return {never, offset, offset};
    }

private:
    int32_t offset_;
    std::vector<Change> changes_;
};

} // namespace standin::workflow
