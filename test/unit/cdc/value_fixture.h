#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <memory>
#include <string>

#include "cdc/value/value.h"

namespace standin::cdc {

inline std::string show(const Cell& cell, const TargetColumn& column) {
    switch (cell.kind) {
    case CellKind::Absent:
        return "absent";
    case CellKind::Unavailable:
        return "unavailable";
    case CellKind::Null:
        return "null";
    case CellKind::Value:
        if (column.type == ColumnType::Float8)
            return std::to_string(std::bit_cast<double>(cell.value));
        if (column.type == ColumnType::Float4)
            return std::to_string(std::bit_cast<float>(static_cast<int32_t>(cell.value)));
        return std::to_string(cell.value);
    case CellKind::Numeric:
        return toText(toDecimal(*reinterpret_cast<const DecimalCell*>(cell.data)));
    case CellKind::Array: {
        std::string text = "{";
        for (uint32_t i = 0; i < cell.size; ++i)
            text += (i ? "," : "") + show(reinterpret_cast<const Cell*>(cell.data)[i], *column.element);
        return text + "}";
    }
    default:
        break;
    }
    if (column.type == ColumnType::Interval && cell.kind == CellKind::Bytes) {
        Interval interval;
        std::memcpy(&interval, cell.data, sizeof(interval));
        return temporal::intervalToText(interval);
    }
    return std::string(cell.bytes());
}

inline TargetColumn columnOf(ColumnType type, int16_t scale = -1, int32_t precision = -1) {
    TargetColumn column;
    column.name = "v";
    column.type = type;
    column.scale = scale;
    column.precision = precision;
    return column;
}

inline TargetColumn arrayOf(const TargetColumn& element) {
    TargetColumn column = columnOf(ColumnType::Array);
    column.element = std::make_shared<const TargetColumn>(element);
    return column;
}

/// A field's schema as Connect's JsonConverter writes it.
inline std::string field(const std::string& type, const std::string& name = {}, const std::string& parameters = {}) {
    return R"({"type":")" + type + R"(","optional":true)" +
           (name.empty() ? "" : R"(,"name":")" + name + R"(","version":1)") +
           (parameters.empty() ? "" : R"(,"parameters":{)" + parameters + "}") + R"(,"field":"v"})";
}

inline std::string items(const std::string& item) {
    return R"({"type":"array","items":)" + item + R"(,"optional":true,"field":"v"})";
}

class ValueTest : public testing::Test {
protected:
    /// The cell of one value, or the SQLSTATE of its error and the column that it names.
    std::string value(const TargetColumn& column, const std::string& json, const std::string& schema = {}) {
        const RowSchema row =
            schema.empty() ? RowSchema{} : parseSchema(R"({"type":"struct","fields":[)" + schema + "]}");
        const simdjson::padded_string text(R"({"v":)" + json + R"(,"last":0})");
        simdjson::ondemand::document document = parser.iterate(text);
        simdjson::ondemand::object object = document.get_object();
        ValueDecoder decoder(modes, arena, parser);
        std::optional<std::string> shown;
        for (auto next : object) {
            simdjson::ondemand::field one;
            if (std::move(next).get(one) != simdjson::SUCCESS)
                return "malformed";
            if (shown) // a decoder leaves the document where the next value can be read
                return one.value().get_int64().error() == simdjson::SUCCESS ? *shown : "lost in the document";
            try {
                shown = show(decoder.decode(one.value(), column, row.find("v")), column);
            } catch (const ValueError& error) {
                EXPECT_EQ(std::string(error.what()).substr(0, 12), "column \"v\": ");
                return error.sqlstate() + " " + error.column();
            }
        }
        return "lost the rest";
    }
    std::string value(ColumnType type, const std::string& json, const std::string& schema = {}, int16_t scale = -1) {
        return value(columnOf(type, scale), json, schema);
    }

    SourceModes modes;
    Arena arena;
    simdjson::ondemand::parser parser;
};

} // namespace standin::cdc
