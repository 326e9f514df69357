#include <gtest/gtest.h>

#include "base/base64.h"
#include "base/decimal.h"
#include "base/error.h"

namespace standin {
namespace {

std::string fromBase64(std::string_view text, int scale) {
    const std::string bytes = base64Decode(text).value();
    return toText(decimalFromUnscaled(reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(), scale));
}

std::string throughText(std::string_view text) {
    const auto decimal = decimalFromText(text);
    return decimal ? toText(*decimal) : "no number";
}

TEST(Decimal, UnscaledTwosComplement) {
    EXPECT_EQ(fromBase64("AA==", 2), "0.00");
    EXPECT_EQ(fromBase64("AQ==", 0), "1");
    EXPECT_EQ(fromBase64("/w==", 0), "-1");
    EXPECT_EQ(fromBase64("/w==", 2), "-0.01");
    EXPECT_EQ(fromBase64("gA==", 0), "-128");
    EXPECT_EQ(fromBase64("AIA=", 0), "128");
    EXPECT_EQ(fromBase64("f/////////8=", 0), "9223372036854775807");
    EXPECT_EQ(fromBase64("gAAAAAAAAAA=", 0), "-9223372036854775808");
    EXPECT_EQ(fromBase64("gAAAAAAAAAA=", 5), "-92233720368547.75808");
    EXPECT_EQ(fromBase64("MDk=", 2), "123.45");
    EXPECT_EQ(fromBase64("MDk=", 5), "0.12345");
    EXPECT_EQ(fromBase64("MDk=", 9), "0.000012345");
    EXPECT_EQ(fromBase64("MDk=", -3), "12345000");
}

TEST(Decimal, UnscaledLargerThanAnyInteger) {
    EXPECT_EQ(fromBase64("AQAAAAAAAAAA", 0), "18446744073709551616");
    EXPECT_EQ(fromBase64("/wAAAAAAAAAA", 0), "-18446744073709551616");
    EXPECT_EQ(fromBase64("/wAAAAAAAAAB", 10), "-1844674407.3709551615");
    EXPECT_EQ(fromBase64("AQAAAAAAAAAAAAAAAAAAAAA=", 0), "340282366920938463463374607431768211456");
}

TEST(Decimal, TextIsExact) {
    EXPECT_EQ(throughText("0"), "0");
    EXPECT_EQ(throughText("-0.00"), "0.00");
    EXPECT_EQ(throughText("123.450"), "123.450");
    EXPECT_EQ(throughText("-99999999999999999999999999.000000000000000001"),
              "-99999999999999999999999999.000000000000000001");
    EXPECT_EQ(throughText("1.5E3"), "1500");
    EXPECT_EQ(throughText("1e-7"), "0.0000001");
    EXPECT_EQ(throughText("1E+10"), "10000000000");
    EXPECT_EQ(throughText(".5"), "0.5");
    EXPECT_EQ(throughText("NAN"), "NaN");
    EXPECT_EQ(throughText("POSITIVE_INFINITY"), "Infinity");
    EXPECT_EQ(throughText("-Infinity"), "-Infinity");
}

TEST(Decimal, RefusesWhatIsNoNumber) {
    for (const char* text : {"", "-", ".", "1.2.3", "1e", "1e+", "12a", "0x10", " 1", "--1"})
        EXPECT_EQ(throughText(text), "no number") << text;
}

TEST(Decimal, RefusesWhatNumericCannotHold) {
    EXPECT_THROW(decimalFromText("1e131073"), Error);
    EXPECT_THROW(decimalFromText("1e-16384"), Error);
    EXPECT_THROW(decimalFromText("1e99999999999"), Error);
    EXPECT_EQ(throughText("1e-16383").size(), 16383u + 2);
}

std::string limited(std::string_view text, int scale, Rounding rounding) {
    Decimal decimal = decimalFromText(text).value();
    if (!limitScale(decimal, scale, rounding))
        return "refused";
    EXPECT_TRUE(decimal.digits.empty() || (decimal.digits.front() != 0 && decimal.digits.back() != 0)) << text;
    return toText(decimal);
}

TEST(Decimal, LimitedScale) {
    struct Case {
        const char* text;
        int scale;
        const char* error;
        const char* truncate;
        const char* round;
    };
    for (const Case& one : {
             Case{"1.5", 2, "1.50", "1.50", "1.50"},
             Case{"1.500", 1, "1.5", "1.5", "1.5"},
             Case{"123.456", 2, "refused", "123.45", "123.46"},
             Case{"-123.455", 2, "refused", "-123.45", "-123.46"},
             Case{"0.4", 0, "refused", "0", "0"},
             Case{"0.5", 0, "refused", "0", "1"},
             Case{"-0.5", 0, "refused", "0", "-1"},
             Case{"0.05", 0, "refused", "0", "0"},
             Case{"0.00009", 4, "refused", "0.0000", "0.0001"},
             Case{"0.00004", 4, "refused", "0.0000", "0.0000"},
             Case{"0.000000005", 8, "refused", "0.00000000", "0.00000001"},
             Case{"9999.9999", 3, "refused", "9999.999", "10000.000"},
             Case{"99999999.5", 0, "refused", "99999999", "100000000"},
             Case{"12345", -2, "refused", "12300", "12300"},
             Case{"12350", -2, "refused", "12300", "12400"},
             Case{"12300", -2, "12300", "12300", "12300"},
             Case{"49", -2, "refused", "0", "0"},
             Case{"50", -2, "refused", "0", "100"},
             Case{"99950", -5, "refused", "0", "100000"},
             Case{"0", -3, "0", "0", "0"},
             Case{"0.000", 1, "0.0", "0.0", "0.0"},
         }) {
        EXPECT_EQ(limited(one.text, one.scale, Rounding::Error), one.error) << one.text;
        EXPECT_EQ(limited(one.text, one.scale, Rounding::Truncate), one.truncate) << one.text;
        EXPECT_EQ(limited(one.text, one.scale, Rounding::Round), one.round) << one.text;
    }
}

/// Against integer arithmetic.
TEST(Decimal, LimitedScaleOfManyNumbers) {
    uint64_t state = 1;
    for (int i = 0; i < 20000; ++i) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        const auto unscaled = static_cast<int64_t>(state >> (10 + state % 50));
        const int from = static_cast<int>(state >> 33) % 12;
        const int to = from - static_cast<int>(state >> 40) % 12;
        int64_t unit = 1;
        for (int digit = to; digit < from; ++digit)
            unit *= 10;
        const int64_t cut = unscaled / unit;
        const int64_t round = cut + (unscaled % unit * 2 >= unit);
        uint8_t bytes[8];
        for (int byte = 0; byte < 8; ++byte)
            bytes[byte] = static_cast<uint8_t>(static_cast<uint64_t>(-unscaled) >> (56 - 8 * byte));
        for (const auto& [rounding, expected] :
             {std::pair(Rounding::Truncate, cut), std::pair(Rounding::Round, round)}) {
            Decimal decimal = decimalFromUnscaled(bytes, 8, from);
            ASSERT_TRUE(limitScale(decimal, to, rounding));
            ASSERT_EQ(toInteger(decimal, to), -expected) << unscaled << " " << from << " " << to;
        }
    }
}

TEST(Decimal, WholeNumbers) {
    const auto whole = [](std::string_view text, int scale = 0) { return toInteger(*decimalFromText(text), scale); };
    EXPECT_EQ(whole("9223372036854775807"), INT64_MAX);
    EXPECT_EQ(whole("-9223372036854775808"), INT64_MIN);
    EXPECT_EQ(whole("9223372036854775808"), std::nullopt);
    EXPECT_EQ(whole("1.0E7"), 10000000);
    EXPECT_EQ(whole("1.5"), std::nullopt);
    EXPECT_EQ(whole("1.5", 1), 15);
    EXPECT_EQ(whole("0.0001", 4), 1);
    EXPECT_EQ(whole("1e30"), std::nullopt);
    EXPECT_EQ(whole("NaN"), std::nullopt);
    EXPECT_EQ(whole("0"), 0);
    EXPECT_EQ(whole("1200", -2), 12);
}

TEST(Decimal, DigitsOnEitherSide) {
    EXPECT_EQ(decimalFromText("123.4500")->integerDigits(), 3);
    EXPECT_EQ(decimalFromText("123.4500")->fractionDigits(), 2);
    EXPECT_EQ(decimalFromText("0.00099")->integerDigits(), -3);
    EXPECT_EQ(decimalFromText("0.00099")->fractionDigits(), 5);
    EXPECT_EQ(decimalFromText("1200")->fractionDigits(), -2);
    EXPECT_EQ(decimalFromText("10000")->integerDigits(), 5);
}

TEST(Base64, BothAlphabetsWithAndWithoutPadding) {
    EXPECT_EQ(base64Decode(""), "");
    EXPECT_EQ(base64Decode("Zg=="), "f");
    EXPECT_EQ(base64Decode("Zg"), "f");
    EXPECT_EQ(base64Decode("Zm9vYmFy"), "foobar");
    EXPECT_EQ(base64Decode("-_8"), base64Decode("+/8="));
    EXPECT_EQ(base64Decode("X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="), "__debezium_unavailable_value");
    EXPECT_FALSE(base64Decode("Z"));
    EXPECT_FALSE(base64Decode("Zg=a"));
    EXPECT_FALSE(base64Decode("Z g="));
    for (const std::string text : {"", "f", "fo", "foo", "foob"})
        EXPECT_EQ(base64Decode(base64Encode(text)), text);
}

} // namespace
} // namespace standin
