#include "workflow/schedule/ticks.h"

#include <gtest/gtest.h>

#include "workflow/schedule/zones.h"

namespace standin::workflow {
namespace {

constexpr int hour = 3600;
const Table utc(0, {});
// As Europe/Berlin in 2026: 2:00 becomes 3:00 on 29 March, 3:00 becomes 2:00 on 25 October.
const Table berlin(hour, {{at(2026, 3, 29, 1), 2 * hour}, {at(2026, 10, 25, 1), hour}});
// As Australia/Lord_Howe in 2026: half an hour, 2:00 becomes 1:30 on 5 April, 2:00 becomes 2:30 on 4 October.
const Table lordHowe(11 * hour, {{at(2026, 4, 4, 15), 10 * hour + 1800}, {at(2026, 10, 3, 15, 30), 11 * hour}});

std::vector<std::string> ticks(const char* cron, const Zone& zone, Second after, int count) {
    std::vector<std::string> result;
    std::optional<Second> tick = after;
    while (count-- > 0 && (tick = nextTick(parseCron(cron), zone, *tick)))
        result.push_back(written(*tick));
    return result;
}

using Ticks = std::vector<std::string>;

TEST(Ticks, ComeAfterTheMoment) {
    EXPECT_EQ(ticks("* * * * *", utc, at(2026, 1, 1), 2), (Ticks{"2026-01-01 00:01:00", "2026-01-01 00:02:00"}));
    EXPECT_EQ(ticks("* * * * *", utc, at(2026, 1, 1) - 1, 1), (Ticks{"2026-01-01 00:00:00"}));
    EXPECT_EQ(ticks("59 59 23 31 12 *", utc, at(2026, 1, 1), 2), (Ticks{"2026-12-31 23:59:59", "2027-12-31 23:59:59"}));
    EXPECT_EQ(ticks("30 10 * * 1", utc, at(1969, 12, 31), 1), (Ticks{"1970-01-05 10:30:00"}));
}

TEST(Ticks, TakeEitherDayOrBoth) {
    EXPECT_EQ(ticks("0 0 13 * FRI", utc, at(2026, 2, 7), 3),
              (Ticks{"2026-02-13 00:00:00", "2026-02-20 00:00:00", "2026-02-27 00:00:00"}));
    EXPECT_EQ(ticks("0 0 */13 * FRI", utc, at(2026, 2, 7), 3),
              (Ticks{"2026-02-27 00:00:00", "2026-03-27 00:00:00", "2026-05-01 00:00:00"}));
}

TEST(Ticks, KnowLeapDaysAndLastDays) {
    EXPECT_EQ(ticks("0 12 29 2 *", utc, at(2096, 3, 1), 2), (Ticks{"2104-02-29 12:00:00", "2108-02-29 12:00:00"}));
    EXPECT_EQ(ticks("0 0 29 2 */7", utc, at(2026, 1, 1), 2), (Ticks{"2032-02-29 00:00:00", "2060-02-29 00:00:00"}));
    EXPECT_EQ(ticks("0 0 L 2 *", utc, at(2027, 1, 1), 2), (Ticks{"2027-02-28 00:00:00", "2028-02-29 00:00:00"}));
    EXPECT_EQ(ticks("0 0 L,1 1-2 *", utc, at(2026, 1, 2), 3),
              (Ticks{"2026-01-31 00:00:00", "2026-02-01 00:00:00", "2026-02-28 00:00:00"}));
}

TEST(Ticks, EndSomewhere) {
    EXPECT_EQ(ticks("0 0 30 2 *", utc, at(2026, 1, 1), 1), Ticks{});
    EXPECT_EQ(ticks("0 0 31 4,6,9,11 *", berlin, at(2026, 1, 1), 1), Ticks{});
    EXPECT_EQ(ticks("@yearly", utc, at(9998, 6, 1), 2), (Ticks{"9999-01-01 00:00:00"}));
    EXPECT_EQ(nextTick(parseCron("@daily"), utc, 9'000'000'000'000), std::nullopt);
}

TEST(Ticks, OfASkippedTimeComeOnceAfterTheGap) {
    const Second before = at(2026, 3, 28, 12);
    EXPECT_EQ(ticks("30 2 * * *", berlin, before, 2), (Ticks{"2026-03-29 01:00:00", "2026-03-30 00:30:00"}));
    EXPECT_EQ(ticks("0,15,30 2 * * *", berlin, before, 2), (Ticks{"2026-03-29 01:00:00", "2026-03-30 00:00:00"}));
    EXPECT_EQ(ticks("0 2,3 * * *", berlin, before, 3),
              (Ticks{"2026-03-29 01:00:00", "2026-03-30 00:00:00", "2026-03-30 01:00:00"}));
    EXPECT_EQ(ticks("15 2 * * *", lordHowe, at(2026, 10, 3, 12), 2),
              (Ticks{"2026-10-03 15:30:00", "2026-10-04 15:15:00"}));
}

TEST(Ticks, OfARepeatedTimeComeOnce) {
    const Second before = at(2026, 10, 24, 12);
    EXPECT_EQ(ticks("30 2 * * *", berlin, before, 2), (Ticks{"2026-10-25 00:30:00", "2026-10-26 01:30:00"}));
    EXPECT_EQ(ticks("0 2,3 * * *", berlin, before, 3),
              (Ticks{"2026-10-25 00:00:00", "2026-10-25 02:00:00", "2026-10-26 01:00:00"}));
    EXPECT_EQ(ticks("45 1 * * *", lordHowe, at(2026, 4, 4), 2), (Ticks{"2026-04-04 14:45:00", "2026-04-05 15:15:00"}));
    // Whoever looks in the middle of the repeated hour finds the same.
    EXPECT_EQ(ticks("30 2 * * *", berlin, at(2026, 10, 25, 1, 10), 1), (Ticks{"2026-10-26 01:30:00"}));
}

TEST(Ticks, OfEveryHourGoByTheTimeThatPasses) {
    EXPECT_EQ(ticks("30 * * * *", berlin, at(2026, 3, 29, 0), 3),
              (Ticks{"2026-03-29 00:30:00", "2026-03-29 01:30:00", "2026-03-29 02:30:00"}));
    EXPECT_EQ(ticks("30 * * * *", berlin, at(2026, 10, 24, 23, 45), 3),
              (Ticks{"2026-10-25 00:30:00", "2026-10-25 01:30:00", "2026-10-25 02:30:00"}));
    EXPECT_EQ(ticks("45 * * * *", lordHowe, at(2026, 4, 4, 14), 3),
              (Ticks{"2026-04-04 14:45:00", "2026-04-04 15:15:00", "2026-04-04 16:15:00"}));
}

TEST(Ticks, OfADayThatTheDateLineTookComeAfterIt) {
    // As Pacific/Apia: there was no 30 December 2011.
    const Table apia(-10 * hour, {{at(2011, 12, 30, 10), 14 * hour}});
    EXPECT_EQ(ticks("0 9 * * *", apia, at(2011, 12, 29, 18), 3),
              (Ticks{"2011-12-29 19:00:00", "2011-12-30 10:00:00", "2011-12-30 19:00:00"}));
}

} // namespace
} // namespace standin::workflow
