#include "cdc/value/connect_json.h"

#include <array>

#include "base/error.h"
#include "cdc/value/json.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;

namespace {

struct Member {
    std::string_view name;
    json_type type{};
    size_t start = 0; ///< of its value's text
    size_t end = 0;
};

/// The members of an object that has just two of them.
std::optional<std::array<Member, 2>> twoMembers(simdjson::padded_string_view record,
                                                simdjson::ondemand::parser& parser) {
    std::array<Member, 2> members;
    simdjson::ondemand::document document;
    simdjson::ondemand::object root;
    check(parser.iterate(record).get(document));
    check(document.get_object().get(root));
    const std::string_view text(record.data(), record.size());
    size_t count = 0;
    for (auto next : root) {
        simdjson::ondemand::field field;
        check(std::move(next).get(field));
        if (count == members.size())
            return std::nullopt;
        Member& member = members[count++];
        member.name = rawKey(field);
        check(field.value().type().get(member.type));
        member.start = static_cast<size_t>(field.value().raw_json_token().data() - record.data());
        if (count == 2) // the first ends with the comma before this one's key
            members[0].end = text.rfind(',', static_cast<size_t>(member.name.data() - record.data()) - 1);
    }
    if (count != members.size())
        return std::nullopt;
    members[1].end = text.rfind('}');
    return members;
}

} // namespace

bool mayBeConnectRecord(std::string_view record) {
    if (!record.starts_with("{"))
        return false;
    const std::string_view first = trim(record.substr(1));
    return first.starts_with("\"schema\"") || first.starts_with("\"payload\"");
}

std::optional<ConnectRecord> connectRecord(simdjson::padded_string_view record, simdjson::ondemand::parser& parser) {
    auto members = twoMembers(record, parser);
    if (!members)
        return std::nullopt;
    if ((*members)[0].name == "payload")
        std::swap((*members)[0], (*members)[1]);
    const auto& [schema, payload] = *members;
    const bool described = schema.type == json_type::object || schema.type == json_type::null;
    if (schema.name != "schema" || payload.name != "payload" || !described)
        return std::nullopt;
    const std::string_view text(record.data(), record.size());
    ConnectRecord result;
    result.wrapping.prefix = text.substr(0, payload.start);
    result.wrapping.suffix = text.substr(payload.end);
    if (schema.type == json_type::object)
        result.schema = trim(text.substr(schema.start, schema.end - schema.start));
    return result;
}

} // namespace standin::cdc
