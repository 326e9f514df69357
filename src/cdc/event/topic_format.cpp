#include "cdc/event/topic_format.h"

#include <algorithm>

#include "base/error.h"
#include "cdc/value/json.h"

namespace standin::cdc {

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
        if (!plans_[i]->wrapping.matches(record))
            continue;
        std::rotate(plans_.begin(), plans_.begin() + static_cast<ptrdiff_t>(i),
                    plans_.begin() + static_cast<ptrdiff_t>(i) + 1);
        return {plans_.front()->wrapping.payloadOf(record), plans_.front().get()};
    }
    if (mayBeConnectRecord(record))
        return learn(record, parser, arena);
    return {record, &schemaless_};
}

TopicForm::Parts TopicForm::learn(std::string_view record, simdjson::ondemand::parser& parser, Arena& arena) {
    auto found = connectRecord(padded(record, arena), parser);
    if (!found)
        return {record, &schemaless_};
    auto plan = std::make_unique<Plan>();
    plan->wrapping = std::move(found->wrapping);
    if (!found->schema.empty()) {
        plan->schema = parseSchema(found->schema);
        plan->form = formOf(found->schema);
    }
    plans_.insert(plans_.begin(), std::move(plan));
    if (plans_.size() > maxPlans)
        plans_.pop_back();
    return {plans_.front()->wrapping.payloadOf(record), plans_.front().get()};
}

} // namespace standin::cdc
