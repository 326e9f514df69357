#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace standin::cdc {

/// How a value is made unreadable before anything stores it: "all", "null", "lastN", "firstN", "firstNlastM" (N, M
/// characters kept, up to 16), "text:..." (a fixed text).
class Mask {
public:
    /// Throws 22023 if the pattern is none.
    explicit Mask(std::string_view pattern);

    /// Nothing where the stored value is null. A text so short that less than a third of it would be hidden is hidden
    /// as a whole, and what "all" hides does not even show its length.
    std::optional<std::string> apply(std::string_view text) const;

private:
    enum class Kind { All, Null, Keep, Fixed };
    Kind kind_;
    size_t first_ = 0;
    size_t last_ = 0;
    std::string fixed_;
};

} // namespace standin::cdc
