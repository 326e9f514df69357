#pragma once

#include <optional>
#include <string>

#include "pg/parameter.h"

namespace standin::pg {

struct Nonatomic {};

/// SPI_connect for a block. An exception that leaves the block must end in the abort of the (sub)transaction, which
/// pops the connection: finishing here could pop somebody else's.
class Spi {
public:
    Spi() : Spi(0) {}
    explicit Spi(Nonatomic) : Spi(SPI_OPT_NONATOMIC) {}
    ~Spi();
    Spi(const Spi&) = delete;
    Spi& operator=(const Spi&) = delete;

private:
    explicit Spi(int options);
    int exceptions_;
};

/// One row of a result; valid until the next statement of the same Spi block ends or the block does.
class Row {
public:
    Row(SPITupleTable* table, uint64_t index) : table_(table), index_(index) {}

    bool isNull(int column) const;
    Datum datum(int column) const; ///< the datum of a column that is not null
    template <class T> T get(int column) const;
    template <class T> std::optional<T> optional(int column) const {
        return isNull(column) ? std::nullopt : std::optional<T>(get<T>(column));
    }

private:
    SPITupleTable* table_;
    uint64_t index_;
};

template <> bool Row::get<bool>(int column) const;
template <> int16_t Row::get<int16_t>(int column) const;
template <> int32_t Row::get<int32_t>(int column) const;
template <> int64_t Row::get<int64_t>(int column) const;
template <> Oid Row::get<Oid>(int column) const;
template <> double Row::get<double>(int column) const;
template <> std::string Row::get<std::string>(int column) const; ///< any type, through its output function
template <> Timestamptz Row::get<Timestamptz>(int column) const;
template <> ItemPointerData Row::get<ItemPointerData>(int column) const; ///< of the column ctid

/// A bytea that is not null.
std::string bytesOf(const Row& row, int column);

class Rows {
public:
    Rows(SPITupleTable* table, uint64_t processed) : table_(table), processed_(processed) {}

    uint64_t size() const { return table_ ? table_->numvals : 0; }
    bool empty() const { return size() == 0; }
    uint64_t affected() const { return processed_; }
    Row operator[](uint64_t index) const { return Row(table_, index); }

    struct Iterator {
        SPITupleTable* table;
        uint64_t index;
        Row operator*() const { return Row(table, index); }
        Iterator& operator++() {
            ++index;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return index != other.index; }
    };
    Iterator begin() const { return {table_, 0}; }
    Iterator end() const { return {table_, size()}; }

private:
    SPITupleTable* table_;
    uint64_t processed_;
};

/// How a statement is planned. `ByIndex` is for statements that an index fits and whose tables grow: one plan, with that
/// index, whatever the statistics said when it was made (an empty table is best read whole, and the plan is kept).
enum class Plan { AsCosted, ByIndex };

/// A statement, prepared once a backend and kept. Meant for a function-local static; the parameters' SQL types follow
/// from the C++ types of the first run.
class Statement {
public:
    explicit constexpr Statement(const char* sql, bool readOnly = false) : sql_(sql), readOnly_(readOnly) {}
    constexpr Statement(const char* sql, Plan plan) : sql_(sql), readOnly_(false), planning_(plan) {}

    template <class... Args> Rows run(const Args&... args) {
        const Parameter parameters[sizeof...(Args) + 1] = {parameter(args)..., Parameter{InvalidOid}};
        return execute(parameters, sizeof...(Args));
    }

private:
    Rows execute(const Parameter* parameters, int count);

    const char* sql_;
    bool readOnly_;
    Plan planning_ = Plan::AsCosted;
    SPIPlanPtr plan_ = nullptr;
};

/// A statement whose text is made at run time; not kept.
Rows execute(const std::string& sql, bool readOnly = false);

} // namespace standin::pg
