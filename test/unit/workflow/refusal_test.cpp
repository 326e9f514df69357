#include "workflow/refusal.h"

#include <gtest/gtest.h>

namespace standin::workflow {
namespace {

TEST(Refusal, aStepRunsOnlyWhereItCanCommitAndNothingElseIsWritten) {
    EXPECT_FALSE(refuseStep("s", {.atomic = false, .written = false}));
    EXPECT_EQ(refuseStep("s", {.atomic = true, .written = false})->sqlstate(), "2D000");
    EXPECT_EQ(refuseStep("s", {.atomic = false, .written = true})->sqlstate(), "25001");
    EXPECT_EQ(refuseStep("s", {.atomic = true, .written = true})->sqlstate(), "2D000");
}

TEST(Refusal, everyRefusalHasAHint) {
    EXPECT_FALSE(refuseStep("s", {.atomic = true, .written = false})->hint().empty());
    EXPECT_FALSE(refuseStep("s", {.atomic = false, .written = true})->hint().empty());
    EXPECT_FALSE(refuseCommit().hint().empty());
}

TEST(Refusal, onlyAVictimIsResumed) {
    EXPECT_EQ(judge("40001"), Verdict::Resume);
    EXPECT_EQ(judge("40P01"), Verdict::Resume);
    EXPECT_EQ(judge("22012"), Verdict::Failed);
    EXPECT_EQ(judge("57014"), Verdict::Failed);
}

TEST(Refusal, retriesAreCounted) {
    EXPECT_FALSE(retryStep("22012", 1, 0));
    EXPECT_TRUE(retryStep("22012", 2, 2));
    EXPECT_FALSE(retryStep("22012", 3, 2));
}

TEST(Refusal, aVictimIsTriedAgainWithoutBeingAskedTo) {
    EXPECT_TRUE(retryStep("40001", 5, 0));
    EXPECT_FALSE(retryStep("40001", 6, 0));
    EXPECT_TRUE(retryStep("40001", 6, 9));
}

TEST(Refusal, aCancelIsNotTriedAgain) { EXPECT_FALSE(retryStep("57014", 1, 9)); }

} // namespace
} // namespace standin::workflow
