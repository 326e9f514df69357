#include "base/base64.h"
#include "cdc/event/envelope.h"
#include "cdc/value/json.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;
using simdjson::ondemand::object;

void EventDecoder::decodeEnvelope(TableDecoder& table, const TopicForm::Parts& parts, const Record& record,
                                  Event& event) {
    Envelope envelope(event);
    if (!readByTemplate(table, *parts.plan, parts.payload, envelope)) {
        readEnvelope(table, *parts.plan, parts.payload, envelope);
        learnTemplate(*parts.plan, parts.payload);
    }
    if (!envelope.op)
        throw Error("22023", "the record is not a Debezium change event: it has no \"op\"");
    if (!envelope.isObject)
        throw Error("22023",
                    "the record is not a Debezium change event: it has an \"op\", but neither a row nor a source");
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
        event.operation = Operation::Truncate;
        break;
    case 'm':
        event.kind = EventKind::LogicalMessage;
        event.message.lsn = envelope.source.lsnText(arena_);
        break;
    default:
        throw Error("22023", std::string("unknown operation \"") + envelope.op + "\"");
    }
    setPlace(event, envelope.source);
    if (event.kind == EventKind::Row)
        readRowEvent(table, *parts.plan, record, envelope);
}

/// With a key in the record, `before` may hold filler in columns outside the source's key: it would name a wrong row.
void EventDecoder::readRowEvent(TableDecoder& table, TopicForm::Plan& plan, const Record& record, Envelope& envelope) {
    Event& event = envelope.event;
    const bool isDelete = event.operation == Operation::Delete;
    if (!isDelete && !envelope.hasAfter)
        throw Error("22023", "the change event has no \"after\"");
    if (isDelete)
        event.cells = arena_.allocateArray<Cell>(table.target.columns.size());
    if (table.target.key.empty()) {
        if (!isDelete && event.operation != Operation::Update)
            return;
        if (envelope.before.empty() && !table.target.history)
            throw Error("22023",
                        "the event does not say what the row was before, by which a table without a key is matched "
                        "(REPLICA IDENTITY FULL at the source makes it do so)");
        if (!envelope.before.empty())
            event.before = readImage(table, plan, envelope.before, Columns::All,
                                     arena_.allocateArray<Cell>(table.target.columns.size()));
        if (isDelete && event.before)
            event.cells = event.before;
        return;
    }
    if (isDelete) {
        if (!envelope.before.empty() && (table.target.history || !record.key))
            readImage(table, plan, envelope.before, table.target.history ? Columns::All : Columns::Key, event.cells);
        decodeKey(table, record, event.cells);
        if (!envelope.before.empty() && lacksKey(table.target, event.cells))
            takeKeyFrom(table.target,
                        readImage(table, plan, envelope.before, Columns::Key,
                                  arena_.allocateArray<Cell>(table.target.columns.size())),
                        event.cells);
    }
    addMissingKey(table, record, event.cells);
    readOldKey(table, plan, record, envelope.before, false, event);
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
        object part;
        if (keyIs(key, "after")) {
            if (type != json_type::object)
                continue;
            envelope.hasAfter = envelope.isObject = true;
            envelope.event.cells = arena_.allocateArray<Cell>(table.target.columns.size());
            check(value.get_object().get(part));
            readRow(table.target, plan, part, envelope.event.cells, envelope.event.unknownFields, Columns::All, false);
        } else if (keyIs(key, "before")) {
            if (type != json_type::object)
                continue;
            envelope.isObject = true;
            envelope.before = rawObject(value);
        } else if (keyIs(key, "source")) {
            if (type != json_type::object)
                continue;
            envelope.isObject = true;
            check(value.get_object().get(part));
            readSource(part, envelope.source);
        } else if (keyIs(key, "op")) {
            const std::string_view op = rawString(value);
            envelope.op = op.size() == 1 ? op[0] : '?';
        } else if (keyIs(key, "message") && type == json_type::object) {
            envelope.isObject = true;
            check(value.get_object().get(part));
            readMessage(part, envelope.event.message);
        } else if (keyIs(key, "ts_us") || (keyIs(key, "ts_ms") && envelope.event.debeziumMicros == 0)) {
            int64_t number = 0;
            if (value.get_int64().get(number) == simdjson::SUCCESS)
                envelope.event.debeziumMicros = plausibleMicros(number, keyIs(key, "ts_us") ? 1 : 1000);
        }
    }
    if (document.current_location().error() == simdjson::SUCCESS)
        throw Error("22P02", "malformed JSON: something follows the record's object");
}

void EventDecoder::readMessage(object message, LogicalMessage& result) {
    for (auto next : message) {
        simdjson::ondemand::field field;
        check(std::move(next).get(field));
        const char* key = field.key().raw();
        const bool isPrefix = keyIs(key, "prefix");
        if (!isPrefix && !keyIs(key, "content"))
            continue;
        std::string_view text;
        if (field.value().get_string().get(text) != simdjson::SUCCESS)
            throw Error("22P02", "the logical message's prefix and content are expected as strings");
        if (isPrefix) {
            if (text.find('\0') != std::string_view::npos)
                throw Error("22P05", "the character U+0000 cannot be stored in the logical message's prefix");
            result.prefix = arena_.copy(text);
            continue;
        }
        auto* bytes = reinterpret_cast<uint8_t*>(arena_.allocate(base64DecodedBound(text), 1));
        const bool isHex = modes_.binary == BinaryMode::Hex;
        const std::optional<size_t> size =
            isHex ? (hexDecode(text, bytes) ? std::optional(text.size() / 2) : std::nullopt)
                  : base64Decode(text, bytes);
        if (!size)
            throw Error("22P02", isHex ? "the logical message's content is not hexadecimal"
                                       : "the logical message's content is not base64");
        result.content = {reinterpret_cast<const char*>(bytes), *size};
    }
}

} // namespace standin::cdc
