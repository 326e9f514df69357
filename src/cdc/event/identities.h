#pragma once

#include <algorithm>
#include <cstdint>
#include <unordered_set>
#include <vector>

namespace standin::cdc {

/// A set of events' identities: of one as a rule, which must cost nothing, but a COPY or a transaction can have many.
class Identities {
public:
    void assign(std::vector<uint64_t> all) {
        all_ = std::move(all);
        index_.clear();
        if (all_.size() > few)
            index_.insert(all_.begin(), all_.end());
    }

    /// Only this one from now on.
    void restart(uint64_t identity) {
        all_.assign(1, identity);
        if (!index_.empty())
            index_.clear();
    }

    void add(uint64_t identity) {
        all_.push_back(identity);
        if (!index_.empty())
            index_.insert(identity);
        else if (all_.size() > few)
            index_.insert(all_.begin(), all_.end());
    }

    bool contains(uint64_t identity) const {
        return all_.size() > few ? index_.contains(identity)
                                 : std::find(all_.begin(), all_.end(), identity) != all_.end();
    }

    void clear() { assign({}); }
    size_t size() const { return all_.size(); }
    const std::vector<uint64_t>& all() const { return all_; }

private:
    static constexpr size_t few = 32;
    std::vector<uint64_t> all_;
    std::unordered_set<uint64_t> index_; ///< of all, where they are more than a few
};

} // namespace standin::cdc
