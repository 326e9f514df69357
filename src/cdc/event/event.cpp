#include "cdc/event/event.h"

#include <algorithm>

#include "base/hash.h"
#include "cdc/event/naming.h"
#include "cdc/event/record_kind.h"
#include "cdc/value/filler.h"
#include "cdc/value/json.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;
using simdjson::ondemand::object;

namespace {

uint64_t hashCells(uint64_t hash, const Target& target, const Cell* cells) {
    for (size_t i = 0; cells && i < target.columns.size(); ++i) {
        const Cell& cell = cells[i];
        hash = hashMix(hash + 1, static_cast<uint64_t>(cell.kind));
        if (cell.kind == CellKind::Value)
            hash = hashMix(hash, static_cast<uint64_t>(cell.value));
        else if (cell.kind > CellKind::Value)
            hash = hashBytes(hash, cell.bytes());
    }
    return hash;
}

uint64_t identityOf(const Event& event, const Target& target, const Record& record) {
    uint64_t start = hashMix(static_cast<uint64_t>(event.kind) + 1, static_cast<uint64_t>(event.operation) + 1);
    if (event.tail != 0)
        start = hashBytes(start, event.position.substr(event.position.size() - event.tail));
    if (event.hasKey)
        return hashBytes(start, *record.key);
    return hashCells(hashCells(start, target, event.cells), target, event.before);
}

} // namespace

EventDecoder::EventDecoder(const SourceModes& modes, Arena& arena)
    : modes_(modes), arena_(arena), values_(modes, arena, parser_), secondValues_(modes, arena, secondParser_),
      twinValues_(modes, arena, twinParser_) {}

Event EventDecoder::decode(TableDecoder& table, const Record& record) {
    Event event;
    table.lastForm = nullptr;
    if (!record.value) {
        decodeTombstone(table, record, event);
    } else {
        const TopicForm::Parts parts = table.valueForm.split(*record.value, record.valueSchema, secondParser_, arena_);
        if (trim(parts.payload) == "null")
            decodeTombstone(table, record, event);
        else
            decodeValue(table, parts, record, event);
    }
    event.hasKey = record.key && trim(*record.key) != "null" && !record.key->empty();
    if (!event.position.empty())
        event.identity = identityOf(event, table.target, record);
    return event;
}

RecordForm EventDecoder::expectedForm(const TableDecoder& table, const TopicForm::Parts& parts) const {
    if (modes_.format != MessageFormat::Auto)
        return modes_.format == MessageFormat::Envelope ? RecordForm::Envelope : RecordForm::Flattened;
    if (parts.plan->form != RecordForm::Unknown)
        return parts.plan->form;
    // A flattened topic's record with an "op" may be an envelope after all, or have a column of that name.
    if (table.form == RecordForm::Flattened && parts.payload.find("\"op\"") != std::string_view::npos)
        return RecordForm::Unknown;
    return table.form;
}

/// What the record looks like is asked only where it is not what is expected.
void EventDecoder::decodeValue(TableDecoder& table, const TopicForm::Parts& parts, const Record& record, Event& event) {
    const auto shape = [&] {
        RecordShape seen = shapeOf(parts.payload, record.key, table.target, secondParser_, arena_);
        if (modes_.format == MessageFormat::Flattened && !table.target.columns.empty())
            seen.control.reset(); // flattening leaves nothing to tell one from a row
        return seen;
    };
    const auto controlEvent = [&](EventKind kind) {
        event = {};
        table.lastForm = nullptr;
        event.kind = kind;
    };
    RecordForm form = expectedForm(table, parts);
    if (form == RecordForm::Unknown) {
        const RecordShape seen = shape();
        if (seen.control)
            return controlEvent(*seen.control);
        form = seen.envelope ? RecordForm::Envelope : RecordForm::Flattened;
    }
    table.lastForm = parts.plan;
    table.lastRecord = record;
    try {
        if (form == RecordForm::Envelope)
            decodeEnvelope(table, parts, record, event);
        else
            decodeFlattened(table, parts, record, event);
        if (event.kind == EventKind::Row)
            table.form = form;
        return;
    } catch (const Error&) {
        const RecordShape seen = shape();
        if (seen.control)
            return controlEvent(*seen.control);
        // The topic was enveloped until now: only what bears the marks of flattening is taken for a row.
        if (modes_.format != MessageFormat::Auto || form != RecordForm::Envelope || seen.envelope || !seen.metadata)
            throw;
    }
    event = {};
    decodeFlattened(table, parts, record, event);
    table.form = RecordForm::Flattened;
}

void EventDecoder::decodeTombstone(TableDecoder& table, const Record& record, Event& event) {
    event.kind = EventKind::Tombstone;
    const RecordForm form = modes_.format == MessageFormat::Auto       ? table.form
                            : modes_.format == MessageFormat::Envelope ? RecordForm::Envelope
                                                                       : RecordForm::Flattened;
    const bool followsDelete = table.rewritesDeletes && (table.target.key.empty() || table.target.history);
    if (form != RecordForm::Flattened || followsDelete)
        return;
    event.cells = arena_.allocateArray<Cell>(table.target.columns.size());
    if (table.target.key.empty())
        throw Error("22023", "a row without a key was deleted, and the record does not say which", "",
                    "Let the connector rewrite deletes: delete.tombstone.handling.mode = rewrite.");
    addMissingKey(table, record, event.cells);
    event.kind = EventKind::Row;
    event.operation = Operation::Delete;
}

Event EventDecoder::place(TableDecoder& table, const Record& record) noexcept {
    Event event;
    try {
        if (!record.value)
            return event;
        const TopicForm::Parts parts = table.valueForm.split(*record.value, record.valueSchema, secondParser_, arena_);
        simdjson::ondemand::document document;
        object root;
        check(secondParser_.iterate(padded(parts.payload, arena_)).get(document));
        check(document.get_object().get(root));
        SourceBlock block;
        std::string_view op;
        for (auto next : root) {
            simdjson::ondemand::field field;
            check(std::move(next).get(field));
            const char* key = field.key().raw();
            object source;
            if (keyIs(key, "source") && field.value().get_object().get(source) == simdjson::SUCCESS)
                readSource(source, block);
            else if (keyIs(key, "op"))
                op = rawString(field.value());
        }
        event.operation = op == "r" ? Operation::Read : Operation::Create;
        setPlace(event, block);
        event.hasKey = record.key && !record.key->empty();
        const std::string_view tail = event.position.substr(event.position.size() - event.tail);
        event.identity = hashBytes(hashBytes(1, op), event.unique ? tail : event.hasKey ? *record.key : parts.payload);
    } catch (const std::exception&) { // then nothing is known of it
        event = {};
    }
    return event;
}

void EventDecoder::setPlace(Event& event, const SourceBlock& block) {
    event.sourceMicros = block.micros();
    if (event.kind == EventKind::Row && event.operation == Operation::Read)
        return;
    const SourceBlock::Place place = block.place(event.kind == EventKind::LogicalMessage, arena_);
    event.origin = place.origin;
    event.position = place.position;
    event.segment = place.segment;
    event.tail = place.tail;
    event.unique = place.unique;
}

void EventDecoder::readSource(object source, SourceBlock& block) {
    for (auto next : source) {
        simdjson::ondemand::field field;
        check(std::move(next).get(field));
        block.take(rawKey(field), rawToken(field.value()));
    }
}

/// `second`: the row is not part of the document that parser_ is in.
void EventDecoder::readRow(const Target& target, TopicForm::Plan& plan, object row, Cell* cells,
                           uint32_t& unknownFields, Columns columns, bool second) {
    ValueDecoder& values = second ? secondValues_ : values_;
    simdjson::ondemand::parser& parser = second ? secondParser_ : parser_;
    size_t position = 0;
    for (auto next : row) {
        simdjson::ondemand::field json;
        check(std::move(next).get(json));
        const char* raw = json.key().raw();
        if (position >= plan.fields.size() || !keyIs(raw, plan.fields[position].name)) {
            auto* place = reinterpret_cast<uint8_t*>(arena_.allocate(rawLength(raw) + simdjson::SIMDJSON_PADDING, 1));
            std::string_view name;
            check(parser.unescape(json.key(), place).get(name));
            position = plan.locate(name, position, target);
        }
        const TopicForm::Field& field = plan.fields[position++];
        if (field.column < 0) {
            unknownFields += field.column == TopicForm::unknownField;
            continue;
        }
        const auto column = static_cast<size_t>(field.column);
        const bool allColumns = columns == Columns::All || target.wholeDeletes;
        const auto wanted = [&](int32_t one) {
            const auto place = static_cast<size_t>(one);
            return target.columns[place].writable && (allColumns || target.isKey(place));
        };
        if (target.columns[column].twin >= 0)
            readTwins(target, field, json.value(), cells, wanted);
        else if (wanted(field.column))
            cells[column] = values.decode(json.value(), target.columns[column], field.schema);
    }
}

/// One field for several columns: JSON can be read once only, so each column gets a copy of its own.
template <class Wanted>
void EventDecoder::readTwins(const Target& target, const TopicForm::Field& field, simdjson::ondemand::value& value,
                             Cell* cells, Wanted wanted) {
    json_type type{};
    check(value.type().get(type));
    std::string_view text = trim(value.raw_json_token());
    if (type == json_type::object) {
        text = rawObject(value);
    } else if (type == json_type::array) {
        simdjson::ondemand::array whole;
        check(value.get_array().get(whole));
        check(whole.raw_json().get(text));
    }
    const std::string wrapped = "[" + std::string(text) + "]";
    for (int32_t column = field.column; column >= 0; column = target.columns[static_cast<size_t>(column)].twin) {
        if (!wanted(column))
            continue;
        simdjson::ondemand::document document;
        simdjson::ondemand::array array;
        check(twinParser_.iterate(padded(wrapped, arena_)).get(document));
        check(document.get_array().get(array));
        for (auto element : array) {
            simdjson::ondemand::value copy;
            check(std::move(element).get(copy));
            const TargetColumn& one = target.columns[static_cast<size_t>(column)];
            cells[column] = twinValues_.decode(copy, one, field.schema);
        }
    }
}

/// A row image that was set aside as text.
Cell* EventDecoder::readImage(TableDecoder& table, TopicForm::Plan& plan, std::string_view image, Columns columns,
                              Cell* cells) {
    simdjson::ondemand::document document;
    object row;
    check(secondParser_.iterate(padded(image, arena_)).get(document));
    check(document.get_object().get(row));
    uint32_t unknownFields = 0;
    readRow(table.target, plan, row, cells, unknownFields, columns, true);
    return cells;
}

bool EventDecoder::decodeKey(TableDecoder& table, const Record& record, Cell* cells) {
    if (!record.key || record.key->empty())
        return false;
    const TopicForm::Parts parts = table.keyForm.split(*record.key, record.keySchema, secondParser_, arena_);
    simdjson::ondemand::document document;
    object row;
    // A key that is no JSON object (another converter's) is not an error: `before` may do.
    if (secondParser_.iterate(padded(parts.payload, arena_)).get(document) != simdjson::SUCCESS ||
        document.get_object().get(row) != simdjson::SUCCESS)
        return false;
    uint32_t unknownFields = 0;
    readRow(table.target, *parts.plan, row, cells, unknownFields, Columns::Key, true);
    return true;
}

namespace {

/// Computed keys come later; a history's key may be none of the event's.
int32_t firstMissingKey(const Target& target, const Cell* cells) {
    if (target.history)
        return -1;
    for (const uint16_t column : target.key)
        if (cells[column].kind <= CellKind::Null && !target.columns[column].computed())
            return column;
    return -1;
}

} // namespace

bool EventDecoder::lacksKey(const Target& target, const Cell* cells) const {
    return firstMissingKey(target, cells) >= 0;
}

/// What a deleted row's record key does not name (it is no JSON object, or has other columns) the row before does,
/// where that is surely no filler.
void EventDecoder::takeKeyFrom(const Target& target, const Cell* image, Cell* cells) const {
    for (const uint16_t column : target.key)
        if (cells[column].kind <= CellKind::Null && !mayBeFiller(image[column], target.columns[column].type))
            cells[column] = image[column];
}

/// What the row does not say of its key the record's key does.
void EventDecoder::addMissingKey(TableDecoder& table, const Record& record, Cell* cells) {
    if (firstMissingKey(table.target, cells) >= 0)
        decodeKey(table, record, cells);
    if (const int32_t missing = firstMissingKey(table.target, cells); missing >= 0) {
        const TargetColumn& column = table.target.columns[static_cast<size_t>(missing)];
        throw ValueError("23502", column.name, "the event has no value for this column of the primary key",
                         hintOfOtherCase(column, table.lastForm));
    }
}

} // namespace standin::cdc
