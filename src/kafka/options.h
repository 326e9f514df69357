#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace standin::kafka {

/// librdkafka properties by name, and those of the schema registry (kafka/registry.h).
using Properties = std::vector<std::pair<std::string, std::string>>;

enum class OptionPlace { Server, UserMapping };

/// Refuses, with a hint, an option that is unknown, belongs to the other place, has a value that is not taken,
/// or would let somebody who is no superuser read files as the server's operating system user.
void validateOption(OptionPlace place, const std::string& name, const std::string& value, bool superuser);

/// Whether an option is for librdkafka, and not for the product itself.
bool isLibraryOption(std::string_view name);

/// Whether it says something to producers alone.
bool isProducerOption(std::string_view name);

/// What the library does by itself must not make it act as the server's operating system user: a mechanism that nobody
/// named is PLAIN, not Kerberos, and nothing that was stored before it was checked becomes part of a command (22023).
void secure(Properties& properties);

/// What must be there as a whole.
void validateServerOptions(const Properties& options);

} // namespace standin::kafka
