#include "cdc/evolution/table_changes.h"

#include <algorithm>

#include <simdjson.h>

#include "base/error.h"

namespace standin::cdc {

using simdjson::dom::element;

namespace {

[[noreturn]] void throwMalformed() { throw Error("22023", "the record describes no change of tables"); }

template <class T> T required(simdjson::simdjson_result<element> value) {
    T result;
    if (value.get<T>().get(result) != simdjson::SUCCESS)
        throwMalformed();
    return result;
}

/// Empty for null, and for what is not there.
std::string text(simdjson::simdjson_result<element> value) {
    std::string_view result;
    return value.get_string().get(result) == simdjson::SUCCESS ? std::string(result) : std::string();
}

std::optional<int32_t> number(simdjson::simdjson_result<element> value) {
    int64_t result = 0;
    if (value.get_int64().get(result) != simdjson::SUCCESS || result < INT32_MIN || result > INT32_MAX)
        return std::nullopt;
    return static_cast<int32_t>(result);
}

/// Empty for null, and for what is not there.
std::vector<std::string> words(simdjson::simdjson_result<element> list) {
    std::vector<std::string> result;
    simdjson::dom::array array;
    if (list.get_array().get(array) == simdjson::SUCCESS)
        for (element word : array)
            result.emplace_back(required<std::string_view>(element(word)));
    return result;
}

/// "bank"."accounts", a quote within doubled.
std::vector<std::string> partsOf(std::string_view id) {
    std::vector<std::string> parts(1);
    bool quoted = false;
    for (size_t i = 0; i < id.size(); ++i) {
        if (id[i] == '"' && quoted && i + 1 < id.size() && id[i + 1] == '"')
            parts.back() += id[++i];
        else if (id[i] == '"')
            quoted = !quoted;
        else if (id[i] == '.' && !quoted)
            parts.emplace_back();
        else
            parts.back() += id[i];
    }
    return parts;
}

/// As AbstractTopicNamingStrategy.sanitizedTopicName writes it: "_" for each UTF-16 unit that no topic's name may have.
std::string collectionOf(const std::vector<std::string>& parts, size_t first) {
    std::string name;
    for (size_t i = first; i < parts.size(); ++i) {
        name += i > first ? "." : "";
        for (const char character : parts[i]) {
            const auto byte = static_cast<unsigned char>(character);
            if (byte < 0x80 && (isalnum(byte) || character == '.' || character == '_' || character == '-'))
                name += character;
            else if (byte < 0x80 || byte >= 0xc0) // not within a character
                name += byte >= 0xf0 ? "__" : "_";
        }
    }
    return name;
}

} // namespace

const SourceColumn* SourceTable::find(std::string_view name) const {
    const auto found =
        std::find_if(columns.begin(), columns.end(), [&](const SourceColumn& one) { return one.name == name; });
    return found == columns.end() ? nullptr : &*found;
}

TableChanges parseTableChanges(std::string_view record) {
    simdjson::dom::parser parser;
    element root;
    if (parser.parse(record.data(), record.size()).get(root) != simdjson::SUCCESS)
        throwMalformed();
    element payload;
    if (root["schema"].error() == simdjson::SUCCESS && root["payload"].get(payload) == simdjson::SUCCESS)
        root = payload;
    TableChanges result;
    result.connector = text(root["source"]["connector"]);
    simdjson::dom::array changes;
    if (root["tableChanges"].get_array().get(changes) != simdjson::SUCCESS)
        return result; // only a statement, of none of the tables that are captured
    for (element change : changes) {
        TableChange& one = result.changes.emplace_back();
        const std::vector<std::string> parts = partsOf(required<std::string_view>(change["id"]));
        one.collection = collectionOf(parts, 0);
        one.shortCollection = collectionOf(parts, parts.size() > 1 ? 1 : 0);
        one.dropped = required<std::string_view>(change["type"]) == "DROP";
        if (!one.dropped)
            one.definition = simdjson::minify(required<simdjson::dom::object>(change["table"]));
    }
    return result;
}

SourceTable parseSourceTable(std::string_view definition, std::string connector) {
    simdjson::dom::parser parser;
    element root;
    if (parser.parse(definition.data(), definition.size()).get(root) != simdjson::SUCCESS)
        throwMalformed();
    SourceTable table;
    table.connector = std::move(connector);
    table.comment = text(root["comment"]);
    for (element column : required<simdjson::dom::array>(root["columns"]))
        table.columns.push_back({std::string(required<std::string_view>(column["name"])), text(column["typeName"]),
                                 number(column["length"]), number(column["scale"]), text(column["comment"])});
    table.key = words(root["primaryKeyColumnNames"]);
    table.altered = words(root["altered"]);
    return table;
}

} // namespace standin::cdc
