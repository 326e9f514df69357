#include <gtest/gtest.h>

#include "cdc/failure.h"

namespace standin::cdc {
namespace {

TEST(Failure, ARecordsOwnFaultsBecomeDeadLetters) {
    for (const char* state : {"22003", "22P02", "23505", "23503", "44000", "54000", "P0001"})
        EXPECT_TRUE(isRecordError(state)) << state;
}

TEST(Failure, TheWorldsFaultsAreTriedAgain) {
    for (const char* state : {"53100", "53200", "57014", "57P01", "40001", "40P01", "42501", "42P01", "55P03", "08006",
                              "58030", "XX000", "25006"})
        EXPECT_FALSE(isRecordError(state)) << state;
}

TEST(Failure, whatIsTheRowsOwn) {
    for (const char* own : {"22001", "22P02", "23502", "23514", "44000", "54000"})
        EXPECT_TRUE(isRowsOwnError(own)) << own;
    for (const char* shared : {"23505", "23503", "23P01", "P0001", "40001", "53100"})
        EXPECT_FALSE(isRowsOwnError(shared)) << shared;
}

} // namespace
} // namespace standin::cdc
