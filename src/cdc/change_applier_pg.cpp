#include "cdc/change_applier_pg.h"

#include <algorithm>

#include "cdc/record_failure_pg.h"
#include "pg/owner.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

/// Some row failed that others may have to do with: none of them is written in this way.
struct Together {
    kafka::Failure failure;
};

} // namespace

void ChangeApplier::apply(Tables& tables, const std::vector<Change>& changes, size_t first, size_t last,
                          const Bury& bury) {
    if (first == last)
        return;
    tables_ = &tables;
    changes_ = &changes;
    buried_.clear();
    std::optional<kafka::Failure> failure;
    try {
        failure = recordFailure([&] { pg::inSubtransaction([&] { applyTogether(first, last); }); });
    } catch (const Together& together) {
        failure = together.failure;
    }
    if (!failure) {
        for (const Buried& one : buried_)
            bury(one.change, one.failure);
        return;
    }
    if (last - first == 1)
        return bury(first, *failure);
    const size_t middle = first + (last - first) / 2;
    apply(tables, changes, first, middle, bury);
    apply(tables, changes, middle, last, bury);
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
        applyTable(table, coalescer_.run(table.target(), ofTable_, arena_));
    }
}

void ChangeApplier::applyTable(TargetTable& table, std::span<const NetChange> nets) {
    careful_ = std::max(careful_ - 1, 0);
    for (size_t done = 0; done < nets.size();) {
        const size_t count = careful_ > 0 ? std::min(carefulRows, nets.size() - done) : nets.size() - done;
        Progress at = unknown;
        const auto failure = recordFailure([&] { writeSafely(table, nets.subspan(done, count), at); });
        if (!failure) {
            done += count;
            continue;
        }
        if (at == unknown || !isRowsOwnError(failure->sqlstate))
            throw Together{*failure};
        careful_ = carefulTurns;
        Progress ignored;
        if (at > 0)
            writeSafely(table, nets.subspan(done, at), ignored);
        applyAlone(table, nets[done + at], *failure);
        done += at + 1;
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
            if (!isRowsOwnError(own->sqlstate))
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
    if (failure && !isRowsOwnError(failure->sqlstate))
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
