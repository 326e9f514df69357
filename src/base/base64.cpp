#include "base/base64.h"

#include <array>

namespace standin {

namespace {

constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr std::array<int8_t, 256> digitValues = [] {
    std::array<int8_t, 256> values{};
    values.fill(-1);
    for (size_t i = 0; i < alphabet.size(); ++i)
        values[static_cast<uint8_t>(alphabet[i])] = static_cast<int8_t>(i);
    values['-'] = 62;
    values['_'] = 63;
    return values;
}();

int hexValue(char digit) {
    if (digit >= '0' && digit <= '9')
        return digit - '0';
    const char lower = static_cast<char>(digit | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

} // namespace

std::optional<size_t> base64Decode(std::string_view text, uint8_t* out) {
    for (int padding = 0; padding < 2 && !text.empty() && text.back() == '='; ++padding)
        text.remove_suffix(1);
    if (text.size() % 4 == 1)
        return std::nullopt;
    uint8_t* const start = out;
    uint32_t bits = 0;
    int bitCount = 0;
    for (const char character : text) {
        const int8_t value = digitValues[static_cast<uint8_t>(character)];
        if (value < 0)
            return std::nullopt;
        bits = bits << 6 | static_cast<uint32_t>(value);
        bitCount += 6;
        if (bitCount >= 8) {
            bitCount -= 8;
            *out++ = static_cast<uint8_t>(bits >> bitCount);
        }
    }
    return static_cast<size_t>(out - start);
}

std::optional<std::string> base64Decode(std::string_view text) {
    std::string bytes(base64DecodedBound(text), '\0');
    const auto size = base64Decode(text, reinterpret_cast<uint8_t*>(bytes.data()));
    if (!size)
        return std::nullopt;
    bytes.resize(*size);
    return bytes;
}

std::string base64Encode(std::string_view bytes) {
    std::string text;
    text.reserve((bytes.size() + 2) / 3 * 4);
    for (size_t i = 0; i < bytes.size(); i += 3) {
        uint32_t bits = 0;
        for (size_t j = 0; j < 3; ++j)
            bits = bits << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0u);
        const size_t given = std::min<size_t>(3, bytes.size() - i);
        for (size_t j = 0; j < 4; ++j)
            text += j <= given ? alphabet[bits >> (18 - 6 * j) & 63] : '=';
    }
    return text;
}

bool hexDecode(std::string_view text, uint8_t* out) {
    if (text.size() % 2 != 0)
        return false;
    for (size_t i = 0; i < text.size(); i += 2) {
        const int high = hexValue(text[i]);
        const int low = hexValue(text[i + 1]);
        if (high < 0 || low < 0)
            return false;
        *out++ = static_cast<uint8_t>(high << 4 | low);
    }
    return true;
}

} // namespace standin
