#pragma once

#include <string>
#include <string_view>

namespace standin::core {

/// A field of a payload. "amount" is the field of that name, whatever characters it has; "$.a.b" and "$.a.\"b.c\"" are
/// paths into nested objects.
class Field {
public:
    Field() = default;
    /// Throws Error 22023 for a path that is none.
    explicit Field(std::string_view name);

    const std::string& name() const { return name_; }
    const std::string& pointer() const { return pointer_; } ///< as RFC 6901 writes it
    bool none() const { return pointer_.empty(); }

private:
    std::string name_;
    std::string pointer_;
};

} // namespace standin::core
