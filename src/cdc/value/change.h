#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/decimal.h"

namespace standin::cdc {

/// What a target column stores, as far as decoding cares. Everything not named goes through the type's input function.
enum class ColumnType : uint8_t {
    Bool,
    Int2,
    Int4,
    Int8,
    Float4,
    Float8,
    Numeric,
    Text, ///< text and varchar
    Char, ///< character(n): trailing spaces mean nothing
    Date,
    Time,
    Timestamp,
    Timestamptz,
    Uuid,
    Bytea,
    Interval,
    Timetz,
    Money,
    Bit, ///< bit(n): exactly n bits
    Varbit,
    Point,
    Hstore,
    Array, ///< of TargetColumn::element
    Other
};

/// A column's value, or why there is none.
enum class CellKind : uint8_t {
    Absent,      ///< the event does not speak of the column
    Unavailable, ///< the source did not send the (TOASTed) value: whatever is stored stays
    Null,
    Value,   ///< `value` is the Datum: integers, bool, the bits of floats, days and microseconds since 2000
    Text,    ///< `data`, `size`: text, for text types as it is, for others through the input function
    Bytes,   ///< `data`, `size`: raw bytes of bytea and uuid; of an interval standin::Interval
    Numeric, ///< `data` points to a DecimalCell of `size` bytes
    Array,   ///< `data` points to `size` Cells, one an element; each is Null or given
};

struct Cell {
    CellKind kind = CellKind::Absent;
    uint32_t size = 0;
    union {
        int64_t value = 0;
        const char* data;
    };

    std::string_view bytes() const { return {data, size}; }
    bool given() const { return kind >= CellKind::Null; }
};

/// A Decimal in the batch's arena: this header, then `count` digits.
struct DecimalCell {
    Decimal::Sign sign;
    int16_t weight;
    uint16_t displayScale;
    uint16_t count;

    const int16_t* digits() const { return reinterpret_cast<const int16_t*>(this + 1); }
};

/// How the events of a source write what JSON cannot say by itself; matters for events without a schema.
enum class TimePrecision : uint8_t { Adaptive, AdaptiveMicroseconds, Connect, IsoString, Microseconds, Nanoseconds };
enum class DecimalMode : uint8_t { Precise, Text, Double };
enum class BinaryMode : uint8_t { Base64, Base64Url, Hex };
enum class IntervalMode : uint8_t { Numeric, Text };
enum class MessageFormat : uint8_t { Auto, Envelope, Flattened };

struct SourceModes {
    MessageFormat format = MessageFormat::Auto;
    TimePrecision timePrecision = TimePrecision::Adaptive;
    DecimalMode decimals = DecimalMode::Precise;
    BinaryMode binary = BinaryMode::Base64;
    IntervalMode intervals = IntervalMode::Numeric;
    Rounding rounding = Rounding::Error;
    std::string unavailablePlaceholder = "__debezium_unavailable_value";

    bool operator==(const SourceModes&) const = default;
};

struct TargetColumn {
    std::string name;
    ColumnType type = ColumnType::Other;
    /// Fraction digits of time types and the scale of numeric; -1 if the column does not limit it.
    /// What a numeric(p, -s) takes is a scale below -1, a numeric(p, -1) has `precision`.
    int16_t scale = -1;
    bool writable = true;             ///< generated columns are not
    std::optional<std::string> field; ///< the event's field, if that is not `name`; an empty one: it takes none
    bool confidential = false;        ///< its value must appear in no error and no dead letter
    int32_t twin = -1;                ///< the next column that takes the same field
    int32_t precision = -1;           ///< digits of a numeric, bits of a bit string; -1 if not limited
    bool identity = false;            ///< GENERATED ALWAYS AS IDENTITY: no UPDATE may set it
    std::shared_ptr<const TargetColumn> element{}; ///< of an array: its elements, under the column's name

    const std::string& fieldName() const { return field ? *field : name; }
    bool computed() const { return field && field->empty(); }
};

/// A target table as the engine sees it. `key` lists the primary key's columns in the index's order; it is empty for
/// tables without one, whose rows are matched as a whole.
struct Target {
    std::string name;
    std::vector<TargetColumn> columns;
    std::vector<uint16_t> key;
    bool history = false;             ///< each event is a row of its own: nothing is coalesced, updated or deleted
    std::vector<std::string> dropped; ///< fields that are known and stored nowhere
    bool wholeDeletes = false; ///< of a deleted row all that is known is decoded, not just its key: mappings need it
    /// Whether equal keys always have equal cells, so that rows may be coalesced and sorted. Not so under a
    /// nondeterministic collation, or for types known by their input function only.
    bool comparableKey = true;

    bool isKey(size_t column) const { return std::find(key.begin(), key.end(), column) != key.end(); }
};

/// What the last events of a key amount to.
enum class ChangeKind : uint8_t {
    Upsert,
    Delete,
    Replace, ///< a delete, then an insert of the same key: columns the insert does not speak of get their defaults
    Append,  ///< a row of its own, whatever is there already
};

/// Debezium's op.
enum class Operation : uint8_t { Read, Create, Update, Delete, Truncate };

/// One applicable record, in the order of arrival.
struct Change {
    Operation operation;
    uint32_t table;
    uint32_t message;       ///< index into the batch's messages
    Cell* cells;            ///< one a target column; for a delete only the key's are given
    Cell* before = nullptr; ///< the whole row before, where the target has no key
};

} // namespace standin::cdc
