#pragma once

#include <algorithm>
#include <iterator>

#include "pg/parameter.h"

extern "C" {
#include <nodes/execnodes.h>
#include <utils/rel.h>
}

namespace standin::pg {

/// One of the product's own tables, written by its access method. A statement spends several times what a row costs on
/// starting its plan and on reading CHECK expressions, which PostgreSQL keeps as text; here they are kept compiled.
/// Constraints and unique indexes hold as ever. Triggers do not fire: only for tables whose INSERT and UPDATE have none.
/// Meant for a function-local static.
class OwnTable {
public:
    /// The columns that are written, in the order of their values. What an insert does not name is null.
    template <size_t N>
    constexpr OwnTable(const char* name, const char* const (&columns)[N]) : name_(name), count_(N) {
        static_assert(N <= columnsMaximum);
        std::copy(std::begin(columns), std::end(columns), columns_);
    }

    template <class... Args> void insert(const Args&... args) {
        const Parameter values[] = {parameter(args)...};
        write(nullptr, values, sizeof...(Args));
    }

    /// A row that the transaction has locked FOR UPDATE: nobody else can have moved it.
    template <class... Args> void update(const ItemPointerData& row, const Args&... args) {
        const Parameter values[] = {parameter(args)...};
        write(&row, values, sizeof...(Args));
    }

private:
    static constexpr size_t columnsMaximum = 24;

    void write(const ItemPointerData* row, const Parameter* values, size_t count);
    Relation open();
    void resolve(Relation relation);
    void requireAllGiven(Relation relation) const;
    void fill(TupleTableSlot* slot, const Parameter* values) const;
    bool keepsConstraints(TupleTableSlot* slot);
    static void onRelationChanged(Datum, Oid relation);

    const char* name_;
    size_t count_;
    const char* columns_[columnsMaximum] = {};

    // What is known of the table until the server says that it has changed.
    bool known_ = false;
    Oid relation_ = InvalidOid;
    AttrNumber attributes_[columnsMaximum] = {};
    MemoryContext memory_ = nullptr;
    ExprState** checks_ = nullptr;
    ExprContext* context_ = nullptr;
    OwnTable* next_ = nullptr; ///< of those that were ever written
    bool listed_ = false;
};

} // namespace standin::pg
