#pragma once

#include <functional>
#include <map>
#include <memory>
#include <span>
#include <vector>

#include "cdc/target/heap_writer_pg.h"
#include "cdc/target/sql_writer_pg.h"
#include "kafka/kafka_pg.h"

namespace standin::cdc {

/// Writes changes to their tables in the current transaction: all of them, but for those that cannot be stored.
///
/// Changes of a table are coalesced and written together. A row that cannot be stored for its own sake (a value, a
/// CHECK) is left out or named by its writer, and the others are written without it; while rows are about that have to
/// be named, fewer are written at a time, so that one costs little. Where rows depend on each other (unique values,
/// foreign keys, triggers) all of them are applied in halves, in the order of the stream, until the change at fault
/// stands alone.
class ChangeApplier {
public:
    using Bury = std::function<void(size_t change, const kafka::Failure& failure)>;
    using Tables = std::vector<std::unique_ptr<TargetTable>>;

    explicit ChangeApplier(Arena& arena) : arena_(arena) {}

    /// Applies changes [first, last); each that cannot be stored is handed to `bury`, once.
    void apply(Tables& tables, const std::vector<Change>& changes, size_t first, size_t last, const Bury& bury);

    /// Where apply() was when it threw what is not a record's fault.
    struct Stop {
        size_t change;
        bool exact; ///< else one of those that are applied with it, or any of its table
    };
    const Stop& stop() const { return stop_; }

private:
    struct Buried {
        size_t change;
        kafka::Failure failure;
    };
    /// The net change that was being written when something failed.
    using Progress = size_t;
    static constexpr Progress unknown = SIZE_MAX;

    void applyTogether(size_t first, size_t last);
    void applyTable(TargetTable& table, std::span<const NetChange> nets);
    std::optional<kafka::Failure> writeNoting(TargetTable& table, std::span<const NetChange> nets, size_t first,
                                              size_t count, Progress& at);
    void applySetAside(TargetTable& table, const NetChange& net);
    void applyAlone(TargetTable& table, const NetChange& net, const kafka::Failure& failure);
    void writeSafely(TargetTable& table, std::span<const NetChange> nets, Progress& at);
    void writeOne(TargetTable& table, const NetChange& net);
    void write(TargetTable& table, std::span<const NetChange> nets, Progress& at, SetAside* aside);

    static constexpr size_t carefulRows = 1000;
    static constexpr int carefulTurns = 100;

    Arena& arena_;
    Coalescer coalescer_;
    std::vector<const Change*> ofTable_;
    std::vector<Buried> buried_;
    std::map<const TargetTable*, SqlWriter> sqlWriters_;
    Tables* tables_ = nullptr;
    const std::vector<Change>* changes_ = nullptr;
    Stop stop_{};
    int careful_ = 0; ///< turns in which rows are written few at a time
};

} // namespace standin::cdc
