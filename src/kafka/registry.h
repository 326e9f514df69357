#pragma once

#include <cstdint>
#include <set>
#include <string>
#include <vector>

#include "base/error.h"
#include "kafka/http.h"
#include "kafka/options.h"

namespace standin::kafka {

/// A schema registry that speaks Confluent's REST API. Remembers nothing: an id's schema never changes, so its caller
/// asks once.
class SchemaRegistry {
public:
    /// Of a foreign server and its user mapping; schema.registry.url must be among them.
    explicit SchemaRegistry(const Properties& properties);

    static bool isNamedIn(const Properties& properties);

    /// An Avro schema; before it the schemas it refers to, each after what it refers to itself. Nothing if `wait` gave
    /// up. Throws Error: 22023 if the registry has no such schema or it is not Avro; else (08006, 08P01, 28000) the
    /// registry cannot be asked now.
    std::optional<std::vector<std::string>> schema(uint32_t id, const HttpClient::Wait& wait);

private:
    struct Collection {
        std::vector<std::string> texts;
        std::set<std::string> seen;
    };
    bool collect(const std::string& path, Collection& into, const HttpClient::Wait& wait);
    std::optional<std::string> ask(const std::string& path, const HttpClient::Wait& wait);

    std::vector<std::string> urls_;
    size_t current_ = 0; ///< the one that answered last is asked first
    HttpClient http_;
};

/// Options that are for the registry and not for librdkafka.
bool isRegistryOption(std::string_view name);
/// Throws Error (22023), with the reason unless the option is a secret.
void validateRegistryOption(const std::string& name, const std::string& value);

} // namespace standin::kafka
