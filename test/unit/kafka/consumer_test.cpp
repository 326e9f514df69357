#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include "kafka/consumer.h"

namespace standin::kafka {
namespace {

using Clock = std::chrono::steady_clock;

/// A port that nobody listens on.
const Properties unreachable{{"bootstrap.servers", "127.0.0.1:1"}};

TEST(Wakeup, DrainedPipeIsQuiet) {
    Wakeup wakeup;
    pollfd descriptor{wakeup.readEnd(), POLLIN, 0};
    EXPECT_EQ(poll(&descriptor, 1, 0), 0);
    for (int i = 0; i < 1000; ++i)
        ASSERT_EQ(write(wakeup.writeEnd(), "x", 1), 1);
    EXPECT_EQ(poll(&descriptor, 1, 0), 1);
    wakeup.drain();
    EXPECT_EQ(poll(&descriptor, 1, 0), 0);
}

TEST(SignalMask, IsLiftedAgain) {
    sigset_t before, inside, after;
    pthread_sigmask(SIG_SETMASK, nullptr, &before);
    {
        const SignalMask mask;
        pthread_sigmask(SIG_SETMASK, nullptr, &inside);
    }
    pthread_sigmask(SIG_SETMASK, nullptr, &after);
    EXPECT_TRUE(sigismember(&inside, SIGTERM));
    EXPECT_EQ(sigismember(&after, SIGTERM), sigismember(&before, SIGTERM));
}

TEST(Consumer, ComplainsByTheWakeupDescriptorAndNeverWaits) {
    Consumer consumer(unreachable, "group", {});
    const auto begun = Clock::now();
    MessageBatch batch;
    while (consumer.lastError().empty() && Clock::now() - begun < std::chrono::seconds(20)) {
        pollfd descriptor{consumer.wakeupDescriptor(), POLLIN, 0};
        poll(&descriptor, 1, 1000);
        const auto before = Clock::now();
        consumer.poll(batch, 100, 1 << 20);
        EXPECT_LT(Clock::now() - before, std::chrono::milliseconds(200));
    }
    EXPECT_NE(consumer.lastError().find("127.0.0.1:1"), std::string::npos) << consumer.lastError();
    EXPECT_TRUE(batch.empty());
    EXPECT_FALSE(consumer.takeLog().empty());
}

TEST(Consumer, BoundedQuestionsAndAQuickEndWithoutABroker) {
    Consumer consumer(unreachable, "group", {});
    const auto begun = Clock::now();
    EXPECT_FALSE(consumer.partitionCount("topic", 100));
    EXPECT_FALSE(consumer.watermarks("topic", 0));
    EXPECT_EQ(consumer.clusterId(), "");
    consumer.add({{"topic", 0, 0}});
    consumer.close();
    EXPECT_LT(Clock::now() - begun, std::chrono::seconds(5));
}

TEST(Consumer, ItsThreadsBlockEverySignal) {
    Consumer consumer(unreachable, "group", {});
    consumer.partitionCount("topic", 100);
    int checked = 0;
    for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
        if (task.path().filename() == std::to_string(getpid()))
            continue;
        std::ifstream status(task.path() / "status");
        for (std::string line; std::getline(status, line);)
            if (line.starts_with("SigBlk:")) {
                const auto blocked = std::stoull(line.substr(7), nullptr, 16);
                EXPECT_TRUE(blocked >> (SIGTERM - 1) & 1) << line;
                EXPECT_TRUE(blocked >> (SIGUSR1 - 1) & 1) << line;
                ++checked;
            }
    }
    EXPECT_GT(checked, 0);
}

} // namespace
} // namespace standin::kafka
