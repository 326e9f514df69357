#include "base/text.h"

#include <algorithm>

namespace standin {

namespace {

/// Length of the character at the beginning, 0 if it is none.
size_t characterLength(std::string_view text) {
    const auto byte = [&](size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80)
        return first >= 0x20 && first != 0x7f ? 1 : first == '\n' || first == '\t' || first == '\r' ? 1 : 0;
    const size_t length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || text.size() < length)
        return 0;
    for (size_t i = 1; i < length; ++i)
        if ((byte(i) & 0xc0) != 0x80)
            return 0;
    const bool overlong = (first == 0xe0 && byte(1) < 0xa0) || (first == 0xf0 && byte(1) < 0x90);
    const bool surrogate = first == 0xed && byte(1) >= 0xa0;
    const bool beyond = first == 0xf4 && byte(1) >= 0x90;
    return overlong || surrogate || beyond ? 0 : length;
}

} // namespace

std::string foreignText(std::string_view text, size_t most) {
    std::string kept;
    kept.reserve(std::min(text.size(), most));
    while (!text.empty()) {
        const size_t length = characterLength(text);
        if (kept.size() + std::max<size_t>(length, 1) > most)
            break;
        if (length == 0)
            kept += '?';
        else
            kept.append(text.substr(0, length));
        text.remove_prefix(std::max<size_t>(length, 1));
    }
    return kept;
}

} // namespace standin
