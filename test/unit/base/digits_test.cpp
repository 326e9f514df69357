#include <gtest/gtest.h>

#include "base/digits.h"

using standin::plainNumber;

TEST(Digits, AreReadEightAtATimeAndOneByOne) {
    EXPECT_EQ(plainNumber("0"), 0);
    EXPECT_EQ(plainNumber("7654321"), 7654321);
    EXPECT_EQ(plainNumber("12345678"), 12345678);
    EXPECT_EQ(plainNumber("1763900000123456"), 1763900000123456);
    EXPECT_EQ(plainNumber("999999999999999999"), 999999999999999999);
}

TEST(Digits, NothingElseIsANumber) {
    for (const char* text : {"", "-1", "+1", " 1", "1 ", "1.0", "1e3", "12345:78", "1234567/", "12345678a",
                             "\xb1"
                             "2345678"})
        EXPECT_EQ(plainNumber(text), std::nullopt) << text;
    EXPECT_EQ(plainNumber("1000000000000000000"), std::nullopt); // nineteen digits: not for this
}
