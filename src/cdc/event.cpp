#include "cdc/event.h"

#include <algorithm>

namespace standin::cdc {

using simdjson::ondemand::json_type;
using simdjson::ondemand::object;

namespace {

[[noreturn]] void throwMalformed(simdjson::error_code error) {
    throw Error("22P02", std::string("malformed JSON: ") + simdjson::error_message(error));
}

void check(simdjson::error_code error) {
    if (error != simdjson::SUCCESS)
        throwMalformed(error);
}

std::string_view trim(std::string_view text) {
    const auto isSpace = [](char c) { return c == ' ' || c == '\n' || c == '\r' || c == '\t'; };
    while (!text.empty() && isSpace(text.front()))
        text.remove_prefix(1);
    while (!text.empty() && isSpace(text.back()))
        text.remove_suffix(1);
    return text;
}

/// The same bytes with what simdjson needs after them.
simdjson::padded_string_view padded(std::string_view text, Arena& arena) {
    char* copy = arena.allocate(text.size() + simdjson::SIMDJSON_PADDING, 1);
    std::memcpy(copy, text.data(), text.size());
    std::memset(copy + text.size(), ' ', simdjson::SIMDJSON_PADDING);
    return simdjson::padded_string_view(copy, text.size(), text.size() + simdjson::SIMDJSON_PADDING);
}

std::string_view rawObject(simdjson::ondemand::value& value) {
    object whole;
    std::string_view text;
    check(value.get_object().get(whole));
    check(whole.raw_json().get(text));
    return text;
}

/// Whether a raw key is exactly `name`; the document's padding makes the look ahead safe.
template <size_t N> bool keyIs(const char* raw, const char (&name)[N]) {
    return std::memcmp(raw, name, N - 1) == 0 && raw[N - 1] == '"';
}

bool keyIs(const char* raw, const std::string& name) {
    return std::strncmp(raw, name.c_str(), name.size()) == 0 && raw[name.size()] == '"';
}

/// Length of a raw key; the parser has made sure that it is closed.
size_t rawLength(const char* raw) {
    const char* at = raw;
    while (*at != '"')
        at += *at == '\\' ? 2 : 1;
    return static_cast<size_t>(at - raw);
}

constexpr int32_t unknownField = -1;
constexpr int32_t droppedField = -2;

int32_t columnOf(const Target& target, std::string_view name) {
    if (std::find(target.dropped.begin(), target.dropped.end(), name) != target.dropped.end())
        return droppedField;
    for (size_t i = 0; i < target.columns.size(); ++i)
        if (target.columns[i].fieldName() == name)
            return static_cast<int32_t>(i);
    return unknownField;
}

bool isKeyColumn(const Target& target, int32_t column) {
    return std::find(target.key.begin(), target.key.end(), column) != target.key.end();
}

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

size_t TopicForm::Plan::locate(std::string_view name, size_t expected, const Target& target) {
    const auto known =
        std::find_if(fields.begin(), fields.end(), [&](const Field& field) { return field.name == name; });
    if (known != fields.end())
        return static_cast<size_t>(known - fields.begin());
    if (fields.size() >= maxFields)
        fields.clear();
    settled = false;
    const size_t position = std::min(expected, fields.size());
    fields.insert(fields.begin() + static_cast<ptrdiff_t>(position),
                  {std::string(name), columnOf(target, name), schema ? schema->find(name) : nullptr});
    return position;
}

TopicForm::Parts TopicForm::split(std::string_view record, const std::string* schema,
                                  simdjson::ondemand::parser& parser, Arena& arena) {
    if (schema) {
        Plan& plan = known_[schema];
        if (!plan.schema)
            plan.schema = parseSchema(*schema);
        return {record, &plan};
    }
    record = trim(record);
    for (size_t i = 0; i < plans_.size(); ++i) {
        const std::string& prefix = plans_[i]->prefix;
        if (!record.starts_with(prefix) || record.back() != '}')
            continue;
        std::rotate(plans_.begin(), plans_.begin() + static_cast<ptrdiff_t>(i),
                    plans_.begin() + static_cast<ptrdiff_t>(i) + 1);
        return {record.substr(prefix.size(), record.size() - prefix.size() - 1), plans_.front().get()};
    }
    if (record.starts_with("{") && trim(record.substr(1)).starts_with("\"schema\""))
        return learn(record, parser, arena);
    return {record, &schemaless_};
}

TopicForm::Parts TopicForm::learn(std::string_view record, simdjson::ondemand::parser& parser, Arena& arena) {
    simdjson::ondemand::document document;
    object root;
    const simdjson::padded_string_view copy = padded(record, arena);
    check(parser.iterate(copy).get(document));
    check(document.get_object().get(root));
    simdjson::ondemand::value schema, payload;
    check(root.find_field("schema").get(schema));
    json_type type{};
    check(schema.type().get(type));
    std::string_view schemaText;
    if (type == json_type::object)
        schemaText = rawObject(schema);
    if (root.find_field("payload").get(payload) != simdjson::SUCCESS)
        return {record, &schemaless_}; // a row of a table that has a column "schema"
    const char* const start = payload.raw_json_token().data();

    auto plan = std::make_unique<Plan>();
    plan->prefix = record.substr(0, static_cast<size_t>(start - copy.data()));
    if (!schemaText.empty())
        plan->schema = parseSchema(schemaText);
    plans_.insert(plans_.begin(), std::move(plan));
    if (plans_.size() > maxPlans)
        plans_.pop_back();
    Plan& learnt = *plans_.front();
    if (record.back() != '}')
        throw Error("22P02", "malformed JSON: the record does not end with its object");
    return {record.substr(learnt.prefix.size(), record.size() - learnt.prefix.size() - 1), &learnt};
}

EventDecoder::EventDecoder(const SourceModes& modes, Arena& arena)
    : arena_(arena), values_(modes, arena, parser_), secondValues_(modes, arena, secondParser_),
      twinValues_(modes, arena, twinParser_) {}

struct EventDecoder::Envelope {
    Event event;
    char op = 0;
    bool hasAfter = false;
    bool hasPayload = false;
    std::string_view before;
};

Event EventDecoder::decode(TableDecoder& table, const Record& record) {
    Envelope envelope;
    table.lastForm = nullptr;
    if (!record.value) {
        envelope.event.kind = EventKind::Tombstone;
        return envelope.event;
    }
    const TopicForm::Parts parts = table.valueForm.split(*record.value, record.valueSchema, secondParser_, arena_);
    if (trim(parts.payload) == "null") {
        envelope.event.kind = EventKind::Tombstone;
        return envelope.event;
    }
    table.lastForm = parts.plan;
    table.lastRecord = record;
    readEnvelope(table, *parts.plan, parts.payload, envelope);
    Event& event = envelope.event;
    if (event.kind != EventKind::Row)
        return event;
    switch (envelope.op) {
    case 'c':
        event.operation = Operation::Create;
        break;
    case 'u':
        event.operation = Operation::Update;
        break;
    case 'r':
        event.operation = Operation::Read;
        break;
    case 'd':
        event.operation = Operation::Delete;
        break;
    case 't':
        event.kind = EventKind::Truncate;
        return event;
    case 'm':
        event.kind = EventKind::LogicalMessage;
        return event;
    default:
        throw Error("22023", envelope.op ? std::string("unknown operation \"") + envelope.op + "\""
                                         : "the record is not a Debezium change event: it has no \"op\"");
    }
    if (event.operation == Operation::Delete) {
        event.cells = arena_.allocateArray<Cell>(table.target.columns.size());
        // With a key in the record, `before` may hold filler in columns outside the source's key: it would name a wrong
        // row.
        if (table.target.history && !envelope.before.empty())
            addKeyFromBefore(table, *parts.plan, envelope.before, event.cells);
        if (record.key)
            addKeyFromRecordKey(table, record, event.cells);
        else if (!envelope.before.empty())
            addKeyFromBefore(table, *parts.plan, envelope.before, event.cells);
    } else {
        if (!envelope.hasAfter)
            throw Error("22023", "the change event has no \"after\"");
        if (firstMissingKey(table.target, event.cells) >= 0)
            addKeyFromRecordKey(table, record, event.cells);
    }
    if (const int32_t missing = firstMissingKey(table.target, event.cells); missing >= 0)
        throw ValueError("23502", table.target.columns[static_cast<size_t>(missing)].name,
                         "the event has no value for this column of the primary key");
    return event;
}

void EventDecoder::readEnvelope(TableDecoder& table, TopicForm::Plan& plan, std::string_view payload,
                                Envelope& envelope) {
    simdjson::ondemand::document document;
    object root;
    check(parser_.iterate(padded(payload, arena_)).get(document));
    check(document.get_object().get(root));
    for (auto next : root) {
        simdjson::ondemand::field field;
        check(std::move(next).get(field));
        const char* key = field.key().raw();
        auto& value = field.value();
        json_type type{};
        check(value.type().get(type));
        if (keyIs(key, "after")) {
            if (type != json_type::object)
                continue;
            envelope.hasAfter = true;
            envelope.event.cells = arena_.allocateArray<Cell>(table.target.columns.size());
            object row;
            check(value.get_object().get(row));
            readRow(table.target, plan, row, envelope.event.cells, envelope.event.unknownFields, false);
        } else if (keyIs(key, "before")) {
            if (type == json_type::object)
                envelope.before = rawObject(value);
        } else if (keyIs(key, "source")) {
            object source;
            if (type == json_type::object && value.get_object().get(source) == simdjson::SUCCESS)
                readSource(source, envelope.event);
        } else if (keyIs(key, "op")) {
            std::string_view op;
            check(value.get_string().get(op));
            envelope.op = op.size() == 1 ? op[0] : '?';
        } else if (keyIs(key, "ddl")) {
            envelope.event.kind = EventKind::SchemaChange;
        } else if (keyIs(key, "status")) {
            envelope.event.kind = EventKind::Transaction;
        } else if (keyIs(key, "ts_ms")) {
            envelope.hasPayload = true;
        }
    }
    if (document.current_location().error() == simdjson::SUCCESS)
        throw Error("22P02", "malformed JSON: something follows the record's object");
    if (envelope.op)
        envelope.event.kind = EventKind::Row;
    else if (envelope.event.kind == EventKind::Row && envelope.hasPayload && !envelope.hasAfter &&
             envelope.before.empty())
        envelope.event.kind = EventKind::Heartbeat;
}

namespace {

/// What the source says of its clock is only shown: a time that PostgreSQL cannot show (beyond the year 9999) is none.
int64_t plausibleMicros(int64_t number, int64_t unit) {
    constexpr int64_t limit = 253402300800000000;
    return number > 0 && number < limit / unit ? number * unit : 0;
}

} // namespace

void EventDecoder::readSource(object source, Event& event) {
    for (auto next : source) {
        simdjson::ondemand::field field;
        check(std::move(next).get(field));
        const char* key = field.key().raw();
        int64_t number = 0;
        if (keyIs(key, "ts_us")) {
            if (field.value().get_int64().get(number) == simdjson::SUCCESS)
                event.sourceMicros = plausibleMicros(number, 1);
        } else if (keyIs(key, "ts_ms") && event.sourceMicros == 0) {
            if (field.value().get_int64().get(number) == simdjson::SUCCESS)
                event.sourceMicros = plausibleMicros(number, 1000);
        }
    }
}

void EventDecoder::readRow(const Target& target, TopicForm::Plan& plan, object row, Cell* cells,
                           uint32_t& unknownFields, bool keyOnly) {
    ValueDecoder& values = keyOnly ? secondValues_ : values_;
    simdjson::ondemand::parser& parser = keyOnly ? secondParser_ : parser_;
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
            unknownFields += field.column == unknownField;
            continue;
        }
        const bool allColumns = !keyOnly || target.wholeDeletes;
        const auto wanted = [&](int32_t column) {
            return target.columns[static_cast<size_t>(column)].writable && (allColumns || isKeyColumn(target, column));
        };
        const auto column = static_cast<size_t>(field.column);
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

void EventDecoder::addKeyFromRecordKey(TableDecoder& table, const Record& record, Cell* cells) {
    if (!record.key || record.key->empty())
        return;
    const TopicForm::Parts parts = table.keyForm.split(*record.key, record.keySchema, secondParser_, arena_);
    simdjson::ondemand::document document;
    object row;
    // A key that is no JSON object (another converter's) is not an error: `before` may do.
    if (secondParser_.iterate(padded(parts.payload, arena_)).get(document) != simdjson::SUCCESS ||
        document.get_object().get(row) != simdjson::SUCCESS)
        return;
    uint32_t unknownFields = 0;
    readRow(table.target, *parts.plan, row, cells, unknownFields, true);
}

void EventDecoder::addKeyFromBefore(TableDecoder& table, TopicForm::Plan& plan, std::string_view before, Cell* cells) {
    simdjson::ondemand::document document;
    object row;
    check(secondParser_.iterate(padded(before, arena_)).get(document));
    check(document.get_object().get(row));
    uint32_t unknownFields = 0;
    readRow(table.target, plan, row, cells, unknownFields, true);
}

} // namespace standin::cdc
