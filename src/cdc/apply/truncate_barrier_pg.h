#pragma once

#include <map>
#include <string>
#include <vector>

#include "cdc/apply/truncate_mark.h"

namespace standin::cdc {

struct PartitionState;

/// A truncate is met while other workers may be applying rows: the transaction is to begin anew, alone.
class MustBeAlone : public Error {
public:
    MustBeAlone() : Error("40001", "a truncate is applied while no other worker of the source applies anything") {}
};

/// What keeps a truncate exact in a topic whose partitions have no common order: no other worker is at work while it is
/// applied, and whoever applies rows afterwards knows of it. Both are as durable as the rows.
class TruncateBarrier {
public:
    /// `onlyWorker`: nobody else applies the source's stream. `ordered`: it brings all partitions' events in the
    /// source's order, so that only the truncate itself may come twice.
    TruncateBarrier(std::string source, bool onlyWorker, bool ordered)
        : source_(std::move(source)), onlyWorker_(onlyWorker), ordered_(ordered) {}

    bool ordered() const { return ordered_; }

    /// The first thing in each transaction that applies records of the source: before every other lock, so that who
    /// waits here holds up nobody.
    void enter();
    /// Whether nobody else is within: throws MustBeAlone.
    void requireAlone() const;
    /// The next transactions are to be alone, until one committed.
    void wantAlone(bool alone) { wantsAlone_ = alone; }

    /// On which side of its topic's last truncate an event is; After if there was none.
    Side sideOf(const PartitionState& partition, const Event& event) const;
    /// Whether it is that truncate.
    bool isTheLast(const PartitionState& partition, const Event& event) const;
    /// Whether something from after the truncate was applied, and committed.
    bool isCommittedBeyond(const std::string& topic, const Event& truncate) const;
    /// A truncate was applied, in the transaction at hand.
    void store(const std::string& topic, const TruncateMark& mark);

private:
    const TruncateMark* find(const std::string& topic, const Event& event) const;

    const std::string source_;
    const bool onlyWorker_;
    const bool ordered_;
    bool wantsAlone_ = false;
    bool alone_ = false;
    std::map<std::string, std::vector<TruncateMark>> marks_; ///< by topic
};

/// For what else applies single records of a source: none of it while a truncate is being applied.
void enterBesideTruncates(const std::string& source);

} // namespace standin::cdc
