#include <gtest/gtest.h>

#include "base/error.h"
#include "standin/accept/amount.h"

using standin::core::Decimal;

namespace {
std::string refusal(const char* text) {
    try {
        Decimal::parse(text);
        return "";
    } catch (const standin::Error& error) {
        return error.sqlstate();
    }
}
} // namespace

TEST(Decimal, KeepsWhatItWasGiven) {
    EXPECT_EQ(Decimal::parse("10.50").text(), "10.5");
    EXPECT_EQ(Decimal::parse("0").text(), "0");
    EXPECT_EQ(Decimal::parse("-0.000000000001").text(), "-0.000000000001");
    EXPECT_EQ(Decimal::parse("100").text(), "100");
    EXPECT_EQ(Decimal::parse("0005").text(), "5");
    EXPECT_EQ(Decimal::parse("999999999999999999999999.999999999999").text(), "999999999999999999999999.999999999999");
    EXPECT_EQ(Decimal::parse("1.0000000000000000000").text(), "1");
}

TEST(Decimal, IsExactWhereADoubleIsNot) {
    EXPECT_EQ((Decimal::parse("0.1") + Decimal::parse("0.2")), Decimal::parse("0.3"));
    EXPECT_EQ((Decimal::parse("1") - Decimal::parse("0.9")).text(), "0.1");
    EXPECT_LT(Decimal::parse("9007199254740992"), Decimal::parse("9007199254740993"));
    EXPECT_TRUE(Decimal::parse("-1").negative());
}

TEST(Decimal, RefusesWhatIsNoPlainNumber) {
    for (const char* text : {"", "-", ".", "1e3", "NaN", "Infinity", "1,5", " 1", "1 ", "0x1", "1.2.3", "+1", "--1"})
        EXPECT_EQ(refusal(text), "22P02") << text;
}

TEST(Decimal, RefusesWhatDoesNotFitInsteadOfRounding) {
    EXPECT_EQ(refusal("1000000000000000000000000"), "22003");
    EXPECT_EQ(refusal("0.0000000000001"), "22003");
}
