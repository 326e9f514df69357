#include <gtest/gtest.h>

#include "base/backoff.h"

using namespace std::chrono_literals;
using standin::exponentialBackoff;
using standin::RetryClock;

TEST(Backoff, DoublesUpToTheMaximum) {
    EXPECT_EQ(exponentialBackoff(0, 500ms, 60s), 0ms);
    EXPECT_EQ(exponentialBackoff(1, 500ms, 60s), 500ms);
    EXPECT_EQ(exponentialBackoff(2, 500ms, 60s), 1s);
    EXPECT_EQ(exponentialBackoff(7, 500ms, 60s), 32s);
    EXPECT_EQ(exponentialBackoff(8, 500ms, 60s), 60s);
}

TEST(Backoff, NeverOverflows) { EXPECT_EQ(exponentialBackoff(1000000, 500ms, 60s), 60s); }

TEST(RetryClock, IsDueUntilItFailsAndAgainOnceItSucceeds) {
    RetryClock clock(1h, 4h);
    EXPECT_TRUE(clock.isDue());
    EXPECT_EQ(clock.left(), 0ms);
    clock.fail();
    EXPECT_FALSE(clock.isDue());
    EXPECT_LE(clock.left(), 1h);
    for (int i = 0; i < 3; ++i)
        clock.fail();
    EXPECT_GT(clock.left(), 1h);
    EXPECT_LE(clock.left(), 4h);
    clock.succeed();
    EXPECT_TRUE(clock.isDue());
    clock.fail();
    EXPECT_LE(clock.left(), 1h);
}
