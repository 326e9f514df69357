#include "cdc/mapping/metadata.h"

#include <algorithm>
#include <array>

namespace standin::cdc {

namespace {

enum class Form : uint8_t { Text, Number, Time };

struct Word {
    std::string_view name;
    Form form;
    bool stable;
};

/// In the order of Metadata.
constexpr std::array words{
    Word{"topic", Form::Text, true},        Word{"partition", Form::Number, false},
    Word{"offset", Form::Number, false},    Word{"timestamp", Form::Time, false},
    Word{"op", Form::Text, false},          Word{"source_ts", Form::Time, false},
    Word{"debezium_ts", Form::Time, false}, Word{"origin", Form::Text, true},
    Word{"position", Form::Text, false},
};

const Word& wordOf(Metadata metadata) { return words[static_cast<size_t>(metadata)]; }

bool isText(ColumnType type) { return type == ColumnType::Text || type == ColumnType::Char; }

/// PostgreSQL counts from 2000 on.
constexpr int64_t epochMicros = 946684800000000;

Cell nullCell() {
    Cell cell;
    cell.kind = CellKind::Null;
    return cell;
}

Cell numberCell(int64_t number, ColumnType type, Arena& arena) {
    if ((type == ColumnType::Int2 && number > INT16_MAX) || (type == ColumnType::Int4 && number > INT32_MAX))
        throw Error("22003", "integer out of range");
    const bool isInteger = type == ColumnType::Int2 || type == ColumnType::Int4 || type == ColumnType::Int8;
    return isInteger ? valueCell(number) : textCell(arena.copy(std::to_string(number)));
}

Cell timeCell(int64_t microsSince1970) {
    return microsSince1970 > 0 ? valueCell(microsSince1970 - epochMicros) : nullCell();
}

Cell presentText(std::string_view text, Arena& arena) { return text.empty() ? nullCell() : textCell(arena.copy(text)); }

std::string hex(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result;
    for (const char byte : bytes) {
        result += digits[static_cast<unsigned char>(byte) >> 4];
        result += digits[static_cast<unsigned char>(byte) & 15];
    }
    return result;
}

std::string_view letter(Operation operation) {
    switch (operation) {
    case Operation::Read:
        return "r";
    case Operation::Create:
        return "c";
    case Operation::Update:
        return "u";
    case Operation::Delete:
        return "d";
    default:
        return "t";
    }
}

} // namespace

std::optional<Metadata> metadataByName(std::string_view name) {
    const auto found = std::find_if(words.begin(), words.end(), [&](const Word& word) { return word.name == name; });
    return found == words.end() ? std::nullopt : std::optional(static_cast<Metadata>(found - words.begin()));
}

bool fits(Metadata metadata, ColumnType type) {
    switch (wordOf(metadata).form) {
    case Form::Number:
        return type == ColumnType::Int2 || type == ColumnType::Int4 || type == ColumnType::Int8 ||
               type == ColumnType::Numeric || isText(type);
    case Form::Time:
        return type == ColumnType::Timestamptz || type == ColumnType::Timestamp;
    default:
        return isText(type) || (metadata == Metadata::Position && type == ColumnType::Bytea);
    }
}

bool isStable(Metadata metadata) { return wordOf(metadata).stable; }

Cell metadataCell(Metadata metadata, ColumnType type, const RecordPlace& place, const Event& event, Arena& arena) {
    switch (metadata) {
    case Metadata::Topic:
        return presentText(place.topic, arena);
    case Metadata::Partition:
        return numberCell(place.partition, type, arena);
    case Metadata::Offset:
        return numberCell(place.offset, type, arena);
    case Metadata::Timestamp:
        return timeCell(place.timestampMillis < 253402300800000 ? place.timestampMillis * 1000 : 0);
    case Metadata::Op:
        return textCell(letter(event.operation));
    case Metadata::SourceTime:
        return timeCell(event.sourceMicros);
    case Metadata::DebeziumTime:
        return timeCell(event.debeziumMicros);
    case Metadata::Origin:
        return presentText(event.origin, arena);
    case Metadata::Position:
        break;
    }
    if (event.position.empty())
        return nullCell();
    return textCell(arena.copy((type == ColumnType::Bytea ? "\\x" : "") + hex(event.position)));
}

} // namespace standin::cdc
