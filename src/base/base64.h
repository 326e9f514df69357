#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace standin {

inline size_t base64DecodedBound(std::string_view text) { return text.size() / 4 * 3 + 3; }

/// Decodes the standard and the URL-safe alphabet, padded or not, into `out` (at least base64DecodedBound bytes).
/// Returns the number of bytes, nothing if the text is not base64.
std::optional<size_t> base64Decode(std::string_view text, uint8_t* out);
std::optional<std::string> base64Decode(std::string_view text);
std::string base64Encode(std::string_view bytes);

/// Hexadecimal digits, either case, into `out` (at least text.size() / 2 bytes); false if the text is anything else.
bool hexDecode(std::string_view text, uint8_t* out);

} // namespace standin
