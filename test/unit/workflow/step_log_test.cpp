#include "workflow/step_log.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace standin::workflow {
namespace {

Error replayError(const StepIdentity& recorded, const StepIdentity& asked) {
    try {
        checkReplay(recorded, asked);
    } catch (const Error& error) {
        return error;
    }
    return Error("00000", "no error");
}

TEST(StepLog, anEqualStepIsAReplay) { EXPECT_NO_THROW(checkReplay({3, "debit", 42}, {3, "debit", 42})); }

TEST(StepLog, anyDifferenceFailsWithBothSides) {
    for (const StepIdentity& asked : {StepIdentity{4, "debit", 42}, {3, "credit", 42}, {3, "debit", 43}})
        EXPECT_EQ(replayError({3, "debit", 42}, asked).sqlstate(), "55000");
    const Error error = replayError({3, "debit", 42}, {3, "credit", 255});
    EXPECT_NE(error.detail().find("Recorded: step 3 \"debit\" with input 2a."), std::string::npos) << error.detail();
    EXPECT_NE(error.detail().find("Now: step 3 \"credit\" with input ff."), std::string::npos) << error.detail();
}

TEST(StepLog, theHashIsFixedForEver) { // it is stored: another function would make every open workflow fail its replay
    EXPECT_EQ(static_cast<uint64_t>(inputHash("")), 0xcbf29ce484222325ULL);
    EXPECT_EQ(static_cast<uint64_t>(inputHash("a")), 0xaf63dc4c8601ec8cULL);
    EXPECT_NE(inputHash("{\"a\": 1}"), inputHash("{\"a\": 2}"));
    EXPECT_NE(inputHash("null"), noInputHash);
}

TEST(StepLog, theCursorReplaysWhatIsRecordedAndRunsTheRest) {
    StepCursor cursor(2);
    EXPECT_EQ(cursor.advance(), 1);
    EXPECT_TRUE(cursor.replaying());
    EXPECT_THROW(cursor.finish(), Error);
    EXPECT_EQ(cursor.advance(), 2);
    EXPECT_TRUE(cursor.replaying());
    EXPECT_NO_THROW(cursor.finish());
    EXPECT_EQ(cursor.advance(), 3);
    EXPECT_FALSE(cursor.replaying());
    EXPECT_NO_THROW(cursor.finish());
}

} // namespace
} // namespace standin::workflow
