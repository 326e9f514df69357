#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

namespace standin {

// A fast hash whose results may be stored: the same in every build.

inline uint64_t hashMix(uint64_t hash, uint64_t value) {
    const __uint128_t product = static_cast<__uint128_t>(hash ^ value) * 0x9E3779B97F4A7C15ull;
    return static_cast<uint64_t>(product) ^ static_cast<uint64_t>(product >> 64);
}

inline uint64_t hashBytes(uint64_t hash, std::string_view bytes) {
    hash = hashMix(hash + 0x2545F4914F6CDD1Dull, bytes.size() + 1);
    while (bytes.size() >= 8) {
        uint64_t word;
        std::memcpy(&word, bytes.data(), 8);
        hash = hashMix(hash + 1, word);
        bytes.remove_prefix(8);
    }
    uint64_t rest = 0;
    if (!bytes.empty())
        std::memcpy(&rest, bytes.data(), bytes.size());
    return hashMix(hash + 1, rest);
}

} // namespace standin
