#pragma once

#include <simdjson.h>

#include "base/arena.h"
#include "base/error.h"
#include "cdc/change.h"
#include "cdc/schema.h"

namespace standin::cdc {

/// A value that cannot be what its column stores.
class ValueError : public Error {
public:
    ValueError(const char* sqlstate, const std::string& column, const std::string& what)
        : Error(sqlstate, "column \"" + column + "\": " + what), column_(column) {}

    const std::string& column() const noexcept { return column_; }

private:
    std::string column_;
};

/// Turns one JSON value into the cell its column stores. Nothing passes through a double but float columns, nothing
/// through jsonb. Views point into the arena or into the document, which must live as long.
class ValueDecoder {
public:
    ValueDecoder(const SourceModes& modes, Arena& arena, simdjson::ondemand::parser& parser);

    /// `schema` is null when the event carries none: then the column's type and the source's modes decide.
    Cell decode(simdjson::ondemand::value value, const TargetColumn& column, const FieldSchema* schema);

private:
    struct Input;
    Cell decodeByType(Input& input);
    Cell decodeInteger(Input& input, int64_t minimum, int64_t maximum);
    Cell decodeFloat(Input& input, bool isDouble);
    Cell decodeNumeric(Input& input);
    Cell decodeDate(Input& input);
    Cell decodeTime(Input& input);
    Cell decodeTimestamp(Input& input);
    Cell decodeUuid(Input& input);
    Cell decodeBytea(Input& input);
    Cell decodeBool(Input& input);
    Cell decodeInterval(Input& input);
    Cell decodeText(Input& input);

    int64_t integer(Input& input);
    Decimal decimal(Input& input);
    std::string_view string(Input& input);
    bool isUnavailable(Input& input);
    Cell numericCell(const Decimal& decimal);

    const SourceModes& modes_;
    Arena& arena_;
    simdjson::ondemand::parser& parser_;
    std::string unavailableBase64_;
    std::string unavailableList_;
    std::string unavailableCodes_;
};

Cell valueCell(int64_t value);
Cell textCell(std::string_view text);
Decimal toDecimal(const DecimalCell& cell);

} // namespace standin::cdc
