#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace standin::cdc {

/// Makes records fit to be kept or shown where some fields are confidential.
class Redaction {
public:
    /// Field names as mappings have them; compared without regard to case, since too much hidden hurts nobody.
    explicit Redaction(std::vector<std::string> fields);

    bool needed() const { return !fields_.empty(); }
    /// A row's fields, that is members of the row's object.
    bool isConfidential(std::string_view field) const;

    /// The JSON text with "***" in place of the value of every member that has a confidential field's name, at any
    /// depth (before, after, key, flattened, structures, JSON within strings), and of what may quote statements
    /// (source.query, ddl). Nothing if it is no JSON object, or a Connect record whose payload is none: then nobody can
    /// tell what is in it.
    std::optional<std::string> redact(std::string_view json) const;

    /// The row of a change event as JSON text, with confidential members hidden: the envelope's `image` ("after",
    /// "before"); without an envelope the whole object (flattened events, keys). Nothing if it is not readable.
    std::optional<std::string> rowImage(std::string_view record, std::string_view image) const;

private:
    std::vector<std::string> fields_; ///< in lower case
};

} // namespace standin::cdc
