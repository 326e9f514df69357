#pragma once

#include <gtest/gtest.h>

#include <bit>
#include <charconv>
#include <fstream>
#include <map>

#include "cdc/event/event.h"
#include "cdc/value_fixture.h"

namespace standin::cdc {

/// One event as test/fixtures/connectors has it.
struct RecordedEvent {
    std::string key, value;         ///< with their schemas
    std::string bareKey, bareValue; ///< without

    Record record(bool withSchema) const { return withSchema ? Record{key, value} : Record{bareKey, bareValue}; }
};

/// The events of a file: connector, decimal.handling.mode, time.precision.mode.
inline std::vector<RecordedEvent> recordedEvents(const std::string& name) {
    std::ifstream file(STANDIN_FIXTURES "/connectors/" + name + ".jsonl");
    std::vector<RecordedEvent> events;
    for (RecordedEvent event; std::getline(file, event.key) && std::getline(file, event.value) &&
                              std::getline(file, event.bareKey) && std::getline(file, event.bareValue);)
        events.push_back(event);
    if (events.empty())
        throw std::runtime_error("no events in the fixture " + name);
    return events;
}

/// Readable; times are UTC.
inline std::string shown(const Cell& cell, const TargetColumn& column) {
    const auto floating = [](auto value) {
        char text[32];
        return std::string(text, std::to_chars(text, text + sizeof text, value, std::chars_format::general).ptr);
    };
    const auto clock = [](std::string text) {
        while (text.find('.') != std::string::npos && (text.back() == '0' || text.back() == '.'))
            text.pop_back();
        return text;
    };
    if (cell.kind == CellKind::Value)
        switch (column.type) {
        case ColumnType::Bool:
            return cell.value ? "true" : "false";
        case ColumnType::Float8:
            return floating(std::bit_cast<double>(cell.value));
        case ColumnType::Float4:
            return floating(std::bit_cast<float>(static_cast<int32_t>(cell.value)));
        case ColumnType::Date:
            return temporal::dateToText(static_cast<int32_t>(cell.value));
        case ColumnType::Time:
            return clock(temporal::timeToText(cell.value));
        case ColumnType::Timestamp:
        case ColumnType::Timestamptz:
            return clock(temporal::timestampToText(cell.value));
        default:
            break;
        }
    if (cell.kind == CellKind::Bytes && column.type != ColumnType::Interval) {
        std::string hex = "\\x";
        for (const unsigned char byte : cell.bytes()) {
            hex += "0123456789abcdef"[byte >> 4];
            hex += "0123456789abcdef"[byte & 15];
        }
        return hex;
    }
    return column.type == ColumnType::Interval ? clock(show(cell, column)) : show(cell, column);
}

/// A column that a user would choose, and what is to be in it.
struct ExpectedValue {
    std::string field;
    TargetColumn column;
    std::string value;               ///< or the SQLSTATE of the error
    std::optional<std::string> bare; ///< the same for the event without a schema, where it differs
};

inline ExpectedValue expect(const std::string& field, ColumnType type, const std::string& value, int16_t scale = -1,
                            int32_t precision = -1, std::optional<std::string> bare = {}) {
    TargetColumn column;
    column.name = field;
    column.type = type;
    column.scale = scale;
    column.precision = precision;
    return {field, column, value, std::move(bare)};
}

template <class... Part> std::vector<ExpectedValue> all(Part... parts) {
    std::vector<ExpectedValue> result;
    (result.insert(result.end(), parts.begin(), parts.end()), ...);
    return result;
}

class ConnectorTest : public testing::Test {
protected:
    Target target(const std::vector<ExpectedValue>& columns) const {
        Target result;
        result.name = "types";
        for (const ExpectedValue& column : columns)
            result.columns.push_back(column.column);
        result.key = {0};
        return result;
    }

    /// The column of an event that has no other but the key, the first; or the SQLSTATE of its error.
    std::string value(const RecordedEvent& event, const ExpectedValue& key, const ExpectedValue& column,
                      bool withSchema) {
        TableDecoder table(target(column.field == key.field ? std::vector{key} : std::vector{key, column}));
        try {
            EventDecoder decoder(modes, arena);
            const Event decoded = decoder.decode(table, event.record(withSchema));
            return shown(decoded.cells[table.target.columns.size() - 1], table.target.columns.back());
        } catch (const ValueError& error) {
            return error.sqlstate();
        }
    }

    void expectValues(const RecordedEvent& event, const std::vector<ExpectedValue>& columns) {
        for (const ExpectedValue& column : columns) {
            EXPECT_EQ(value(event, columns[0], column, true), column.value) << column.field;
            EXPECT_EQ(value(event, columns[0], column, false), column.bare.value_or(column.value))
                << column.field << " without a schema";
        }
    }

    /// Large objects that an update did not touch.
    void expectWithheld(const RecordedEvent& update, const ExpectedValue& key,
                        const std::vector<ExpectedValue>& columns) {
        for (const ExpectedValue& column : columns)
            for (const bool withSchema : {true, false})
                EXPECT_EQ(value(update, key, column, withSchema), "unavailable") << column.field;
    }

    /// Whole events, one after the other by one decoder, as a partition brings them.
    std::vector<std::map<std::string, std::string>> rows(const std::vector<RecordedEvent>& events,
                                                         const std::vector<ExpectedValue>& columns, bool withSchema) {
        TableDecoder table(target(columns));
        EventDecoder decoder(modes, arena);
        std::vector<std::map<std::string, std::string>> result;
        for (const RecordedEvent& event : events) {
            const Event decoded = decoder.decode(table, event.record(withSchema));
            auto& row = result.emplace_back();
            row["op"] = "rcudt"[static_cast<int>(decoded.operation)];
            EXPECT_EQ(decoded.kind, EventKind::Row);
            for (size_t i = 0; i < columns.size(); ++i)
                row[columns[i].field] = shown(decoded.cells[i], columns[i].column);
        }
        return result;
    }

    /// Where the events of a file are in their source's log.
    std::vector<Event> places(const std::vector<RecordedEvent>& events, const ExpectedValue& key, bool withSchema) {
        TableDecoder table(target({key}));
        EventDecoder decoder(modes, arena);
        std::vector<Event> result;
        for (const RecordedEvent& event : events)
            result.push_back(decoder.decode(table, event.record(withSchema)));
        return result;
    }

    SourceModes modes;
    Arena arena;
};

} // namespace standin::cdc
