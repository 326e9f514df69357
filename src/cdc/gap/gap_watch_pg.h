#pragma once

#include <deque>

#include "base/backoff.h"
#include "cdc/config/source_config_pg.h"
#include "cdc/gap/gap.h"
#include "cdc/stream/range_reader_pg.h"
#include "cdc/transaction/reader.h"

namespace standin::cdc {

/// Notices what the source's connector lost: reads the transaction topic apart from the stream, with a place of its
/// own, and the events of suspect transactions once more. So it is the same whatever the consistency and however many
/// workers share the partitions.
class GapWatch {
public:
    /// The references outlive it.
    GapWatch(kernel::Worker& worker, const std::string& source, const SourceConfig& config,
             TransactionReader::Look look);

    /// Reads on from time to time. Holds the stream up while Kafka answers.
    void attend();
    /// How long the worker may sleep.
    std::chrono::milliseconds patience() const;

private:
    using Clock = std::chrono::steady_clock;

    struct Suspect {
        std::string id;
        int64_t offset; ///< of its END
        Clock::time_point read;
    };
    /// A partition with events of the source.
    struct Partition {
        std::string topic;
        int32_t partition;
        std::string collection; ///< what END records call its table; "" if it is of none
    };

    void load();
    void readBoundaries();
    void take(const kafka::Message& message);
    bool isDue() const;
    void examine();
    std::vector<const SourceTransaction*> dueSuspects();
    std::vector<Partition> partitions();
    bool readEvents(const Partition& partition, int64_t from, int64_t to, MarkForm& form, GapSearch& search);
    void note(const SourceTransaction& transaction, const Gap& gap);
    int64_t examined() const;
    void move(int64_t examined);
    void store();

    kernel::Worker& worker_;
    const std::string& source_;
    const SourceConfig& config_;
    const TransactionReader::Look look_;
    RangeReader reader_;
    TransactionRecords records_;
    TransactionWatch watch_;
    std::deque<Suspect> suspects_; ///< ended and not examined yet
    bool loaded_ = false;
    int64_t stored_ = 0; ///< all suspects that ended before it were examined, as committed here
    int64_t next_ = 0;
    Clock::time_point nextRead_{};
    RetryClock retry_{std::chrono::seconds(5), std::chrono::minutes(1)};
};

} // namespace standin::cdc
