#pragma once

#include <string>
#include <string_view>

namespace standin::cdc {

/// HMAC-SHA-256 in lower-case hex: equal values have equal hashes, so they can still be joined, and nobody without the
/// key can try values out.
std::string keyedHash(std::string_view key, std::string_view text);

} // namespace standin::cdc
