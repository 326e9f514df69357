#pragma once

#include <string>
#include <string_view>

#include "cdc/value/connect_schema.h"

namespace standin::cdc {

/// For whom such a value is missing.
inline constexpr const char* withheldHint =
    "ALTER TABLE ... REPLICA IDENTITY FULL at the source, or Debezium's reselect post-processor, makes events carry "
    "such values.";

/// Debezium's unavailable.value.placeholder in each form that it takes in JSON: what stands where the source did not
/// send a value because it is stored out of line and did not change.
class Placeholder {
public:
    /// `configured` is the connector's option; "hex:" before hexadecimal digits is its form for arbitrary bytes.
    explicit Placeholder(std::string_view configured);

    /// A JSON string's token without its quotes; `asBytes` if it may be the base64 of bytes.
    bool isText(std::string_view token, bool asBytes) const {
        if (token == text_ || token == map_)
            return true;
        return asBytes && (token == base64_ || token == base64Url_ || token == hex_);
    }
    /// What an array or object begins with; the document's padding makes the look ahead safe.
    bool isStructure(const char* token) const;

private:
    std::string text_; ///< each as JSON writes it
    std::string map_;  ///< of hstore in its json mode
    std::string base64_;
    std::string base64Url_;
    std::string hex_;
    std::string list_;
    std::string base64List_;
    std::string codes_;
    std::string object_;
};

} // namespace standin::cdc
