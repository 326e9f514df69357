#include <algorithm>

#include "cdc/event/event.h"
#include "cdc/event/naming.h"
#include "cdc/value/json.h"

namespace standin::cdc {

using simdjson::ondemand::object;

namespace {

/// The metadata that add.fields puts beside the row, "__" before each name: op, deleted, and fields of the source block
/// as "__lsn" or "__source_lsn".
struct Metadata {
    char op = 0;
    bool deleted = false;
    bool rewrites = false;
    int64_t debeziumMicros = 0;
    SourceBlock source;

    void take(std::string_view key, simdjson::ondemand::value& value) {
        const std::string_view token = rawToken(value);
        if (key.starts_with("source_")) {
            source.take(key.substr(7), token);
        } else if (key == "deleted") {
            deleted = token == "\"true\"" || token == "true";
            rewrites = true;
        } else if (key == "op") {
            const std::string_view text = rawString(value);
            op = text.size() == 1 ? text[0] : 0;
        } else if (key == "ts_us" || key == "ts_ms") {
            int64_t number = 0;
            if (value.get_int64().get(number) == simdjson::SUCCESS)
                debeziumMicros = plausibleMicros(number, key == "ts_us" ? 1 : 1000);
        } else {
            source.take(key, token);
        }
    }
};

Operation operationOf(const Metadata& metadata) {
    if (metadata.deleted || metadata.op == 'd')
        return Operation::Delete;
    return metadata.op == 'c' ? Operation::Create : metadata.op == 'r' ? Operation::Read : Operation::Update;
}

} // namespace

/// Without __op a row is the row's state, whether it was there before or not: an update.
void EventDecoder::decodeFlattened(TableDecoder& table, const TopicForm::Parts& parts, const Record& record,
                                   Event& event) {
    const Target& target = table.target;
    simdjson::ondemand::document document;
    object root;
    check(parser_.iterate(padded(parts.payload, arena_)).get(document));
    check(document.get_object().get(root));
    // The metadata first: it must not depend on whether the row can be decoded, and it decides what is.
    Metadata metadata;
    for (auto next : root) {
        simdjson::ondemand::field field;
        check(std::move(next).get(field));
        const std::string_view key = rawKey(field);
        if (key.starts_with("__"))
            metadata.take(key.substr(2), field.value());
    }
    if (document.current_location().error() == simdjson::SUCCESS)
        throw Error("22P02", "malformed JSON: something follows the record's object");

    event.operation = operationOf(metadata);
    event.debeziumMicros = metadata.debeziumMicros;
    event.cells = arena_.allocateArray<Cell>(target.columns.size());
    setPlace(event, metadata.source);
    table.rewritesDeletes = table.rewritesDeletes || metadata.rewrites;
    check(root.reset().error());
    // A rewritten delete has the row before, with filler where only the key was known.
    const bool keyOnly = event.operation == Operation::Delete && !target.key.empty() && !target.history;
    if (keyOnly && record.key) {
        decodeKey(table, record, event.cells);
        if (lacksKey(target, event.cells)) {
            Cell* image = arena_.allocateArray<Cell>(target.columns.size());
            readRow(target, *parts.plan, root, image, event.unknownFields, Columns::Key, false);
            takeKeyFrom(target, image, event.cells);
        }
    } else {
        readRow(target, *parts.plan, root, event.cells, event.unknownFields, keyOnly ? Columns::Key : Columns::All,
                false);
    }
    if (target.key.empty() && event.operation == Operation::Update && metadata.op == 'u' && !target.history)
        throw Error("22023",
                    "a flattened update does not say what the row was before, by which a table without a key is "
                    "matched (leave the topic in Debezium's envelope)");
    if (target.key.empty()) {
        if (event.operation == Operation::Delete)
            event.before = event.cells;
        bool any = false;
        for (size_t i = 0; i < target.columns.size(); ++i)
            any = any || event.cells[i].kind != CellKind::Absent;
        if (!any)
            throw Error("22023", "the record is neither a change event nor a row of the table");
        return;
    }
    addMissingKey(table, record, event.cells);
    if (!keyOnly) {
        check(root.reset().error());
        requireRowOf(target, root, event.cells);
        readOldKey(table, *parts.plan, record, {}, true, event);
    }
}

/// An object that is anything but a row of the table would be stored as a row of nulls: in an undescribed topic every
/// object is one with a good key.
void EventDecoder::requireRowOf(const Target& target, object row, const Cell* cells) const {
    bool takesMore = false;
    for (size_t i = 0; i < target.columns.size(); ++i) {
        if (target.isKey(i) || target.columns[i].computed())
            continue;
        if (cells[i].kind != CellKind::Absent)
            return;
        takesMore = true;
    }
    if (!takesMore)
        return;
    std::string hint = "Is it a change event of another kind, or a row of another table?";
    for (auto next : row) {
        simdjson::ondemand::field field;
        check(std::move(next).get(field));
        const std::string_view name = rawKey(field);
        if (name.starts_with("__")) // only flattening leaves such marks
            return;
        if (std::find(target.dropped.begin(), target.dropped.end(), name) != target.dropped.end())
            return;
        for (size_t i = 0; i < target.columns.size(); ++i)
            if (!target.isKey(i) && target.columns[i].fieldName() == name)
                return;
        if (std::string other = hintOfOtherCase(target, name); !other.empty())
            hint = std::move(other);
    }
    throw Error("22023", "no field of the record but its key has a column in the table", "", std::move(hint));
}

} // namespace standin::cdc
