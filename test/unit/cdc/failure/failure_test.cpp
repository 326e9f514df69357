#include "cdc/failure/failure.h"

#include <gtest/gtest.h>

namespace standin::cdc {

TEST(Failure, RecordsAreAtFaultForWhatTheySay) {
    for (const char* sqlstate :
         {"22001", "22003", "22P02", "22P05", "23502", "23505", "23503", "23514", "44000", "54000",
          "54001", "21000", "20000", "27000", "428C9", "2F005", "38000", "P0001", "P0002", "P0004"})
        EXPECT_TRUE(isRecordError(sqlstate)) << sqlstate;
}

TEST(Failure, TheWorldIsTriedAgain) {
    for (const char* sqlstate :
         {"08006", "0A000", "25006", "25P02", "28000", "39P01", "40001", "40P01", "42501", "42P01",
          "42P10", "42703", "42804", "42883", "53100", "53200", "53300", "55000", "55006", "55P03",
          "57014", "57P01", "57P02", "58030", "F0000", "HV000", "HV00N", "XX000", "XX001"})
        EXPECT_FALSE(isRecordError(sqlstate)) << sqlstate;
}

TEST(Failure, TypesRaiseWhatTheyLikeAboutAValue) {
    for (const char* sqlstate : {"22P02", "42601", "42P01", "42703", "XX000", "0A000"})
        EXPECT_TRUE(isValueError(sqlstate)) << sqlstate;
    for (const char* sqlstate : {"XX001", "53200", "57014", "58030", "40P01", "55P03", "42501"})
        EXPECT_FALSE(isValueError(sqlstate)) << sqlstate;
}

TEST(Failure, CodesOfUsersTriggersAreAboutTheRow) {
    for (const char* sqlstate : {"BK001", "99001", "ZZ999", "SI001"})
        EXPECT_TRUE(isRecordError(sqlstate)) << sqlstate;
}

TEST(Failure, whatIsTheRowsOwn) {
    for (const char* own : {"22001", "22P02", "23502", "23514", "44000", "54000"})
        EXPECT_TRUE(isRowsOwnError(own)) << own;
    for (const char* shared : {"23505", "23503", "23P01", "P0001", "40001", "53100"})
        EXPECT_FALSE(isRowsOwnError(shared)) << shared;
}

} // namespace standin::cdc
