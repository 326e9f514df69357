#pragma once

#include <simdjson.h>

#include <memory>

#include "base/arena.h"
#include "base/error.h"
#include "base/temporal.h"
#include "cdc/value/change.h"
#include "cdc/value/connect_schema.h"
#include "cdc/value/placeholder.h"

namespace standin::cdc {

/// A value that cannot be what its column stores. The message never has the value in it.
class ValueError : public Error {
public:
    ValueError(const char* sqlstate, const std::string& column, const std::string& what, std::string hint = {})
        : Error(sqlstate, "column \"" + column + "\": " + what, {}, std::move(hint)), column_(column) {}

    const std::string& column() const noexcept { return column_; }

private:
    std::string column_;
};

/// Turns one JSON value into the cell its column stores. Nothing passes through a double but float columns, nothing
/// through jsonb, and no digit is lost but as the source's rounding declares. Views point into the arena or into the
/// document, which must live as long.
class ValueDecoder {
public:
    ValueDecoder(const SourceModes& modes, Arena& arena, simdjson::ondemand::parser& parser);

    /// `schema` is null when the event carries none: then the column's type and the source's modes decide.
    Cell decode(simdjson::ondemand::value value, const TargetColumn& column, const FieldSchema* schema);

    /// The same for a value as it stands in a record that nobody parsed. The parser must not be in use.
    Cell decodeToken(std::string_view token, const TargetColumn& column, const FieldSchema* schema);

private:
    struct Input;
    Cell decodeElement(simdjson::ondemand::value value, const TargetColumn& column, const FieldSchema* schema);
    Cell decodeByType(Input& input);
    Cell decodeInteger(Input& input, int64_t minimum, int64_t maximum);
    Cell decodeFloat(Input& input, bool isDouble);
    Cell decodeNumeric(Input& input);
    Cell decodeBits(Input& input);
    Cell decodeBool(Input& input);
    Cell decodeDate(Input& input);
    Cell decodeTime(Input& input);
    Cell decodeTimetz(Input& input);
    Cell decodeTimestamp(Input& input);
    Cell decodeInterval(Input& input);
    Cell decodeUuid(Input& input);
    Cell decodeBytea(Input& input);
    Cell decodeText(Input& input);
    Cell decodePoint(Input& input);
    Cell decodeHstore(Input& input);
    Cell decodeArray(Input& input);

    // value.cpp
    std::string_view string(Input& input);
    bool isUnavailable(Input& input);
    // number.cpp
    int64_t integer(Input& input);
    int64_t wholeNumber(Input& input, Decimal decimal);
    Decimal decimal(Input& input);
    Decimal decimalFromString(Input& input);
    Decimal decimalFromStruct(Input& input);
    Decimal decimalFromBase64(Input& input, std::string_view text, int scale);
    void fit(Input& input, Decimal& decimal);
    Cell numericCell(const Decimal& decimal);
    std::string_view bitText(Input& input, int32_t length);
    int64_t bitsAsInteger(Input& input);
    // time.cpp
    temporal::Fraction fractionOf(const TargetColumn& column) const;
    temporal::Unit unitOfTime(Input& input) const;
    temporal::Unit unitOfTimestamp(Input& input) const;
    void refuseOtherUnit(Input& input, int64_t timestamp) const;
    Cell dayOf(Input& input, int64_t timestamp);
    std::string_view limitedText(Input& input, std::string_view text);
    std::optional<std::string> timeAsText(Input& input);
    // text.cpp
    std::string_view bytes(Input& input, std::string_view text, bool isHex);
    std::string_view textOfBytes(Input& input);
    std::string_view label(Input& input, std::string_view text);
    std::string_view raw(Input& input);
    Cell wellKnownBinary(Input& input);
    void appendHstore(Input& input, simdjson::ondemand::object object, std::string& text);
    // array.cpp
    Cell arrayCell(const Cell* cells, size_t count);
    Cell arrayOfLabels(Input& input, std::string_view text);

    const SourceModes& modes_;
    Arena& arena_;
    simdjson::ondemand::parser& parser_;
    std::unique_ptr<simdjson::ondemand::parser> nestedParser_; ///< for JSON inside a string
    const Placeholder placeholder_;
};

Cell valueCell(int64_t value);
Cell textCell(std::string_view text);
Cell bytesCell(std::string_view bytes);
Decimal toDecimal(const DecimalCell& cell);

} // namespace standin::cdc
