#include "cdc/topic_form.h"

#include <algorithm>

#include "base/error.h"
#include "cdc/json.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;
using simdjson::ondemand::object;

namespace {

/// Names that begin with "__" are metadata of a flattened record, unless the target has such a column.
int32_t columnOf(const Target& target, std::string_view name) {
    if (std::find(target.dropped.begin(), target.dropped.end(), name) != target.dropped.end())
        return TopicForm::droppedField;
    for (size_t i = 0; i < target.columns.size(); ++i)
        if (target.columns[i].fieldName() == name)
            return static_cast<int32_t>(i);
    return name.starts_with("__") ? TopicForm::droppedField : TopicForm::unknownField;
}

/// Debezium names an envelope's schema so. Any other struct may be a row or a control record.
RecordForm formOf(std::string_view schemaText) {
    simdjson::dom::parser parser;
    simdjson::dom::element root;
    std::string_view name;
    const bool named = parser.parse(schemaText.data(), schemaText.size()).get(root) == simdjson::SUCCESS &&
                       root["name"].get(name) == simdjson::SUCCESS;
    return named && name.ends_with(".Envelope") ? RecordForm::Envelope : RecordForm::Unknown;
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
        if (!plan.schema) {
            plan.schema = parseSchema(*schema);
            plan.form = formOf(*schema);
        }
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
    else if (type != json_type::null)
        return {record, &schemaless_}; // a row of a table that has a column "schema"
    if (root.find_field("payload").get(payload) != simdjson::SUCCESS)
        return {record, &schemaless_}; // the same
    const char* const start = payload.raw_json_token().data();

    auto plan = std::make_unique<Plan>();
    plan->prefix = record.substr(0, static_cast<size_t>(start - copy.data()));
    if (!schemaText.empty()) {
        plan->schema = parseSchema(schemaText);
        plan->form = formOf(schemaText);
    }
    plans_.insert(plans_.begin(), std::move(plan));
    if (plans_.size() > maxPlans)
        plans_.pop_back();
    Plan& learnt = *plans_.front();
    if (record.back() != '}')
        throw Error("22P02", "malformed JSON: the record does not end with its object");
    return {record.substr(learnt.prefix.size(), record.size() - learnt.prefix.size() - 1), &learnt};
}

} // namespace standin::cdc
