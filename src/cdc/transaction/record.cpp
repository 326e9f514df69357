#include "cdc/transaction/record.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/digits.h"
#include "base/error.h"
#include "cdc/value/json.h"

namespace standin::cdc {

namespace {

using simdjson::ondemand::json_type;
using simdjson::ondemand::object;
using simdjson::ondemand::value;

bool isDigits(std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

/// Connectors write numbers as numbers, or as strings.
int64_t numberOf(value field) {
    json_type type = field.type();
    if (type == json_type::number)
        return field.get_int64();
    int64_t number = 0;
    if (type == json_type::string) {
        const std::string_view text = field.get_string();
        std::from_chars(text.data(), text.data() + text.size(), number);
    }
    return number;
}

std::string textOf(value field) {
    if (field.type() != json_type::string)
        return "";
    const std::string_view text = field.get_string();
    return std::string(text);
}

template <class Record> void setId(std::string_view text, Record& record) {
    record.id = transactionId(text);
    record.lsn = transactionLsn(text);
}

void readTransaction(value field, TransactionMark& mark) {
    if (field.type() != json_type::object)
        return;
    for (auto member : field.get_object()) {
        const simdjson::ondemand::raw_json_string key = member.key();
        if (key == "id")
            setId(textOf(member.value()), mark);
        else if (key == "total_order")
            mark.totalOrder = numberOf(member.value());
        else if (key == "data_collection_order")
            mark.collectionOrder = numberOf(member.value());
    }
}

std::vector<std::pair<std::string, int64_t>> readTotals(value field) {
    std::vector<std::pair<std::string, int64_t>> totals;
    if (field.type() != json_type::array)
        return totals;
    for (auto element : field.get_array()) {
        std::pair<std::string, int64_t> total;
        for (auto member : element.get_object()) {
            const simdjson::ondemand::raw_json_string key = member.key();
            if (key == "data_collection")
                total.first = textOf(member.value());
            else if (key == "event_count")
                total.second = numberOf(member.value());
        }
        totals.push_back(std::move(total));
    }
    return totals;
}

constexpr size_t maxShapes = 8;
constexpr int maxLessons = 64;

void setOperation(std::string_view operation, TransactionMark& mark) {
    mark.removes = operation == "d";
    mark.change = mark.removes || operation == "c" || operation == "u" || operation == "t";
}

/// A transaction's object without a parser; false if only that can judge it.
bool readTransaction(std::string_view token, std::optional<RecordTemplate>& form, TransactionMark& mark) {
    std::string_view tokens[8];
    if (!form || form->places().size() > std::size(tokens) || !form->match(token, tokens))
        return false;
    for (size_t i = 0; i < form->places().size(); ++i) {
        const bool isText = tokens[i].starts_with('"');
        const std::string_view text = isText ? unquoted(tokens[i]) : tokens[i];
        if (form->places()[i].name == "id") {
            if (!isText || text.find('\\') != std::string_view::npos)
                return false;
            setId(text, mark);
        } else if (form->places()[i].name == "total_order" || form->places()[i].name == "data_collection_order") {
            const auto number = plainNumber(text);
            if (!number)
                return false;
            (form->places()[i].name == "total_order" ? mark.totalOrder : mark.collectionOrder) = *number;
        }
    }
    return !mark.id.empty();
}

std::optional<TransactionMark> markByShape(std::string_view payload, MarkForm& form) {
    const auto found = std::find_if(form.shapes.begin(), form.shapes.end(), [&](MarkForm::Shape& shape) {
        return shape.record.match(payload, shape.tokens.data());
    });
    if (found == form.shapes.end())
        return std::nullopt;
    std::rotate(form.shapes.begin(), found, found + 1);
    const MarkForm::Shape& shape = form.shapes.front();
    TransactionMark mark;
    setOperation(unquoted(shape.tokens[shape.operation]), mark);
    if (shape.transaction && !readTransaction(shape.tokens[*shape.transaction], form.transaction, mark))
        return std::nullopt;
    return mark;
}

/// After a parser has read the record. Only of envelopes: a flattened row has no field that says what it is.
void learnShape(std::string_view payload, MarkForm& form) {
    if (form.lessons >= maxLessons)
        return;
    ++form.lessons;
    auto record = RecordTemplate::learn(payload, {"before", "transaction"});
    if (!record)
        return;
    const auto& places = record->places();
    const auto placeOf = [&](std::string_view name) {
        const auto found = std::find_if(places.begin(), places.end(),
                                        [&](const auto& one) { return one.object.empty() && one.name == name; });
        return found == places.end() ? std::nullopt : std::optional(static_cast<size_t>(found - places.begin()));
    };
    const auto operation = placeOf("op"), transaction = placeOf("transaction");
    if (!operation)
        return;
    MarkForm::Shape shape{std::move(*record), *operation, transaction, {}};
    shape.tokens.resize(shape.record.places().size());
    if (!shape.record.match(payload, shape.tokens.data()))
        return;
    if (shape.transaction && !form.transaction)
        form.transaction = RecordTemplate::learn(shape.tokens[*shape.transaction]);
    form.shapes.insert(form.shapes.begin(), std::move(shape));
    if (form.shapes.size() > maxShapes)
        form.shapes.pop_back();
}

} // namespace

std::string_view transactionId(std::string_view id) {
    const size_t colon = id.find(':');
    const bool isPostgres =
        colon != std::string_view::npos && isDigits(id.substr(0, colon)) && isDigits(id.substr(colon + 1));
    return isPostgres ? id.substr(0, colon) : id;
}

int64_t transactionLsn(std::string_view id) {
    const size_t size = transactionId(id).size();
    int64_t lsn = 0;
    if (size < id.size())
        std::from_chars(id.data() + size + 1, id.data() + id.size(), lsn);
    return lsn;
}

object TransactionRecords::open(std::string_view json) {
    buffer_.reserve(json.size() + simdjson::SIMDJSON_PADDING);
    buffer_.assign(json);
    document_ = parser_.iterate(buffer_.data(), buffer_.size(), buffer_.capacity());
    return document_.get_object();
}

/// A schema seen before is skipped by comparing bytes.
std::string_view TransactionRecords::payloadOf(std::string_view record, ConnectWrapping& wrapping) {
    record = trim(record);
    if (wrapping.prefix.empty() || !wrapping.matches(record)) {
        if (!mayBeConnectRecord(record))
            return record;
        buffer_.reserve(record.size() + simdjson::SIMDJSON_PADDING);
        buffer_.assign(record);
        auto found =
            connectRecord(simdjson::padded_string_view(buffer_.data(), buffer_.size(), buffer_.capacity()), parser_);
        if (!found)
            return record;
        wrapping = std::move(found->wrapping);
    }
    return trim(wrapping.payloadOf(record));
}

TransactionMark TransactionRecords::mark(std::optional<std::string_view> record, MarkForm& form) {
    TransactionMark mark;
    if (!record)
        return mark;
    try {
        const std::string_view payload = payloadOf(*record, form.wrapping);
        if (!payload.starts_with("{"))
            return mark;
        if (auto known = markByShape(payload, form))
            return *known;
        bool hasOperation = false;
        for (auto field : open(payload)) {
            const simdjson::ondemand::raw_json_string key = field.key();
            if (key == "transaction") {
                readTransaction(field.value(), mark);
            } else if (key == "op") {
                const std::string_view operation = field.value().get_string();
                hasOperation = true;
                setOperation(operation, mark);
            }
            if (hasOperation && !mark.id.empty())
                break;
        }
        learnShape(payload, form);
        // Flattened rows have neither.
        if (!hasOperation)
            mark.change = true;
    } catch (const simdjson::simdjson_error&) {
        return {};
    } catch (const Error&) {
        return {};
    }
    return mark;
}

std::optional<Boundary> TransactionRecords::boundary(std::optional<std::string_view> record) {
    if (!record)
        return std::nullopt;
    try {
        const std::string_view payload = payloadOf(*record, boundaryWrapping_);
        if (!payload.starts_with("{"))
            return std::nullopt;
        Boundary boundary;
        std::string status;
        for (auto field : open(payload)) {
            const simdjson::ondemand::raw_json_string key = field.key();
            if (key == "status")
                status = textOf(field.value());
            else if (key == "id")
                setId(textOf(field.value()), boundary);
            else if (key == "data_collections")
                boundary.totals = readTotals(field.value());
        }
        boundary.end = status == "END";
        if (boundary.id.empty() || (status != "BEGIN" && status != "END"))
            return std::nullopt;
        return boundary;
    } catch (const simdjson::simdjson_error&) {
        return std::nullopt;
    } catch (const Error&) {
        return std::nullopt;
    }
}

} // namespace standin::cdc
