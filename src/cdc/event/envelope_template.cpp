#include <algorithm>

#include "base/digits.h"
#include "cdc/event/envelope.h"
#include "cdc/value/json.h"

namespace standin::cdc {

using EnvelopeTemplate = TopicForm::EnvelopeTemplate;
using Use = EnvelopeTemplate::Use;

namespace {

constexpr size_t maxTemplates = 8;
constexpr int maxLessons = 64;

EnvelopeTemplate::Value useOf(const RecordTemplate::Place& place, const TopicForm::Plan& plan) {
    EnvelopeTemplate::Value value{Use::None, -1, nullptr, SourceBlock::Field::Other};
    if (place.object == "source") {
        value.field = SourceBlock::fieldOf(place.name);
        value.use = value.field == SourceBlock::Field::Other ? Use::None : Use::Source;
    } else if (place.object == "after") {
        const auto field = std::find_if(plan.fields.begin(), plan.fields.end(),
                                        [&](const TopicForm::Field& one) { return one.name == place.name; });
        if (field == plan.fields.end() || field->column == TopicForm::unknownField) {
            value.use = Use::UnknownField;
        } else if (field->column >= 0) {
            value.use = Use::Column;
            value.column = field->column;
            value.schema = field->schema;
        }
    } else if (place.object.empty()) {
        value.use = place.name == "op"       ? Use::Operation
                    : place.name == "ts_us"  ? Use::Microseconds
                    : place.name == "ts_ms"  ? Use::Milliseconds
                    : place.name == "before" ? Use::Before
                                             : Use::None;
    }
    return value;
}

int64_t microseconds(std::string_view token, int64_t unit) {
    return plausibleMicros(plainNumber(token).value_or(0), unit);
}

bool isIn(std::string_view text, std::string_view whole) {
    return text.data() >= whole.data() && text.data() <= whole.data() + whole.size();
}

} // namespace

/// After a parser has read the record: its fields are known to the plan.
void EventDecoder::learnTemplate(TopicForm::Plan& plan, std::string_view payload) {
    if (plan.templates.size() >= maxTemplates || plan.lessons >= maxLessons)
        return;
    ++plan.lessons;
    auto record = RecordTemplate::learn(payload, {"before", "transaction"});
    if (!record)
        return;
    auto model = std::make_unique<EnvelopeTemplate>(EnvelopeTemplate{std::move(*record), {}, {}, false});
    bool isEnvelope = false;
    for (const RecordTemplate::Place& place : model->record.places()) {
        if (place.object == "message")
            return; // logical messages are rare
        if (place.object.empty() && (place.name == "after" || place.name == "source"))
            return; // no objects here: what is right about the next record would be overlooked
        EnvelopeTemplate::Value value = useOf(place, plan);
        value.place = static_cast<size_t>(&place - model->record.places().data());
        if (value.use != Use::None)
            model->values.push_back(value);
        model->hasAfter = model->hasAfter || place.object == "after";
        isEnvelope = isEnvelope || place.object == "source";
    }
    if (!isEnvelope)
        return;
    model->tokens.resize(model->record.places().size());
    plan.templates.insert(plan.templates.begin(), std::move(model));
}

bool EventDecoder::readByTemplate(TableDecoder& table, TopicForm::Plan& plan, std::string_view payload,
                                  Envelope& envelope) {
    payload = trim(payload);
    const auto found = std::find_if(plan.templates.begin(), plan.templates.end(),
                                    [&](const auto& one) { return one->record.match(payload, one->tokens.data()); });
    if (found == plan.templates.end())
        return false;
    std::rotate(plan.templates.begin(), found, found + 1);
    const EnvelopeTemplate& model = *plan.templates.front();
    envelope.isObject = true;
    envelope.hasAfter = model.hasAfter;
    if (model.hasAfter)
        envelope.event.cells = arena_.allocateArray<Cell>(table.target.columns.size());
    for (const EnvelopeTemplate::Value& value : model.values) {
        const std::string_view token = model.tokens[value.place];
        switch (value.use) {
        case Use::Column:
            // What a template has in common lives no longer than the template.
            readToken(table.target, value, isIn(token, payload) ? token : arena_.copy(token), envelope.event.cells);
            break;
        case Use::UnknownField:
            ++envelope.event.unknownFields;
            break;
        case Use::Source:
            envelope.source.take(value.field, token);
            break;
        case Use::Operation:
            envelope.op = token.size() == 3 && token[0] == '"' ? token[1] : '?';
            break;
        case Use::Microseconds:
            envelope.event.debeziumMicros = microseconds(token, 1);
            break;
        case Use::Milliseconds:
            if (envelope.event.debeziumMicros == 0)
                envelope.event.debeziumMicros = microseconds(token, 1000);
            break;
        case Use::Before:
            if (token.starts_with('{'))
                envelope.before = token;
            break;
        case Use::None:
            break;
        }
    }
    return true;
}

void EventDecoder::readToken(const Target& target, const EnvelopeTemplate::Value& value, std::string_view token,
                             Cell* cells) {
    for (int32_t column = value.column; column >= 0;) {
        const TargetColumn& one = target.columns[static_cast<size_t>(column)];
        if (one.writable)
            cells[column] = values_.decodeToken(token, one, value.schema);
        column = one.twin;
    }
}

} // namespace standin::cdc
