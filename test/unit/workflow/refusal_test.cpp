#include "workflow/refusal.h"

#include <gtest/gtest.h>

namespace standin::workflow {
namespace {

TEST(Refusal, aStepRunsOnlyWhereItCanCommitAndNothingElseIsWritten) {
    EXPECT_FALSE(refuseStep("step", "s", {.atomic = false, .written = false}));
    EXPECT_EQ(refuseStep("step", "s", {.atomic = true, .written = false})->sqlstate(), "2D000");
    EXPECT_EQ(refuseStep("step", "s", {.atomic = false, .written = true})->sqlstate(), "25001");
    EXPECT_EQ(refuseStep("step", "s", {.atomic = true, .written = true})->sqlstate(), "2D000");
}

TEST(Refusal, everyRefusalHasAHint) {
    EXPECT_FALSE(refuseStep("step", "s", {.atomic = true, .written = false})->hint().empty());
    EXPECT_FALSE(refuseStep("step", "s", {.atomic = false, .written = true})->hint().empty());
    EXPECT_FALSE(refuseCommit().hint().empty());
}

TEST(Refusal, onlyAVictimIsResumed) {
    EXPECT_EQ(judge("40001"), Verdict::Resume);
    EXPECT_EQ(judge("40P01"), Verdict::Resume);
    EXPECT_EQ(judge("55P03"), Verdict::Resume);
    EXPECT_EQ(judge("22012"), Verdict::Failed);
}

} // namespace
} // namespace standin::workflow
