#include <gtest/gtest.h>

#include "base/backoff.h"

using namespace std::chrono_literals;
using standin::exponentialBackoff;

TEST(Backoff, DoublesUpToTheMaximum) {
    EXPECT_EQ(exponentialBackoff(0, 500ms, 60s), 0ms);
    EXPECT_EQ(exponentialBackoff(1, 500ms, 60s), 500ms);
    EXPECT_EQ(exponentialBackoff(2, 500ms, 60s), 1s);
    EXPECT_EQ(exponentialBackoff(7, 500ms, 60s), 32s);
    EXPECT_EQ(exponentialBackoff(8, 500ms, 60s), 60s);
}

TEST(Backoff, NeverOverflows) { EXPECT_EQ(exponentialBackoff(1000000, 500ms, 60s), 60s); }
