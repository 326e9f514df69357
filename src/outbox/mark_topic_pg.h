#pragma once

#include <chrono>
#include <functional>
#include <initializer_list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "kafka/consumer.h"
#include "kafka/transactional_producer.h"
#include "outbox/relay_store_pg.h"
#include "outbox/trouble_pg.h"

namespace standin::outbox {

/// The worker is to stop, or what it loaded is out of date: the process ends, and the supervisor starts another if one
/// is wanted.
struct Leaving {};

/// Sleeps; throws Leaving.
using Rest = std::function<void(std::chrono::milliseconds, std::initializer_list<int>)>;

/// Where the relay's marks are, and what it asks Kafka besides sending.
class MarkTopic {
public:
    MarkTopic(Trouble& trouble, const RelayConfig& config, kafka::TransactionalProducer& producer, Rest rest)
        : trouble_(trouble), config_(config), producer_(producer), rest_(std::move(rest)) {}

    /// Until there is such a topic, with one partition and compaction alone; made if it is not there. What is in the
    /// way is the worker's state.
    void require();

    /// As far as readers of committed records get now, or to the end of the partition, whatever transactions are open.
    enum class Reach { Committed, End };

    /// The last mark that was committed by now, if there is one.
    std::optional<std::string> look(Reach reach);

    /// What Kafka says of a topic, once it is a word that only a person can change. (A producer that asks makes it.)
    kafka::TopicAnswer ask(const std::string& topic);

private:
    kafka::Consumer& newConsumer();
    kafka::Consumer& consumer();
    void create();
    std::optional<std::string> cleanupPolicy();
    struct Found {
        bool any = false;
        std::optional<std::string> value{};
    };
    Found readFrom(kafka::Consumer& consumer, int64_t offset, Reach reach);
    void waitFor(const std::string& what, const std::string& complaint);
    [[nodiscard]] std::string command() const;

    Trouble& trouble_;
    const RelayConfig& config_;
    kafka::TransactionalProducer& producer_;
    Rest rest_;
    /// One a look, so that none sees what an earlier one has fetched. Kept: the library's threads write to their pipes.
    std::vector<std::unique_ptr<kafka::Consumer>> consumers_;
};

} // namespace standin::outbox
