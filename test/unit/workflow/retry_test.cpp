#include "workflow/retry.h"

#include <gtest/gtest.h>

namespace standin::workflow {
namespace {

using namespace std::chrono_literals;

TEST(Retry, whatIsNobodysFaultIsTransient) {
    for (const char* code : {"08006", "40001", "40P01", "53300", "55P03", "57014", "57P01"})
        EXPECT_TRUE(isTransient(code)) << code;
    for (const char* code : {"22012", "23505", "42883", "P0001", "57P04", "55000"})
        EXPECT_FALSE(isTransient(code)) << code;
}

TEST(Retry, onlyWhatWasAskedForIsTriedAgain) {
    EXPECT_FALSE(nextAttempt({.retries = 0, .retryOn = {}}, "22012", false, 1));
    EXPECT_TRUE(nextAttempt({.retries = 2, .retryOn = {}}, "22012", false, 2));
    EXPECT_FALSE(nextAttempt({.retries = 2, .retryOn = {}}, "22012", false, 3));
}

TEST(Retry, theDelayDoublesUpToItsMaximum) {
    const RetryPolicy policy{.retries = 9, .retryOn = {}, .backoff = 2s, .maximumBackoff = 7s};
    EXPECT_EQ(nextAttempt(policy, "22012", false, 1), 2s);
    EXPECT_EQ(nextAttempt(policy, "22012", false, 2), 4s);
    EXPECT_EQ(nextAttempt(policy, "22012", false, 3), 7s);
    EXPECT_EQ(nextAttempt(policy, "22012", false, 9), 7s);
}

TEST(Retry, aTransientErrorIsTriedAgainWithoutBeingAskedTo) {
    EXPECT_EQ(nextAttempt({}, "55P03", false, 1), 1s);
    EXPECT_TRUE(nextAttempt({}, "57014", false, transientRetries));
    EXPECT_FALSE(nextAttempt({}, "57014", false, transientRetries + 1));
    EXPECT_TRUE(nextAttempt({.retries = 30, .retryOn = {}}, "57014", false, 30));
}

TEST(Retry, aRollbackIsTriedAgainAtOnceTwice) {
    EXPECT_EQ(nextAttempt({}, "40001", false, 1), 0ms);
    EXPECT_EQ(nextAttempt({}, "40001", false, 2), 0ms);
    EXPECT_EQ(nextAttempt({}, "40001", false, 3), 4s);
}

TEST(Retry, aTimeoutOfTheStepIsItsOwnFault) {
    EXPECT_FALSE(nextAttempt({}, "57014", true, 1));
    EXPECT_TRUE(nextAttempt({.retries = 1, .retryOn = {}}, "57014", true, 1));
}

TEST(Retry, retriesMayBeForSomeErrorsOnly) {
    const RetryPolicy policy{.retries = 3, .retryOn = {"23", "P0001"}};
    EXPECT_TRUE(nextAttempt(policy, "23505", false, 1));
    EXPECT_TRUE(nextAttempt(policy, "P0001", false, 1));
    EXPECT_FALSE(nextAttempt(policy, "P0002", false, 1));
    EXPECT_TRUE(nextAttempt(policy, "40001", false, 1)); // transient all the same
}

TEST(Retry, anErrorClassHasTwoOrFiveCharacters) {
    EXPECT_TRUE(isErrorClass("40"));
    EXPECT_TRUE(isErrorClass("55P03"));
    EXPECT_FALSE(isErrorClass(""));
    EXPECT_FALSE(isErrorClass("4"));
    EXPECT_FALSE(isErrorClass("40p01"));
}

} // namespace
} // namespace standin::workflow
