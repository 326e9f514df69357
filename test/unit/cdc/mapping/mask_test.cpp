#include "cdc/mapping/mask.h"

#include <gtest/gtest.h>

#include "base/error.h"
#include "cdc/mapping/keyed_hash.h"

namespace standin::cdc {
namespace {

std::string masked(std::string_view pattern, std::string_view text) {
    return Mask(pattern).apply(text).value_or("(null)");
}

TEST(Mask, KeepsTheEndsItIsToldTo) {
    EXPECT_EQ(masked("last4", "4111111111111234"), "************1234");
    EXPECT_EQ(masked("first6", "4111111111111234"), "411111**********");
    EXPECT_EQ(masked("first6last4", "4111111111111234"), "411111******1234");
    EXPECT_EQ(masked("first1last1", "abcdef"), "a****f");
}

TEST(Mask, HidesAllOfAShortText) {
    EXPECT_EQ(masked("last4", "12345"), "******");
    EXPECT_EQ(masked("last4", "123456"), "**3456");
    EXPECT_EQ(masked("last4", ""), "******");
    EXPECT_EQ(masked("first6last4", "41111111111234"), "******");
    EXPECT_EQ(masked("first6last4", "411111111111234"), "411111*****1234");
}

TEST(Mask, AllDoesNotShowTheLength) {
    EXPECT_EQ(masked("all", "x"), "******");
    EXPECT_EQ(masked("all", std::string(1000, 'x')), "******");
}

TEST(Mask, CountsCharactersNotBytes) { EXPECT_EQ(masked("last2", "Zürich→ßé"), "*******ßé"); }

TEST(Mask, NullAndFixedText) {
    EXPECT_EQ(masked("null", "x"), "(null)");
    EXPECT_EQ(masked("text:", "x"), "");
    EXPECT_EQ(masked("text:first6", "x"), "first6");
}

TEST(Mask, RefusesOtherPatterns) {
    for (const char* pattern : {"", "All", "last", "last0", "last17", "last99999999999999999999", "last4first6",
                                "last4 ", "first", "first6last", "last-1", "text", "keep4"})
        EXPECT_THROW(Mask{pattern}, Error) << pattern;
}

// RFC 4231, test cases 1, 2, 3, 4, 6 and 7.
TEST(KeyedHash, IsThatOfTheStandard) {
    EXPECT_EQ(keyedHash(std::string(20, '\x0b'), "Hi There"),
              "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    EXPECT_EQ(keyedHash("Jefe", "what do ya want for nothing?"),
              "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    EXPECT_EQ(keyedHash(std::string(20, '\xaa'), std::string(50, '\xdd')),
              "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe");
    std::string counting;
    for (char byte = 1; byte <= 25; ++byte)
        counting += byte;
    EXPECT_EQ(keyedHash(counting, std::string(50, '\xcd')),
              "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b");
    EXPECT_EQ(keyedHash(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First"),
              "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
    EXPECT_EQ(keyedHash(std::string(131, '\xaa'),
                        "This is a test using a larger than block-size key and a larger than block-size data. The key "
                        "needs to be hashed before being used by the HMAC algorithm."),
              "9b09ffa71b942fcb27635fbcd5b0e944bfdc63644f0713938a7f51535c3a35e2");
}

} // namespace
} // namespace standin::cdc
