#include <gtest/gtest.h>

#include "standin/connector/host_address.h"
#include "standin/connector/postgres_answer.h"
#include "standin/outcome/policy.h"
#include "standin/replay/token_bucket.h"

using namespace standin::core;
using namespace std::chrono_literals;

namespace {
Situation situation(Dedup dedup, bool inquires = true) {
    return {.dedup = dedup, .inquires = inquires, .attempts = 1, .sinceSent = 1s, .callTimeout = 3s};
}
Answer answer(Outcome outcome, bool coreFault = false) { return {.outcome = outcome, .coreFault = coreFault}; }
} // namespace

TEST(OutcomePolicy, ClearAnswersSettle) {
    EXPECT_EQ(afterPost(answer(Outcome::posted), situation(Dedup::none)).state, State::posted);
    EXPECT_EQ(afterInquiry(answer(Outcome::posted), situation(Dedup::none)).state, State::posted);
}

TEST(OutcomePolicy, ARefusalOfWhatWasPromisedNeedsAPerson) {
    Situation s = situation(Dedup::key);
    EXPECT_EQ(afterPost(answer(Outcome::rejected), s).state, State::repair);
    s.holdOnReject = false;
    EXPECT_EQ(afterPost(answer(Outcome::rejected), s).state, State::rejected);
    s.holdOnReject = true;
    s.promised = false;
    EXPECT_EQ(afterPost(answer(Outcome::rejected), s).state, State::rejected);
}

TEST(OutcomePolicy, ACoreThatIsDownSpendsNoAttempts) {
    const Next next = afterPost(answer(Outcome::notDelivered, true), situation(Dedup::none));
    EXPECT_EQ(next.state, State::retryWait);
    EXPECT_FALSE(next.attemptSpent);
    Situation s = situation(Dedup::none);
    s.attempts = 1000;
    EXPECT_EQ(afterPost(answer(Outcome::notDelivered, true), s).state, State::retryWait);
    EXPECT_EQ(afterPost(answer(Outcome::notDelivered, false), s).state, State::repair);
}

TEST(OutcomePolicy, ACoreThatIsBusySpendsNoAttempts) {
    Answer busy = answer(Outcome::notDelivered);
    busy.busy = true;
    Situation s = situation(Dedup::none);
    s.attempts = 1000;
    EXPECT_EQ(afterPost(busy, s).state, State::retryWait);
    EXPECT_FALSE(afterPost(busy, s).attemptSpent);
}

TEST(OutcomePolicy, SilenceIsUnknownAndNeverResentBlindly) {
    for (const Dedup dedup : {Dedup::key, Dedup::inquiry, Dedup::none}) {
        EXPECT_EQ(afterPost(answer(Outcome::unknown, true), situation(dedup)).state, State::unknown);
        EXPECT_EQ(afterPost(answer(Outcome::notFound), situation(dedup)).state, State::unknown);
    }
    EXPECT_EQ(forUnknown(situation(Dedup::none, true)), UnknownStep::repair);
    EXPECT_EQ(forUnknown(situation(Dedup::none, false)), UnknownStep::repair);
    EXPECT_EQ(forUnknown(situation(Dedup::inquiry, true)), UnknownStep::inquire);
    EXPECT_EQ(forUnknown(situation(Dedup::inquiry, false)), UnknownStep::repair);
    EXPECT_EQ(forUnknown(situation(Dedup::key, true)), UnknownStep::inquire);
    EXPECT_EQ(forUnknown(situation(Dedup::key, false)), UnknownStep::resend);
}

TEST(OutcomePolicy, NotFoundResendsOnlyWhereTheCoreDeduplicatesOrTheCallIsSurelyOver) {
    Situation s = situation(Dedup::key);
    EXPECT_EQ(afterInquiry(answer(Outcome::notFound), s).state, State::retryWait);
    s.dedup = Dedup::inquiry;
    EXPECT_EQ(afterInquiry(answer(Outcome::notFound), s).state, State::unknown); // may still be working on it
    s.sinceSent = 1min;
    EXPECT_EQ(afterInquiry(answer(Outcome::notFound), s).state, State::retryWait);
    s.dedup = Dedup::none;
    EXPECT_EQ(afterInquiry(answer(Outcome::notFound), s).state, State::repair);
    EXPECT_EQ(afterInquiry(answer(Outcome::unknown, true), s).state, State::unknown);
    s.dedup = Dedup::key;
    EXPECT_EQ(afterInquiry(answer(Outcome::notFound), s).delay, 0s);
    s.attempts = 2;
    EXPECT_GT(afterInquiry(answer(Outcome::notFound), s).delay, 0s); // no tight loop with a core that forgets
    s.attempts = s.attemptsMaximum;
    EXPECT_EQ(afterInquiry(answer(Outcome::notFound), s).state, State::repair);
}

TEST(OutcomePolicy, DelaysDoubleToTenMinutes) {
    EXPECT_EQ(retryDelay(1, 0.5), 1s);
    EXPECT_EQ(retryDelay(4, 0.5), 8s);
    EXPECT_EQ(retryDelay(100, 0.5), 10min);
    EXPECT_LT(retryDelay(4, 0), retryDelay(4, 0.99));
}

TEST(PostgresAnswer, OnlyARolledBackStatementIsCertainlyNotBooked) {
    EXPECT_EQ(postAnswer({.failed = true, .severity = "ERROR", .sqlstate = "22023"}).outcome, Outcome::notDelivered);
    EXPECT_FALSE(postAnswer({.failed = true, .severity = "ERROR", .sqlstate = "22023"}).coreFault);
    for (const char* own : {"57014", "53200", "53300", "25006", "58030", "XX000"})
        EXPECT_FALSE(postAnswer({.failed = true, .severity = "ERROR", .sqlstate = own}).coreFault) << own;
    EXPECT_TRUE(postAnswer({.failed = true, .severity = "FATAL", .sqlstate = "57P01"}).coreFault);
    EXPECT_EQ(postAnswer({.failed = true, .severity = "FATAL", .sqlstate = "57P01"}).outcome, Outcome::unknown);
    EXPECT_EQ(postAnswer({.rows = 1, .status = "posted"}).outcome, Outcome::posted);
    EXPECT_EQ(postAnswer({.rows = 1, .status = "rejected"}).outcome, Outcome::rejected);
    for (const char* status : {"", "not_found", "POSTED", "ok"})
        EXPECT_EQ(postAnswer({.rows = 1, .status = status}).outcome, Outcome::unknown) << status;
    EXPECT_EQ(postAnswer({.rows = 0}).outcome, Outcome::unknown);
    EXPECT_EQ(postAnswer({.rows = 2, .status = "posted"}).outcome, Outcome::unknown);
    EXPECT_EQ(inquiryAnswer({.rows = 1, .status = "not_found"}).outcome, Outcome::notFound);
    EXPECT_EQ(inquiryAnswer({.failed = true, .severity = "ERROR", .sqlstate = "42883"}).outcome, Outcome::unknown);
}

TEST(PostgresAnswer, TextsAreCut) {
    const std::string large(1 << 20, 'x');
    const Answer posted = postAnswer({.rows = 1, .status = "posted", .reference = large, .message = large});
    EXPECT_EQ(posted.reference.size(), 8192u);
    EXPECT_EQ(posted.message.size(), 8192u);
    const Answer failed = postAnswer({.failed = true, .severity = "ERROR", .sqlstate = "P0001", .message = large});
    EXPECT_EQ(failed.message.size(), 8192u);
    EXPECT_TRUE(failed.message.ends_with("(P0001)"));
    for (const auto& read : {postAnswer, inquiryAnswer, probeAnswer, witnessAnswer})
        for (const bool fails : {false, true})
            EXPECT_LE(read({.failed = fails, .severity = "ERROR", .rows = 1, .status = large, .message = large})
                          .message.size(),
                      8192u);
}

TEST(PostgresAnswer, ALackOfConnectionsSaysNothingAboutTheCore) {
    EXPECT_FALSE(postAnswer({.failed = true, .severity = "ERROR", .sqlstate = "53300"}).coreFault);
    EXPECT_TRUE(probeAnswer({.failed = true, .severity = "ERROR", .sqlstate = "53300"}).coreFault);
}

TEST(PostgresAnswer, AWitnessThatNamesNoClaimIsAFailedProbe) {
    const Answer standing = witnessAnswer({.rows = 1, .status = "a claim"});
    EXPECT_EQ(standing.outcome, Outcome::posted);
    EXPECT_EQ(standing.reference, "a claim");
    for (const PostgresReply& reply :
         {PostgresReply{.rows = 1}, PostgresReply{}, PostgresReply{.failed = true, .severity = "ERROR"}}) {
        EXPECT_EQ(witnessAnswer(reply).outcome, Outcome::unknown);
        EXPECT_TRUE(witnessAnswer(reply).coreFault);
    }
}

TEST(HostAddress, TellsAddressesFromNames) {
    for (const char* host : {"127.0.0.1", "::1", "/var/run/postgresql", "10.0.0.1,10.0.0.2"})
        EXPECT_TRUE(isAddress(host)) << host;
    for (const char* host : {"", "localhost", "core.bank", "10.0.0.1,core", "10.0.0.1,", "256.1.1.1"})
        EXPECT_FALSE(isAddress(host)) << host;
}

TEST(TokenBucket, KeepsTheRate) {
    TokenBucket bucket;
    const TokenBucket::Time start(1h);
    EXPECT_EQ(bucket.take(1000, 100, start), 10);
    EXPECT_EQ(bucket.take(1000, 100, start), 0);
    EXPECT_EQ(bucket.take(1000, 100, start + 50ms), 5);
    EXPECT_EQ(bucket.take(1000, 100, start + 1h), 10); // no burst after a pause
    bucket.giveBack(3);
    EXPECT_EQ(bucket.take(1000, 100, start + 1h), 3);
}
