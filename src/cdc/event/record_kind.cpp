#include "cdc/event/record_kind.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cdc/value/connect_json.h"
#include "cdc/value/json.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;

namespace {

struct RootField {
    std::string_view name;
    json_type type;
    std::string_view text; ///< of a string
};

std::vector<RootField> rootFields(std::string_view payload, simdjson::ondemand::parser& parser, Arena& arena) {
    std::vector<RootField> fields;
    simdjson::ondemand::document document;
    simdjson::ondemand::object root;
    check(parser.iterate(padded(payload, arena)).get(document));
    check(document.get_object().get(root));
    for (auto next : root) {
        simdjson::ondemand::field field;
        check(std::move(next).get(field));
        const char* raw = field.key().raw();
        json_type type{};
        check(field.value().type().get(type));
        fields.push_back({{raw, rawLength(raw)}, type, type == json_type::string ? rawString(field.value()) : ""});
    }
    return fields;
}

const RootField* find(const std::vector<RootField>& fields, std::string_view name) {
    const auto found =
        std::find_if(fields.begin(), fields.end(), [&](const RootField& one) { return one.name == name; });
    return found == fields.end() ? nullptr : &*found;
}

bool isEnvelope(const std::vector<RootField>& fields) {
    const RootField* op = find(fields, "op");
    if (!op || op->text.size() != 1 || std::string_view("crudtm").find(op->text[0]) == std::string_view::npos)
        return false;
    return std::any_of(fields.begin(), fields.end(), [](const RootField& one) {
        return one.type == json_type::object &&
               (one.name == "source" || one.name == "after" || one.name == "before" || one.name == "message");
    });
}

bool consistsOf(const std::vector<RootField>& fields, std::initializer_list<std::string_view> names) {
    return !fields.empty() && std::all_of(fields.begin(), fields.end(), [&](const RootField& one) {
        return std::find(names.begin(), names.end(), one.name) != names.end();
    });
}

/// What Debezium keys its own records by. A row's fields alone say nothing: a business table may have any of them.
struct ControlKey {
    std::string_view field; ///< the one member of a key that is a JSON object (perhaps with its schema)
    bool isObject = false;
};

ControlKey controlKey(const std::optional<std::string_view>& key, simdjson::ondemand::parser& parser, Arena& arena) {
    if (!key)
        return {.isObject = true};
    std::string_view payload = trim(*key);
    if (mayBeConnectRecord(payload))
        if (const auto record = connectRecord(padded(payload, arena), parser))
            payload = arena.copy(record->wrapping.payloadOf(payload));
    if (!payload.starts_with("{"))
        return {};
    const std::vector<RootField> fields = rootFields(payload, parser, arena);
    return {fields.size() == 1 ? fields[0].name : std::string_view(), true};
}

bool isSignalType(std::string_view type) {
    constexpr std::string_view types[] = {"execute-snapshot",   "stop-snapshot", "pause-snapshot",
                                          "resume-snapshot",    "log",           "schema-changes",
                                          "set-binlog-position"};
    return std::find(std::begin(types), std::end(types), type) != std::end(types);
}

std::optional<EventKind> controlKind(const std::vector<RootField>& fields, const ControlKey& key, bool ownTopic) {
    const auto all = [&](std::initializer_list<std::string_view> names) {
        return std::all_of(names.begin(), names.end(), [&](std::string_view name) { return find(fields, name); });
    };
    const auto text = [&](std::string_view name) {
        const RootField* field = find(fields, name);
        return field ? field->text : std::string_view();
    };
    const auto keyedBy = [&](std::string_view name) { return ownTopic || key.field == name; };
    if (keyedBy("serverName") && consistsOf(fields, {"ts_ms", "ts_us", "ts_ns"}))
        return EventKind::Heartbeat;
    if (keyedBy("id") && (text("status") == "BEGIN" || text("status") == "END") &&
        all({"id", "event_count", "data_collections"}) &&
        consistsOf(fields, {"status", "id", "event_count", "data_collections", "ts_ms", "ts_us", "ts_ns"}))
        return EventKind::Transaction;
    if (keyedBy("databaseName") && (all({"ddl"}) || all({"tableChanges"})))
        return EventKind::SchemaChange;
    // Keyed by the connector's name, which is no JSON object.
    if ((ownTopic || !key.isObject) && consistsOf(fields, {"id", "type", "data"}) && isSignalType(text("type")) &&
        all({"data"}))
        return EventKind::Signal;
    if (keyedBy("id") && all({"id", "aggregate_type", "type", "additional_data", "timestamp"}) &&
        consistsOf(fields, {"id", "aggregate_type", "type", "additional_data", "timestamp"}))
        return EventKind::Signal; // a notification, which answers one
    return std::nullopt;
}

/// A topic that the source names for Debezium's own records: there its name says what they are.
bool isNoTable(const Target& target) { return target.columns.empty(); }

/// A table of the user's own may look so too: then each field has its column.
bool isRowOf(const std::vector<RootField>& fields, const Target& target) {
    return std::all_of(fields.begin(), fields.end(), [&](const RootField& one) {
        return std::any_of(target.columns.begin(), target.columns.end(),
                           [&](const TargetColumn& column) { return column.fieldName() == one.name; });
    });
}

} // namespace

RecordShape shapeOf(std::string_view payload, const std::optional<std::string_view>& key, const Target& target,
                    simdjson::ondemand::parser& parser, Arena& arena) {
    RecordShape shape;
    try {
        const std::vector<RootField> fields = rootFields(payload, parser, arena);
        shape.envelope = isEnvelope(fields);
        shape.metadata = std::any_of(fields.begin(), fields.end(), [](const RootField& one) {
            return one.name == "__deleted" || one.name == "__op" || one.name == "__table" || one.name == "__lsn" ||
                   one.name.starts_with("__source_");
        });
        if (!shape.envelope && !isRowOf(fields, target))
            shape.control = controlKind(fields, controlKey(key, parser, arena), isNoTable(target));
    } catch (const Error&) { // malformed, the key too: then it is none of Debezium's own
    }
    return shape;
}

} // namespace standin::cdc
