#include "cdc/target/change_applier_pg.h"

#include <algorithm>

#include "cdc/failure/record_failure_pg.h"
#include "pg/owner.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

/// Some row failed that others may have to do with: none of them is written in this way.
struct Together {
    kafka::Failure failure;
};

constexpr size_t orphansMaximum = 1000; ///< each is compared with the changes behind it

/// A row that lacks its parent, and that can be told from others.
bool isOrphan(const ChangeApplier::Tables& tables, const Change& change, const kafka::Failure& failure) {
    const Target& target = tables[change.table]->target();
    return failure.sqlstate == "23503" && !target.key.empty() && target.comparableKey;
}

} // namespace

/// A source that checks foreign keys at its commit may have sent a child before its parent: what lacks one is tried
/// again behind the rest, for as long as that finds another parent.
void ChangeApplier::apply(Tables& tables, const std::vector<Change>& changes, size_t first, size_t last,
                          const Bury& bury) {
    tables_ = &tables;
    changes_ = &changes;
    std::map<size_t, kafka::Failure> orphans; // by their place
    const auto tryTogether = [&](size_t from, size_t to) {
        std::optional<kafka::Failure> failure;
        buried_.clear();
        try {
            failure = recordFailure([&] { pg::inSubtransaction([&] { applyTogether(from, to); }); });
        } catch (const Together& together) {
            failure = together.failure;
        }
        for (size_t i = 0; !failure && i < buried_.size(); ++i)
            bury(buried_[i].change, buried_[i].failure);
        return failure;
    };
    const std::function<void(size_t, size_t)> applyHalves = [&](size_t from, size_t to) {
        const auto failure = tryTogether(from, to);
        if (failure && to - from > 1) {
            const size_t middle = from + (to - from) / 2;
            applyHalves(from, middle);
            applyHalves(middle, to);
        } else if (failure && orphans.size() < orphansMaximum && isOrphan(tables, changes[from], *failure)) {
            orphans.emplace(from, *failure);
        } else if (failure) {
            bury(from, *failure);
        }
    };
    const auto isOvertaken = [&](size_t orphan) { // by a later change of its row that was applied
        const Change& change = changes[orphan];
        for (size_t later = orphan + 1; later < last; ++later)
            if (changes[later].table == change.table && !orphans.contains(later) &&
                compareKeys(tables[change.table]->target(), changes[later].cells, change.cells) == 0)
                return true;
        return false;
    };
    if (first != last)
        applyHalves(first, last);
    for (size_t before = SIZE_MAX; !orphans.empty() && orphans.size() < before;) {
        before = orphans.size();
        for (auto one = orphans.begin(); one != orphans.end();)
            one = isOvertaken(one->first) || tryTogether(one->first, one->first + 1) ? std::next(one)
                                                                                     : orphans.erase(one);
    }
    for (const auto& [change, failure] : orphans)
        bury(change, failure);
}

void ChangeApplier::applyTogether(size_t first, size_t last) {
    for (size_t index = 0; index < tables_->size(); ++index) {
        ofTable_.clear();
        for (size_t i = first; i < last; ++i)
            if ((*changes_)[i].table == index)
                ofTable_.push_back(&(*changes_)[i]);
        if (ofTable_.empty())
            continue;
        TargetTable& table = *(*tables_)[index];
        stop_ = {static_cast<size_t>(ofTable_.front() - changes_->data()), ofTable_.size() == 1};
        applyTable(table, coalescer_.run(table.target(), ofTable_, arena_));
    }
}

void ChangeApplier::applyTable(TargetTable& table, std::span<const NetChange> nets) {
    careful_ = std::max(careful_ - 1, 0);
    for (size_t done = 0; done < nets.size();) {
        const size_t count = careful_ > 0 ? std::min(carefulRows, nets.size() - done) : nets.size() - done;
        Progress at = unknown;
        const auto failure = writeNoting(table, nets, done, count, at);
        if (!failure) {
            done += count;
            continue;
        }
        if (at == unknown || !isRowsOwn(*failure))
            throw Together{*failure};
        careful_ = carefulTurns;
        Progress ignored;
        if (at > 0)
            writeSafely(table, nets.subspan(done, at), ignored);
        applyAlone(table, nets[done + at], *failure);
        done += at + 1;
    }
}

std::optional<kafka::Failure> ChangeApplier::writeNoting(TargetTable& table, std::span<const NetChange> nets,
                                                         size_t first, size_t count, Progress& at) {
    try {
        return recordFailure([&] { writeSafely(table, nets.subspan(first, count), at); });
    } catch (const Together&) {
        throw;
    } catch (...) {
        if (at != unknown)
            stop_ = {static_cast<size_t>(ofTable_[nets[first + at].last] - changes_->data()), true};
        throw;
    }
}

/// What came before in the row's own history may be storable: its changes one by one.
void ChangeApplier::applyAlone(TargetTable& table, const NetChange& net, const kafka::Failure& failure) {
    const auto indexOf = [&](const Change* change) { return static_cast<size_t>(change - changes_->data()); };
    if (net.count == 1)
        return buried_.push_back({indexOf(ofTable_[net.last]), failure});
    for (const Change* change : ofTable_) {
        if (compareKeys(table.target(), change->cells, net.cells) != 0)
            continue;
        Coalescer alone;
        const auto nets = alone.run(table.target(), std::span(&change, 1), arena_);
        if (const auto own = recordFailure([&] { writeOne(table, nets[0]); })) {
            if (!isRowsOwn(*own))
                throw Together{*own};
            buried_.push_back({indexOf(change), *own});
        }
    }
}

void ChangeApplier::writeSafely(TargetTable& table, std::span<const NetChange> nets, Progress& at) {
    SetAside aside;
    pg::inSubtransaction([&] { write(table, nets, at, &aside); });
    for (size_t i = 0; i < aside.count; ++i)
        applySetAside(table, nets[aside.places[i]]);
}

void ChangeApplier::applySetAside(TargetTable& table, const NetChange& net) {
    const auto failure = recordFailure([&] { writeOne(table, net); });
    if (failure && !isRowsOwn(*failure))
        throw Together{*failure};
    if (failure)
        applyAlone(table, net, *failure);
}

void ChangeApplier::writeOne(TargetTable& table, const NetChange& net) {
    Progress ignored;
    pg::inSubtransaction([&] { write(table, std::span(&net, 1), ignored, nullptr); });
}

void ChangeApplier::write(TargetTable& table, std::span<const NetChange> nets, Progress& at, SetAside* aside) {
    const pg::RoleScope role(table.role(), pg::RoleScope::Rein::Free); // its triggers may do what they like
    if (table.direct())
        HeapWriter::apply(table, nets, coalescer_.distinct(), at, aside);
    else
        sqlWriters_[&table].apply(table, nets, at);
    at = unknown;
    // Deferred triggers are user code, the table's or of another table that its triggers and checks wrote to: they run
    // here, under its role, and not at commit under the worker's.
    pg::call([] { SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0); });
}

} // namespace standin::cdc
