#pragma once

#include <bitset>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <unordered_set>

#include "kafka/kafka_pg.h"

namespace standin::cdc {

struct PartitionState;

/// The keys of dead letters that still stand for the last state of their row. When a later record of such a key is
/// applied, the letter is marked: to apply it then would bring old values back.
class OpenLetters {
public:
    void bury(const std::string& source, const kafka::Message& message, const PartitionState& partition,
              const kafka::Failure& failure, const std::optional<kafka::Redacted>& redacted);
    /// In the batch at hand.
    bool isBuried(const PartitionState& partition, int64_t offset) const {
        return buried_.contains({&partition, offset});
    }
    /// A key as dead letters keep it: with confidential fields hidden, so that then one stands for several, and a retry
    /// has to be forced too often rather than too seldom. It may be put into the string.
    using KeptKey = std::function<std::optional<std::string_view>(const PartitionState& partition, std::string_view key,
                                                                  std::string& place)>;
    /// After a batch was applied, but for what was buried.
    void supersede(const std::string& source, const kafka::MessageBatch& messages,
                   const std::vector<PartitionState*>& partitions, const KeptKey& keptKey);
    /// A truncate was applied: nothing from before it may come back. In a topic with one partition that is all there
    /// is, else what `mayBeBefore` says of key and value.
    using MayBeBefore = std::function<bool(std::optional<std::string_view> key, std::optional<std::string_view> value)>;
    void supersedeAll(const std::string& source, const kafka::Message& truncate);
    void supersedeThose(const std::string& source, const kafka::Message& truncate, const MayBeBefore& mayBeBefore);
    /// After the transaction has ended, one way or the other. Keys stay: one too many only costs a look.
    void reset() { buried_.clear(); }

private:
    void load(const std::string& source);
    void note(uint64_t hash);
    /// Nearly every record is told by one bit that it is of no letter's key.
    bool mayHave(uint64_t hash) const { return likely_[hash % likely_.size()] && keys_.contains(hash); }

    bool loaded_ = false;
    std::unordered_set<uint64_t> keys_;                          ///< hashes; what matches is looked up in the table
    std::bitset<16384> likely_;                                  ///< of the hashes' last bits
    std::set<std::pair<const PartitionState*, int64_t>> buried_; ///< of the batch at hand
};

} // namespace standin::cdc
