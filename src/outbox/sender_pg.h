#pragma once

#include <chrono>
#include <map>
#include <string>

#include "outbox/mark_topic_pg.h"
#include "outbox/queue_pg.h"

namespace standin::outbox {

/// Sends a chunk and the mark behind it, in one Kafka transaction.
class Sender {
public:
    Sender(kernel::Worker& worker, Trouble& trouble, const RelayConfig& config, kafka::TransactionalProducer& producer,
           MarkTopic& topics, Rest rest)
        : worker_(worker), trouble_(trouble), config_(config), producer_(producer), topics_(topics),
          rest_(std::move(rest)) {}

    struct Result {
        bool sent = true;
        bool blocked = false; ///< by what only a person can mend
        size_t commit = 0;    ///< of the chunk, the one that is at fault
        std::string event{};  ///< its id, if one is
        std::string reason{};
        std::string hint{};
        bool together = false; ///< perhaps only with others that went with it
        bool anew = false;     ///< the transaction failed as a whole: the next may be fine, with new sequence numbers
    };

    /// One record at a time: a broker refuses records that went together as one, so this finds out which it is.
    void beCareful(bool careful) { careful_ = careful; }

    /// Throws ProducerDead where nobody knows whether it was committed.
    Result send(const Chunk& chunk, const Mark& mark);

private:
    using Clock = std::chrono::steady_clock;

    bool produce(const Chunk& chunk, Result& result);
    bool produce(const Event& event);
    bool offer(const kafka::OutgoingRecord& record);
    bool deliver();
    void commit();
    void abort();
    rd_kafka_resp_err_t refusalOf(const std::string& topic);
    Result explain(const Chunk& chunk, const std::string& complaint);
    void describe(const Commit& commit, int64_t n, std::string& id, std::string& topic);

    kernel::Worker& worker_;
    Trouble& trouble_;
    const RelayConfig& config_;
    kafka::TransactionalProducer& producer_;
    MarkTopic& topics_;
    Rest rest_;
    bool careful_ = false;
    std::map<std::string, Clock::time_point, std::less<>> seen_; ///< topics that are there, and when they were
};

} // namespace standin::outbox
