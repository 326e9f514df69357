#include "kafka/transactional_producer.h"

#include <gtest/gtest.h>

#include <chrono>

namespace standin::kafka {
namespace {

using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

const Properties unreachable{{"bootstrap.servers", "127.0.0.1:1"}};

TEST(TransactionalProducer, SaysAgainWhileNobodyAnswers) {
    auto* producer = new TransactionalProducer(unreachable, "id", {1'000'000, 1'000'000}); // its threads stay
    const auto begun = Clock::now();
    EXPECT_EQ(producer->init(), TransactionalProducer::Progress::Again);
    EXPECT_LT(Clock::now() - begun, 5s);
    EXPECT_NE(producer->lastError(), "");
    EXPECT_EQ(producer->poll(), 0U);
}

TEST(TransactionalProducer, OptionsThatWouldBreakItAreNobodys) {
    for (const char* name : {"transactional.id", "acks", "retries", "enable.idempotence", "max.in.flight"})
        EXPECT_THROW(validateOption(OptionPlace::Server, name, "1", true), Error) << name;
    for (const auto& [name, value] : Properties{{"compression.type", "zstd"},
                                                {"linger.ms", "5"},
                                                {"batch.size", "100000"},
                                                {"message.max.bytes", "2000000"},
                                                {"transaction.timeout.ms", "60000"},
                                                {"queue.buffering.max.kbytes", "65536"}}) {
        EXPECT_NO_THROW(validateOption(OptionPlace::Server, name, value, false)) << name;
        EXPECT_TRUE(isProducerOption(name));
    }
    EXPECT_FALSE(isProducerOption("bootstrap.servers"));
}

} // namespace
} // namespace standin::kafka
