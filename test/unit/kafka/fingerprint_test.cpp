#include "kafka/fingerprint.h"

#include <gtest/gtest.h>

namespace standin::kafka {

TEST(Fingerprint, TellsRecordsApart) {
    const int64_t one = recordHash(1, "key", "value");
    EXPECT_EQ(one, recordHash(1, "key", "value"));
    EXPECT_NE(one, recordHash(2, "key", "value"));
    EXPECT_NE(one, recordHash(1, "keyv", "alue"));
    EXPECT_NE(one, recordHash(1, "key", "Value"));
    EXPECT_NE(recordHash(1, "key", std::nullopt), recordHash(1, "key", ""));
    EXPECT_NE(recordHash(1, std::nullopt, "v"), recordHash(1, "", "v"));
}

// It is stored in the catalog.
TEST(Fingerprint, IsTheSameForEver) { EXPECT_EQ(recordHash(0, std::nullopt, std::nullopt), 7987696795883560693LL); }

} // namespace standin::kafka
