#include <gtest/gtest.h>

#include <vector>

#include "base/error.h"
#include "standin/outcome/transaction_state.h"

using namespace standin::core;
using enum State;

namespace {
const std::vector<State> all{declined,   accepted, inFlight, retryWait,   unknown,   posted,
                             reconciled, rejected, repair,   compensated, cancelled, expired};
}

TEST(TransactionState, TheWayOfAPayment) {
    EXPECT_TRUE(mayFollow(accepted, inFlight));
    EXPECT_TRUE(mayFollow(inFlight, posted));
    EXPECT_TRUE(mayFollow(posted, reconciled));
}

TEST(TransactionState, NothingIsSentTwiceWithoutAnInquiry) {
    EXPECT_FALSE(mayFollow(unknown, inFlight));
    EXPECT_FALSE(mayFollow(unknown, accepted));
    EXPECT_FALSE(mayFollow(posted, inFlight));
    EXPECT_FALSE(mayFollow(rejected, inFlight));
    EXPECT_FALSE(mayFollow(rejected, posted));
}

TEST(TransactionState, WhatMayHaveBeenSentIsNeverJustCancelled) {
    for (const State state : {inFlight, unknown, posted, reconciled})
        for (const State end : {cancelled, compensated, expired})
            EXPECT_FALSE(mayFollow(state, end)) << name(state) << " -> " << name(end);
}

TEST(TransactionState, FinalStatesStay) {
    for (const State state : {declined, reconciled, compensated, cancelled, expired}) {
        EXPECT_TRUE(final(state)) << name(state);
        for (const State next : all)
            EXPECT_EQ(mayFollow(state, next), state == next) << name(state) << " -> " << name(next);
    }
    EXPECT_FALSE(final(posted));
}

TEST(TransactionState, QueuedStatesKeepTheAccountWaiting) {
    for (const State state : all)
        EXPECT_EQ(queued(state),
                  state == accepted || state == inFlight || state == retryWait || state == unknown || state == repair);
}

TEST(TransactionState, ApplicationsAreToldFewWordsAndNeverYesTooEarly) {
    for (const State state : all)
        for (const bool promised : {false, true}) {
            const PublicStatus told = publicStatus(state, promised);
            const bool booked = state == posted || state == reconciled;
            EXPECT_EQ(std::string_view(told.code ? told.code : "") == "00", booked) << name(state);
            if (queued(state) || (state == rejected && promised)) {
                EXPECT_STREQ(told.status, "accepted");
                EXPECT_STREQ(told.code, "09");
            }
        }
    EXPECT_STREQ(publicStatus(rejected, false).status, "rejected");
    EXPECT_STREQ(publicStatus(compensated, true).status, "reversed");
    EXPECT_EQ(publicStatus(declined, false).code, nullptr);
}

TEST(TransactionState, NamesGoBothWays) {
    for (const State state : all)
        EXPECT_EQ(stateByName(name(state)), state);
    EXPECT_THROW(stateByName("lost"), standin::Error);
}
