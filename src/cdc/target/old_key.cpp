#include <algorithm>

#include "cdc/event/event.h"
#include "cdc/target/coalesce.h"
#include "cdc/value/filler.h"
#include "cdc/value/json.h"

// The key that a row had before an update, where the record's own key does not say that it is the same.
namespace standin::cdc {

namespace {

/// "name": for each field that is the target's key, as Connect writes it.
bool hasMembers(std::string_view key, const std::vector<std::string>& members) {
    if (key.starts_with("{\"schema\"")) {
        const size_t payload = key.rfind("\"payload\"");
        if (payload == std::string_view::npos)
            return false;
        key = key.substr(payload);
    }
    return std::all_of(members.begin(), members.end(),
                       [key](const std::string& member) { return key.find(member) != std::string_view::npos; });
}

/// A struct that StringConverter wrote: Struct{id=1,region=EU}.
bool isStructOf(const Target& target, std::string_view key) {
    return key.starts_with("Struct{") && std::all_of(target.key.begin(), target.key.end(), [&](uint16_t column) {
               const std::string member = target.columns[column].fieldName() + "=";
               return key.find("{" + member) != std::string_view::npos ||
                      key.find("," + member) != std::string_view::npos;
           });
}

/// An integer as LongConverter and its like write it.
bool isBigEndian(std::string_view bytes, const Cell& cell) {
    if (cell.kind != CellKind::Value || (bytes.size() != 8 && bytes.size() != 4 && bytes.size() != 2))
        return false;
    uint64_t number = bytes[0] < 0 ? UINT64_MAX : 0;
    for (const char byte : bytes)
        number = number << 8 | static_cast<uint8_t>(byte);
    return static_cast<int64_t>(number) == cell.value;
}

[[noreturn]] void throwUnknown(const TargetColumn& column, bool isFlattened) {
    throw ValueError("22004", column.name,
                     "the event does not say which key the row had before: this column of the primary key is not in "
                     "the record's key, nor surely in the row before",
                     isFlattened ? "Give records a key that has the column (message.key.columns), or leave the topic "
                                   "in Debezium's envelope, with REPLICA IDENTITY FULL at the source."
                                 : "ALTER TABLE ... REPLICA IDENTITY FULL at the source, or give records a key that "
                                   "has the column (message.key.columns).");
}

} // namespace

/// A key that is one value, for a target whose key is one column: it is the row's own if it says the same.
bool EventDecoder::isKeyValue(const TargetColumn& column, std::string_view text, const Cell& cell) {
    const auto says = [&](const std::string& json) {
        try {
            simdjson::ondemand::document document;
            simdjson::ondemand::array array;
            check(secondParser_.iterate(padded(json, arena_)).get(document));
            check(document.get_array().get(array));
            for (auto element : array) {
                simdjson::ondemand::value value;
                check(std::move(element).get(value));
                return sameCell(column, secondValues_.decode(value, column, nullptr), cell);
            }
        } catch (const Error&) { // another converter's
        }
        return false;
    };
    const bool isPlain = std::all_of(text.begin(), text.end(), [](char letter) {
        return static_cast<unsigned char>(letter) >= ' ' && letter != '"' && letter != '\\';
    });
    const bool isQuoted = text.size() > 2 && text.starts_with('"') && text.ends_with('"');
    return says("[" + std::string(text) + "]") || (isPlain && says("[\"" + std::string(text) + "\"]")) ||
           (isQuoted && says("[" + std::string(text.substr(1, text.size() - 2)) + "]"));
}

/// Where the record's key has all of the target's, Debezium makes a delete and a create of an update that changes it.
bool EventDecoder::recordKeyTells(TableDecoder& table, const Record& record, const Cell* cells) {
    const Target& target = table.target;
    if (!record.key || record.key->empty())
        return false;
    if (hasMembers(*record.key, table.keyMembers))
        return true;
    const auto isThere = [&](const Cell* key) {
        return std::all_of(target.key.begin(), target.key.end(), [&](uint16_t column) {
            return target.columns[column].computed() || key[column].kind != CellKind::Absent;
        });
    };
    try {
        Cell* key = arena_.allocateArray<Cell>(target.columns.size());
        if (decodeKey(table, record, key))
            return isThere(key);
        const std::string_view text =
            trim(table.keyForm.split(*record.key, record.keySchema, secondParser_, arena_).payload);
        if (target.key.size() != 1)
            return isStructOf(target, text);
        const size_t column = target.key[0];
        return isStructOf(target, text) || isBigEndian(*record.key, cells[column]) ||
               isKeyValue(target.columns[column], text, cells[column]);
    } catch (const Error&) {
        return false;
    }
}

/// `image`: the row before, as JSON; empty if the event has none.
void EventDecoder::readOldKey(TableDecoder& table, TopicForm::Plan& plan, const Record& record, std::string_view image,
                              bool isFlattened, Event& event) {
    const Target& target = table.target;
    if (event.operation != Operation::Update || target.history || target.key.empty())
        return;
    const bool isTold = recordKeyTells(table, record, event.cells);
    const bool isComputed = target.wholeDeletes; // by an expression, over whatever fields
    if (isTold && !isComputed)
        return;
    Cell* before = arena_.allocateArray<Cell>(target.columns.size());
    if (!image.empty())
        readImage(table, plan, image, Columns::Key, before);
    for (const uint16_t column : target.key) {
        const TargetColumn& one = target.columns[column];
        if (one.computed() || isTold)
            continue;
        const bool isSure =
            before[column].kind > CellKind::Null &&
            (sameCell(one, before[column], event.cells[column]) || !mayBeFiller(before[column], one.type));
        if (!isSure)
            throwUnknown(one, isFlattened);
    }
    event.beforeIsKey = image.empty();
    if (event.beforeIsKey)
        decodeKey(table, record, before);
    event.before = before;
}

} // namespace standin::cdc
