#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace standin {

/// What eight decimal digits say; nothing if they are not all digits. (Three multiplications instead of eight: D.
/// Lemire, "Quickly parsing eight digits", 2018.)
inline std::optional<uint64_t> eightDigits(const char* at) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    if constexpr (std::endian::native != std::endian::little)
        word = __builtin_bswap64(word);
    constexpr uint64_t highNibbles = 0xf0f0f0f0f0f0f0f0, ofDigits = 0x3030303030303030, sixes = 0x0606060606060606;
    if ((word & highNibbles) != ofDigits || ((word + sixes) & highNibbles) != ofDigits)
        return std::nullopt;
    word = ((word & 0x0f0f0f0f0f0f0f0f) * 2561) >> 8;
    word = ((word & 0x00ff00ff00ff00ff) * 6553601) >> 16;
    return ((word & 0x0000ffff0000ffff) * 42949672960001) >> 32;
}

/// The number that one to eighteen decimal digits say, and nothing of any other text: no sign, no space.
inline std::optional<int64_t> plainNumber(std::string_view digits) {
    if (digits.empty() || digits.size() > 18)
        return std::nullopt;
    uint64_t number = 0;
    while (digits.size() >= 8) {
        const auto eight = eightDigits(digits.data());
        if (!eight)
            return std::nullopt;
        number = number * 100000000 + *eight;
        digits.remove_prefix(8);
    }
    for (const char digit : digits) {
        if (digit < '0' || digit > '9')
            return std::nullopt;
        number = number * 10 + static_cast<uint64_t>(digit - '0');
    }
    return static_cast<int64_t>(number);
}

} // namespace standin
