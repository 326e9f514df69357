#include "cdc/transaction_record.h"

#include <algorithm>
#include <charconv>
#include <cstring>

#include "cdc/json.h"

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

void readTransaction(value field, TransactionMark& mark) {
    if (field.type() != json_type::object)
        return;
    for (auto member : field.get_object()) {
        const simdjson::ondemand::raw_json_string key = member.key();
        if (key == "id")
            mark.id = transactionId(textOf(member.value()));
        else if (key == "total_order")
            mark.totalOrder = numberOf(member.value());
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

} // namespace

std::string_view transactionId(std::string_view id) {
    const size_t colon = id.find(':');
    const bool isPostgres =
        colon != std::string_view::npos && isDigits(id.substr(0, colon)) && isDigits(id.substr(colon + 1));
    return isPostgres ? id.substr(0, colon) : id;
}

object TransactionRecords::open(std::string_view json) {
    buffer_.reserve(json.size() + simdjson::SIMDJSON_PADDING);
    buffer_.assign(json);
    document_ = parser_.iterate(buffer_.data(), buffer_.size(), buffer_.capacity());
    return document_.get_object();
}

/// A schema seen before is skipped by comparing bytes.
std::string_view TransactionRecords::payloadOf(std::string_view record, std::string& prefix) {
    record = trim(record);
    if (prefix.empty() || !record.starts_with(prefix)) {
        if (!record.starts_with("{") || !trim(record.substr(1)).starts_with("\"schema\""))
            return record;
        object root = open(record);
        value payload;
        if (root.find_field("payload").get(payload) != simdjson::SUCCESS)
            return record;
        prefix = record.substr(0, static_cast<size_t>(payload.raw_json_token().data() - buffer_.data()));
    }
    record.remove_prefix(prefix.size());
    if (record.ends_with("}"))
        record.remove_suffix(1);
    return trim(record);
}

TransactionMark TransactionRecords::mark(std::optional<std::string_view> record, std::string& prefix) {
    TransactionMark mark;
    if (!record)
        return mark;
    try {
        const std::string_view payload = payloadOf(*record, prefix);
        if (!payload.starts_with("{"))
            return mark;
        bool hasOperation = false;
        for (auto field : open(payload)) {
            const simdjson::ondemand::raw_json_string key = field.key();
            if (key == "transaction") {
                readTransaction(field.value(), mark);
            } else if (key == "op") {
                const std::string_view operation = field.value().get_string();
                hasOperation = true;
                mark.change = operation == "c" || operation == "u" || operation == "d" || operation == "t";
            }
            if (hasOperation && !mark.id.empty())
                return mark;
        }
        // Flattened rows have neither.
        if (!hasOperation)
            mark.change = true;
    } catch (const simdjson::simdjson_error&) {
        return {};
    }
    return mark;
}

std::optional<Boundary> TransactionRecords::boundary(std::optional<std::string_view> record) {
    if (!record)
        return std::nullopt;
    try {
        const std::string_view payload = payloadOf(*record, boundaryPrefix_);
        if (!payload.starts_with("{"))
            return std::nullopt;
        Boundary boundary;
        std::string status;
        for (auto field : open(payload)) {
            const simdjson::ondemand::raw_json_string key = field.key();
            if (key == "status")
                status = textOf(field.value());
            else if (key == "id")
                boundary.id = transactionId(textOf(field.value()));
            else if (key == "data_collections")
                boundary.totals = readTotals(field.value());
        }
        boundary.end = status == "END";
        if (boundary.id.empty() || (status != "BEGIN" && status != "END"))
            return std::nullopt;
        return boundary;
    } catch (const simdjson::simdjson_error&) {
        return std::nullopt;
    }
}

} // namespace standin::cdc
