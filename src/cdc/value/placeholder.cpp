#include "cdc/value/placeholder.h"

#include <algorithm>
#include <cstring>

#include "base/base64.h"

namespace standin::cdc {

namespace {

std::string bytesOf(std::string_view configured) {
    constexpr std::string_view hexPrefix = "hex:";
    if (!configured.starts_with(hexPrefix))
        return std::string(configured);
    const std::string_view digits = configured.substr(hexPrefix.size());
    std::string bytes(digits.size() / 2, '\0');
    if (!hexDecode(digits, reinterpret_cast<uint8_t*>(bytes.data())))
        return std::string(configured);
    return bytes;
}

/// As Jackson writes it between quotes.
std::string escaped(std::string_view text) {
    std::string json;
    for (const char character : text) {
        if (character == '"' || character == '\\')
            json += '\\';
        json += character;
    }
    return json;
}

std::string hexOf(std::string_view bytes) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string hex;
    for (const char byte : bytes) {
        hex += digits[static_cast<unsigned char>(byte) >> 4];
        hex += digits[static_cast<unsigned char>(byte) & 15];
    }
    return hex;
}

/// Of an array of integers: Java's bytes, which are signed.
std::string arrayOfCodes(std::string_view bytes) {
    std::string json = "[";
    for (const char byte : bytes)
        json += std::to_string(static_cast<signed char>(byte)) + ",";
    json.back() = ']';
    return json;
}

} // namespace

Placeholder::Placeholder(std::string_view configured) {
    const std::string bytes = bytesOf(configured);
    text_ = escaped(bytes);
    object_ = "{\"" + text_ + "\":\"" + text_ + "\"}";
    map_ = escaped(object_);
    base64_ = base64Encode(bytes);
    base64Url_ = base64_;
    std::replace(base64Url_.begin(), base64Url_.end(), '+', '-');
    std::replace(base64Url_.begin(), base64Url_.end(), '/', '_');
    hex_ = hexOf(bytes);
    list_ = "[\"" + text_ + "\"]";
    base64List_ = "[\"" + base64_ + "\"]";
    codes_ = bytes.empty() ? list_ : arrayOfCodes(bytes);
}

bool Placeholder::isStructure(const char* token) const {
    const auto startsWith = [token](const std::string& whole) {
        return std::strncmp(token, whole.c_str(), whole.size()) == 0;
    };
    return startsWith(list_) || startsWith(codes_) || startsWith(object_) || startsWith(base64List_);
}

} // namespace standin::cdc
