#include "workflow/schedule/cron.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace standin::workflow {
namespace {

uint64_t bits(std::initializer_list<int> values) {
    uint64_t result = 0;
    for (const int value : values)
        result |= uint64_t{1} << value;
    return result;
}

TEST(Cron, ReadsFiveFieldsAndSixWithSecondsFirst) {
    const Cron five = parseCron("5 4 3 2 1");
    EXPECT_EQ(five.seconds, bits({0}));
    EXPECT_EQ(five.minutes, bits({5}));
    EXPECT_EQ(five.hours, bits({4}));
    EXPECT_EQ(five.days, bits({3}));
    EXPECT_EQ(five.months, bits({2}));
    EXPECT_EQ(five.weekdays, bits({1}));
    const Cron six = parseCron("  6 5\t4 3 2  1 ");
    EXPECT_EQ(six.seconds, bits({6}));
    EXPECT_EQ(six.minutes, bits({5}));
    EXPECT_EQ(six.weekdays, bits({1}));
}

TEST(Cron, ReadsListsRangesStepsAndNames) {
    const Cron cron = parseCron("*/20 1-5,30-40/5,59 0 L jan,Mar-MAY fri-sun,2");
    EXPECT_EQ(cron.seconds, bits({0, 20, 40}));
    EXPECT_EQ(cron.minutes, bits({1, 2, 3, 4, 5, 30, 35, 40, 59}));
    EXPECT_EQ(cron.days, 0U);
    EXPECT_TRUE(cron.lastDay);
    EXPECT_EQ(cron.months, bits({1, 3, 4, 5}));
    EXPECT_EQ(cron.weekdays, bits({5, 6, 0, 2}));
    EXPECT_EQ(parseCron("* * * * 7").weekdays, bits({0}));
    EXPECT_EQ(parseCron("* * * * 0-7").weekdays, bits({0, 1, 2, 3, 4, 5, 6}));
    EXPECT_EQ(parseCron("* * * * */2").weekdays, bits({0, 2, 4, 6}));
}

TEST(Cron, AsksForBothDaysIfOneBeginsWithAStar) {
    EXPECT_FALSE(parseCron("0 0 13 * FRI").bothDays);
    EXPECT_TRUE(parseCron("0 0 */2 * FRI").bothDays);
    EXPECT_TRUE(parseCron("0 0 13 * *").bothDays);
}

TEST(Cron, KnowsWhetherItNamesHours) {
    EXPECT_TRUE(parseCron("30 * * * *").everyHour());
    EXPECT_TRUE(parseCron("30 0-23 * * *").everyHour());
    EXPECT_FALSE(parseCron("30 */2 * * *").everyHour());
    EXPECT_FALSE(parseCron("30 2 * * *").everyHour());
}

TEST(Cron, HasNamesForWholeExpressions) {
    EXPECT_EQ(parseCron("@Hourly").minutes, bits({0}));
    EXPECT_TRUE(parseCron("@hourly").everyHour());
    EXPECT_EQ(parseCron("@weekly").weekdays, bits({0}));
    EXPECT_TRUE(parseCron("@weekly").bothDays);
    EXPECT_EQ(parseCron("@yearly").months, bits({1}));
    EXPECT_EQ(parseCron("@monthly").days, bits({1}));
    EXPECT_EQ(parseCron("@midnight").hours, bits({0}));
}

struct Wrong {
    const char* text;
    const char* message;
    const char* hint; ///< begins so
};

class WrongCron : public testing::TestWithParam<Wrong> {};

TEST_P(WrongCron, IsRefusedWithItsPlace) {
    const auto& [text, message, hint] = GetParam();
    try {
        parseCron(text);
        FAIL() << text;
    } catch (const Error& error) {
        EXPECT_EQ(error.sqlstate(), "22023");
        EXPECT_EQ(std::string(error.what()), std::string("invalid cron expression: ") + message);
        EXPECT_EQ(error.hint().substr(0, std::string(hint).size()), hint);
    }
}

INSTANTIATE_TEST_SUITE_P(
    Cron, WrongCron,
    testing::Values(
        Wrong{"", "too few fields", "Character 1: \">><<\". It has 5 fields"},
        Wrong{"* * * *", "too few fields", "Character 8: \"* * * *>><<\""},
        Wrong{"* * * * * * *", "too many fields", "Character 13: \"* * * * * * >>*<<\""},
        Wrong{"60 * * * *", "value out of range in the field minute",
              "Character 1: \">>60<< * * * *\". Values of the minute: 0 to 59"},
        Wrong{"0 24 * * *", "value out of range in the field hour", "Character 3: \"0 >>24<< * * *\""},
        Wrong{"0 0 0 * *", "value out of range in the field day of the month", "Character 5"},
        Wrong{"0 0 * 13 *", "value out of range in the field month", "Character 7"},
        Wrong{"0 0 * * 8", "value out of range in the field day of the week", "Character 9"},
        Wrong{"99999999999999999999 * * * *", "value out of range in the field minute", "Character 1"},
        Wrong{"0 0 * foo *", "unknown name in the field month", "Character 7: \"0 0 * >>foo<< *\""},
        Wrong{"0 0 * * mon-fry", "unknown name in the field day of the week", "Character 13: \"0 0 * * mon->>fry<<\""},
        Wrong{"a * * * *", "unknown name in the field minute", "Character 1"},
        Wrong{"5-1 * * * *", "a range that ends before it begins in the field minute", "Character 1: \">>5-1<<"},
        Wrong{"1- * * * *", "a value is missing in the field minute", "Character 3: \"1->><< * * * *\""},
        Wrong{"1,,2 * * * *", "a value is missing in the field minute", "Character 3: \"1,>>,<<2 * * * *\""},
        Wrong{",1 * * * *", "a value is missing in the field minute", "Character 1"},
        Wrong{"*/0 * * * *", "a step out of range in the field minute", "Character 3: \"*/>>0<<"},
        Wrong{"*/ * * * *", "a step out of range in the field minute", "Character 3"},
        Wrong{"*/60 * * * *", "a step out of range in the field minute", "Character 3"},
        Wrong{"5/10 * * * *", "a step of a single value in the field minute", "Character 2: \"5>>/10<<"},
        Wrong{"-1 * * * *", "a value is missing in the field minute", "Character 1: \">>-<<1"},
        Wrong{"*5 * * * *", "unexpected text in the field minute", "Character 2: \"*>>5<< * * * *\""},
        Wrong{"1.5 * * * *", "unexpected text in the field minute", "Character 2"},
        Wrong{"0 0 ? * *", "a value is missing in the field day of the month", "Character 5"},
        Wrong{"0 0 LW * *", "unexpected text in the field day of the month", "Character 6"},
        Wrong{"0 0 * * L", "unknown name in the field day of the week", "Character 9"},
        Wrong{"0 0 * * 5#2", "unexpected text in the field day of the week", "Character 10"},
        Wrong{"0 0 * * ü", "a value is missing in the field day of the week", "Character 9: \"0 0 * * >>ü<<\". Values"},
        Wrong{"1ü 0 * x *", "unexpected text in the field minute", "Character 2: \"1>>ü<< 0 * x *\". Values"},
        Wrong{"\u00a00 0 * x *", "a value is missing in the field minute", "Character 1: \">>\u00a0<<0 0 * x *\""},
        Wrong{"@reboot", "unknown name", "Character 1: \">>@reboot<<\". It is one of"},
        Wrong{"@daily 1", "too few fields", "Character 9"}));

TEST(Cron, RefusesWhatIsTooLong) { EXPECT_THROW(parseCron(std::string(1001, '*')), Error); }

} // namespace
} // namespace standin::workflow
