#include "cdc/mapping/mask.h"

#include "base/error.h"

namespace standin::cdc {

namespace {

constexpr std::string_view hidden = "******";
constexpr size_t mostKept = 16;

/// "first" or "last" and a number at the start of the pattern, taken off it; 0 if it is not there.
size_t takeCount(std::string_view& pattern, std::string_view word) {
    if (!pattern.starts_with(word))
        return 0;
    std::string_view rest = pattern.substr(word.size());
    size_t count = 0;
    while (!rest.empty() && rest[0] >= '0' && rest[0] <= '9' && count <= mostKept) {
        count = count * 10 + static_cast<size_t>(rest[0] - '0');
        rest.remove_prefix(1);
    }
    if (count == 0 || count > mostKept)
        return 0;
    pattern = rest;
    return count;
}

bool startsCharacter(char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; }

size_t characters(std::string_view text) {
    size_t count = 0;
    for (const char byte : text)
        count += startsCharacter(byte);
    return count;
}

} // namespace

Mask::Mask(std::string_view pattern) {
    std::string_view rest = pattern;
    if (pattern == "all") {
        kind_ = Kind::All;
    } else if (pattern == "null") {
        kind_ = Kind::Null;
    } else if (pattern.starts_with("text:")) {
        kind_ = Kind::Fixed;
        fixed_ = pattern.substr(5);
    } else {
        kind_ = Kind::Keep;
        first_ = takeCount(rest, "first");
        last_ = takeCount(rest, "last");
        if (first_ + last_ == 0 || !rest.empty())
            throw Error("22023", "invalid mask \"" + std::string(pattern) + "\"", {},
                        "It is all, null, text:..., or the characters to keep (up to 16 at each end): last4, first6, "
                        "first6last4.");
    }
}

std::optional<std::string> Mask::apply(std::string_view text) const {
    if (kind_ == Kind::Null)
        return std::nullopt;
    if (kind_ == Kind::Fixed)
        return fixed_;
    const size_t length = characters(text);
    // first6last4 shows ten of the sixteen digits of a card, as PCI DSS allows: what is kept may exceed what is hidden,
    // but not by far.
    const size_t kept = first_ + last_;
    if (kind_ == Kind::All || length < kept + (kept + 1) / 2)
        return std::string(hidden);
    std::string masked;
    size_t position = 0;
    for (const char byte : text) {
        position += startsCharacter(byte);
        if (position <= first_ || position > length - last_)
            masked += byte;
        else if (startsCharacter(byte))
            masked += '*';
    }
    return masked;
}

} // namespace standin::cdc
