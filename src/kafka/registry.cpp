#include "kafka/registry.h"

#include <simdjson.h>

#include <algorithm>
#include <charconv>

#include "base/text.h"

namespace standin::kafka {

namespace {

using simdjson::dom::array;
using simdjson::dom::element;

constexpr size_t maxReferences = 256;
constexpr int64_t defaultTimeout = 5000; // milliseconds

constexpr std::string_view urlOption = "schema.registry.url";
constexpr std::string_view caOption = "schema.registry.ssl.ca.pem";
constexpr std::string_view timeoutOption = "schema.registry.timeout.ms";
constexpr std::string_view userOption = "schema.registry.basic.auth.user.info";

std::string valueOf(const Properties& properties, std::string_view name) {
    for (const auto& [key, value] : properties)
        if (key == name)
            return value;
    return {};
}

/// Without spaces around them and slashes behind them.
std::vector<std::string> urlsOf(std::string_view list) {
    std::vector<std::string> urls;
    while (!list.empty()) {
        const size_t comma = list.find(',');
        std::string_view url = list.substr(0, comma);
        list.remove_prefix(comma == std::string_view::npos ? list.size() : comma + 1);
        while (!url.empty() && url.front() == ' ')
            url.remove_prefix(1);
        while (!url.empty() && (url.back() == ' ' || url.back() == '/'))
            url.remove_suffix(1);
        urls.emplace_back(url);
    }
    return urls;
}

std::optional<int64_t> timeoutOf(std::string_view text) {
    int64_t milliseconds = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), milliseconds);
    if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size() || milliseconds < 1 ||
        milliseconds > 300000)
        return std::nullopt;
    return milliseconds;
}

HttpClient::Options httpOptions(const Properties& properties) {
    const std::string timeout = valueOf(properties, timeoutOption);
    return {valueOf(properties, userOption), valueOf(properties, caOption),
            std::chrono::milliseconds(timeoutOf(timeout).value_or(defaultTimeout))};
}

std::string_view textOf(const element& json, const char* key, std::string_view otherwise) {
    std::string_view text;
    return json[key].get(text) == simdjson::SUCCESS ? text : otherwise;
}

/// There is no such schema: asking another server, or again, does not help.
class NotThere : public Error {
public:
    using Error::Error;
};

/// Throws unless the answer is what was asked for.
void check(const HttpClient::Answer& answer) {
    if (answer.status == 200)
        return;
    simdjson::dom::parser parser;
    element json;
    int64_t code = 0;
    std::string_view message;
    if (parser.parse(answer.body).get(json) == simdjson::SUCCESS) {
        if (json["error_code"].get(code) != simdjson::SUCCESS)
            code = 0;
        message = textOf(json, "message", "");
    }
    const std::string said = "HTTP " + std::to_string(answer.status) +
                             (message.empty() ? "" : " (" + foreignText(message, 200) + ")");
    // A registry says with a code of its own that it has no such schema; any other 404 means that the URL is wrong.
    if (answer.status == 404 && code != 0)
        throw NotThere("22023", "the schema registry does not have it: " + said);
    if (answer.status == 401 || answer.status == 403)
        throw Error("28000", said, {},
                    "Give schema.registry.basic.auth.user.info in the user mapping of standin_owner.");
    throw Error(answer.status < 500 ? "08P01" : "08006", said);
}

} // namespace

SchemaRegistry::SchemaRegistry(const Properties& properties)
    : urls_(urlsOf(valueOf(properties, urlOption))), http_(httpOptions(properties)) {}

bool SchemaRegistry::isNamedIn(const Properties& properties) { return !valueOf(properties, urlOption).empty(); }

std::optional<std::vector<std::string>> SchemaRegistry::schema(uint32_t id, const HttpClient::Wait& wait) {
    Collection collection;
    if (!collect("/schemas/ids/" + std::to_string(id), collection, wait))
        return std::nullopt;
    return std::move(collection.texts);
}

bool SchemaRegistry::collect(const std::string& path, Collection& into, const HttpClient::Wait& wait) {
    const auto body = ask(path, wait);
    if (!body)
        return false;
    simdjson::dom::parser parser;
    element json;
    std::string_view text;
    if (parser.parse(*body).get(json) != simdjson::SUCCESS || json["schema"].get(text) != simdjson::SUCCESS)
        throw Error("08P01", "schema registry: the answer has no \"schema\"");
    if (const std::string_view type = textOf(json, "schemaType", "AVRO"); type != "AVRO")
        throw Error("22023", "it is of type " + foreignText(type, 40) + ", not AVRO");
    array references;
    if (json["references"].get(references) == simdjson::SUCCESS)
        for (const element& reference : references) {
            std::string_view subject;
            int64_t version = 0;
            if (reference["subject"].get(subject) != simdjson::SUCCESS ||
                reference["version"].get(version) != simdjson::SUCCESS)
                throw Error("08P01", "schema registry: a reference has no subject or no version");
            // One that was deleted still describes what was written with it.
            const std::string next = "/subjects/" + urlEscape(std::string(subject)) + "/versions/" +
                                     std::to_string(version) + "?deleted=true";
            if (!into.seen.insert(next).second)
                continue;
            if (into.seen.size() > maxReferences)
                throw Error("54000", "it refers to too many others");
            if (!collect(next, into, wait))
                return false;
        }
    into.texts.emplace_back(text);
    return true;
}

std::optional<std::string> SchemaRegistry::ask(const std::string& path, const HttpClient::Wait& wait) {
    std::optional<Error> failure;
    for (size_t i = 0; i < urls_.size(); ++i) {
        const size_t server = (current_ + i) % urls_.size();
        try {
            auto answer = http_.get(urls_[server] + path, wait);
            if (!answer)
                return std::nullopt;
            check(*answer);
            current_ = server;
            return std::move(answer->body);
        } catch (const NotThere&) {
            throw;
        } catch (const Error& error) {
            if (!failure)
                failure.emplace(error.sqlstate().c_str(), "schema registry " + urls_[server] + ": " + error.what(),
                                error.detail(), error.hint());
        }
    }
    throw *failure;
}

bool isRegistryOption(std::string_view name) { return name.starts_with("schema.registry."); }

void validateRegistryOption(const std::string& name, const std::string& value) {
    std::optional<std::string> complaint;
    if (name == urlOption) {
        const auto urls = urlsOf(value);
        if (urls.empty())
            complaint = "It is empty.";
        for (const std::string& url : urls)
            if (!complaint)
                complaint = complaintAboutUrl(url);
    } else if (name == timeoutOption) {
        if (!timeoutOf(value))
            complaint = "It is a number of milliseconds from 1 to 300000.";
    } else if (name == caOption) {
        if (value.find("-----BEGIN CERTIFICATE-----") == std::string::npos)
            complaint = "It holds no certificate in PEM form.";
    } else if (name == userOption) {
        if (value.find(':') == std::string::npos)
            complaint = "It has the form user:password.";
    }
    if (complaint)
        throw Error("22023", "invalid value for option \"" + name + "\"", *complaint);
}

} // namespace standin::kafka
