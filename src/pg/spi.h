#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "pg/guard.h"

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

struct Timestamptz {
    int64_t microseconds; ///< since 2000-01-01 UTC, as PostgreSQL's TimestampTz
};
struct Bytea {
    std::string_view bytes;
};
struct Jsonb {
    std::string_view text;
};
struct Typed {
    Oid type;
    Datum value;
    bool null = false;
};

/// One parameter on its way to a statement; turned into a Datum inside the guard.
struct Parameter {
    enum class Form { Value, Text, Bytea, Jsonb, TextArray, Int8Array };

    Oid type;
    Form form = Form::Value;
    bool null = false;
    Datum value = 0;
    std::string_view text{};
    const void* array = nullptr;
};

Parameter parameter(bool value);
Parameter parameter(int16_t value);
Parameter parameter(int32_t value);
Parameter parameter(int64_t value);
Parameter parameter(Oid value);
Parameter parameter(double value);
Parameter parameter(std::string_view value);
inline Parameter parameter(const char* value) { return parameter(std::string_view(value)); }
inline Parameter parameter(const std::string& value) { return parameter(std::string_view(value)); }
Parameter parameter(Timestamptz value);
Parameter parameter(Bytea value);
Parameter parameter(Jsonb value);
Parameter parameter(Typed value);
Parameter parameter(const std::vector<std::string>& value);
Parameter parameter(const std::vector<int64_t>& value);
template <class T> Parameter parameter(const std::optional<T>& value) {
    if (value)
        return parameter(*value);
    Parameter null = parameter(T{});
    null.null = true;
    return null;
}

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

/// A statement, prepared once a backend and kept. Meant for a function-local static; the parameters' SQL types follow
/// from the C++ types of the first run.
class Statement {
public:
    explicit constexpr Statement(const char* sql, bool readOnly = false) : sql_(sql), readOnly_(readOnly) {}

    template <class... Args> Rows run(const Args&... args) {
        const Parameter parameters[sizeof...(Args) + 1] = {parameter(args)..., Parameter{InvalidOid}};
        return execute(parameters, sizeof...(Args));
    }

private:
    Rows execute(const Parameter* parameters, int count);

    const char* sql_;
    bool readOnly_;
    SPIPlanPtr plan_ = nullptr;
};

/// A statement whose text is made at run time; not kept.
Rows execute(const std::string& sql, bool readOnly = false);

} // namespace standin::pg
