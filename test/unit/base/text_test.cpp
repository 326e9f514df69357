#include <gtest/gtest.h>

#include "base/text.h"

using standin::foreignText;

TEST(ForeignText, IsCutBetweenCharacters) {
    EXPECT_EQ(foreignText("abc", 2), "ab");
    EXPECT_EQ(foreignText("aé", 2), "a");
    EXPECT_EQ(foreignText("aé", 3), "aé");
    EXPECT_EQ(foreignText("€", 2), "");
    EXPECT_EQ(foreignText(std::string(100000, 'x')).size(), standin::foreignTextMaximum);
}

TEST(ForeignText, IsAlwaysUtf8) {
    EXPECT_EQ(foreignText("ok\n\t\xf0\x9f\x99\x82"), "ok\n\t\xf0\x9f\x99\x82");
    EXPECT_EQ(foreignText("\xff\xc3(\x80"), "?" "?(?");
    EXPECT_EQ(foreignText("\xc0\xaf"), "??");         // overlong
    EXPECT_EQ(foreignText("\xed\xa0\x80"), "???");    // a surrogate
    EXPECT_EQ(foreignText("\xf4\x90\x80\x80"), "????"); // beyond Unicode
    EXPECT_EQ(foreignText("cut \xe2\x82"), "cut ??");
    EXPECT_EQ(foreignText(std::string_view("a\0b\x1b[31m", 8)), "a?b?[31m");
}
