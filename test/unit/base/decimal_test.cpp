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
