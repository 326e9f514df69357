#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

namespace standin::cdc {

enum class AvroType : uint8_t {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Bytes,
    String,
    Record,
    Enum,
    Array,
    Map,
    Union,
    Fixed
};

/// One type of an Avro schema, with what Connect's converter noted on it.
struct AvroNode {
    AvroType type = AvroType::Null;
    uint64_t size = 0;                     ///< of Fixed
    std::vector<std::string> names;        ///< as JSON: a record's fields, an enum's symbols
    std::vector<const AvroNode*> children; ///< a record's fields, a union's branches, the one of an array or a map
    std::string connectType;               ///< int8 and int16, which Avro does not have
    std::string connectName;
    std::string connectParameters; ///< a JSON object, or empty
};

/// A writer's schema. Named types may refer to themselves: whoever walks the nodes counts the depth.
class AvroSchema {
public:
    static constexpr int maxDepth = 64;

    /// `texts`: the schema, last; before it those it refers to, each after what it refers to itself. Throws Error
    /// (22023).
    explicit AvroSchema(const std::vector<std::string>& texts);
    AvroSchema(const AvroSchema&) = delete;
    AvroSchema& operator=(const AvroSchema&) = delete;

    const AvroNode& root() const { return *root_; }
    /// The schema that Connect's JsonConverter would have written beside the payload; empty if the root is no record.
    const std::string& connect() const { return connect_; }

private:
    std::deque<AvroNode> nodes_;
    const AvroNode* root_ = nullptr;
    std::string connect_;
};

/// The only branch of a union beside null; null if it has several. What is no union is its own.
const AvroNode* soleBranch(const AvroNode& node, bool& optional);

/// Appends the text as a JSON string.
void appendJson(std::string& json, std::string_view text);

} // namespace standin::cdc
