#include "cdc/shape.h"

#include <algorithm>
#include <string>
#include <vector>

#include "cdc/json.h"

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

std::optional<EventKind> controlKind(const std::vector<RootField>& fields) {
    if (consistsOf(fields, {"ts_ms", "ts_us", "ts_ns"}))
        return EventKind::Heartbeat;
    if (const RootField* status = find(fields, "status"); status &&
                                                          (status->text == "BEGIN" || status->text == "END") &&
                                                          find(fields, "id") && find(fields, "event_count"))
        return EventKind::Transaction;
    if ((find(fields, "ddl") || find(fields, "tableChanges")) &&
        (find(fields, "source") || find(fields, "databaseName")))
        return EventKind::SchemaChange;
    if (consistsOf(fields, {"id", "type", "data"}) && find(fields, "type") && find(fields, "data"))
        return EventKind::Signal;
    if (find(fields, "aggregate_type") && find(fields, "type") && find(fields, "additional_data"))
        return EventKind::Signal;
    return std::nullopt;
}

/// A table of the user's own may look so too: then each field has its column.
bool isRowOf(const std::vector<RootField>& fields, const Target& target) {
    return std::all_of(fields.begin(), fields.end(), [&](const RootField& one) {
        return std::any_of(target.columns.begin(), target.columns.end(),
                           [&](const TargetColumn& column) { return column.fieldName() == one.name; });
    });
}

} // namespace

RecordShape shapeOf(std::string_view payload, const Target& target, simdjson::ondemand::parser& parser, Arena& arena) {
    RecordShape shape;
    try {
        const std::vector<RootField> fields = rootFields(payload, parser, arena);
        shape.envelope = isEnvelope(fields);
        shape.metadata = std::any_of(fields.begin(), fields.end(), [](const RootField& one) {
            return one.name == "__deleted" || one.name == "__op" || one.name == "__table" || one.name == "__lsn" ||
                   one.name.starts_with("__source_");
        });
        if (!shape.envelope && !isRowOf(fields, target))
            shape.control = controlKind(fields);
    } catch (const Error&) {
        return {};
    }
    return shape;
}

} // namespace standin::cdc
