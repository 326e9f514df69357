#pragma once

#include <functional>
#include <set>

#include "cdc/apply/truncate_mark.h"
#include "cdc/stream/range_reader_pg.h"

namespace standin::cdc {

/// The keys, as texts, of the rows of a topic that were changed after a truncate and before the truncate was met:
/// by what was applied of partitions that are ahead of it, which is read from Kafka again.
class TouchedKeys {
public:
    struct Seen {
        Event event;
        std::vector<std::string> key; ///< empty: it leaves no row
    };
    /// What a record was. Valid until the next call. Throws only for the world's faults.
    using Decode = std::function<Seen(const kafka::Message&)>;

    TouchedKeys(const std::string& source, const std::string& topic, const TruncateMark& mark, Decode decode)
        : source_(source), topic_(topic), mark_(mark), decode_(std::move(decode)) {}

    /// What is stored of all partitions of the topic. `truncatedAt`: the truncate's time in Kafka (milliseconds since
    /// 1970), about where to begin. Throws Error if some of it cannot be known any more.
    void readPartitions(RangeReader& reader, int64_t truncatedAt);
    /// Records `from` to `to` of a partition, the latter excluded: applied in the transaction at hand, and no longer
    /// here.
    void readAgain(RangeReader& reader, int32_t partition, int64_t from, int64_t to);
    /// A record that was applied after that, in the transaction at hand.
    void take(const kafka::Message& message) { note(message, nullptr); }

    const std::set<std::vector<std::string>>& keys() const { return keys_; }

private:
    struct Partition {
        int32_t number;
        int64_t applied; ///< the first record that was not
        PartitionProgress progress;
    };
    std::vector<Partition> partitions() const;
    void readPartition(RangeReader& reader, const Partition& partition, int64_t truncatedAt);
    void note(const kafka::Message& message, AppliedRange* range);
    void loadLetters();
    [[noreturn]] static void refuse(int32_t partition);

    const std::string& source_;
    const std::string& topic_;
    const TruncateMark& mark_;
    const Decode decode_;
    std::set<std::pair<int32_t, int64_t>> letters_; ///< records that changed no row
    bool lettersLoaded_ = false;
    std::set<std::vector<std::string>> keys_;
    int64_t records_ = 0;
};

} // namespace standin::cdc
