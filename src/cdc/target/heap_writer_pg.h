#pragma once

#include <span>

#include "cdc/target/coalesce.h"
#include "cdc/target/target_pg.h"
#include "pg/table_compat.h"

namespace standin::cdc {

/// Changes that were left out, as the table's constraints forbid them: each is to be written alone, and fails by
/// itself.
struct SetAside {
    size_t places[64];
    size_t count = 0;
};

/// Writes net changes straight into a heap table and its indexes: new rows many at a time, as COPY does; existing ones
/// where the primary key's index finds them, and only if something changes. For tables that TargetTable::direct()
/// admits.
///
/// PostgreSQL code throughout: one guard around the whole run, plain data inside.
class HeapWriter {
public:
    /// `distinct`: no key is twice among the changes. `at` is the change that is being written, for the case of a
    /// failure; SIZE_MAX while several are. Without `aside` none is set aside.
    static void apply(TargetTable& table, std::span<const NetChange> changes, bool distinct, size_t& at,
                      SetAside* aside);

private:
    HeapWriter(TargetTable& table, bool repeats, size_t& at, SetAside* aside)
        : table_(table), repeats_(repeats), at_(at), aside_(aside) {}

    void open();
    void openKey();
    void close();
    void run(const NetChange* changes, size_t count);
    void upsert(const NetChange& change);
    void append(const NetChange& change);
    void insert(const NetChange& change);
    void flush();
    void update(const NetChange& change);
    void remove(const NetChange& change);
    bool firstMatch(ScanKey keys);
    bool find(const Cell* cells);
    bool writtenByThisCommand() const;
    bool isKnownToBeNew(const Cell* cells) const;
    void lookAhead(const Cell* cells);
    void insertIntoIndexes(int row);
    bool keyIsOnlyIndex() const;
    void noteKey();
    bool fillUpdated(const NetChange& change);
    bool fillInserted(const NetChange& change, TupleTableSlot* slot);
    bool mayBeStored(TupleTableSlot* slot);
    bool keepsConstraints(TupleTableSlot* slot);
    bool setAside();
    void defaultFor(int attribute, TupleTableSlot* slot);
    void nextCommand();

    TargetTable& table_;
    const bool repeats_; ///< a key may be there twice: each change has to see the one before
    size_t& at_;
    SetAside* aside_; ///< null: an error is to be raised
    Relation relation_ = nullptr;
    Relation index_ = nullptr;
    EState* estate_ = nullptr;
    ResultRelInfo* result_ = nullptr;
    BulkInsertState bulk_ = nullptr;
    SnapshotData dirty_{};
    IndexScanDesc scan_ = nullptr;
    ScanKeyData keys_[INDEX_MAX_KEYS];
    ScanKeyData after_;
    int keyCount_ = 0;
    CommandId command_ = 0;
    TupleTableSlot* found_ = nullptr;
    TupleTableSlot* updated_ = nullptr;
    TupleTableSlot** slots_ = nullptr;
    int pending_ = 0;
    size_t pendingAt_[TargetTable::insertSlotCount];
    Datum* pendingKeys_ = nullptr; ///< of the pending rows, if the key's index is the only one
    ExprState** defaults_ = nullptr;
    ExprState** checks_ = nullptr;
    MemoryContext memory_ = nullptr;
    // The next key that exists after the last one not found: all before it are new without a look.
    bool ordered_ = false;
    bool gapKnown_ = false;
    bool gapEndless_ = false;
    int64_t gapEnd_ = 0;
    int credit_ = 1;
};

} // namespace standin::cdc
