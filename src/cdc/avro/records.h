#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/arena.h"
#include "base/error.h"
#include "cdc/avro/schema.h"
#include "cdc/event/event.h"

namespace standin::cdc {

/// Records in Confluent's wire format (a zero byte, four bytes of schema id, an Avro value) as the JSON that the rest
/// understands. Key and value are looked at independently; what is not Avro stays as it is.
class AvroRecords {
public:
    /// Which record keys may be Avro: those of other converters (LongConverter) may begin with a zero byte, too.
    enum class Keys : uint8_t {
        Any,
        BesideAvro, ///< where the value is Avro, or there is none
        None
    };
    explicit AvroRecords(Keys keys = Keys::Any) : keys_(keys) {}

    /// The texts of a schema, those it refers to first; nothing if the caller was told to stop. Throws Error: if that
    /// is the record's fault (there is no such schema) the record's, else the world's.
    using Fetch = std::function<std::optional<std::vector<std::string>>(uint32_t id)>;

    /// No JSON begins with a zero byte, and no schema is number 0.
    static std::optional<uint32_t> schemaId(std::optional<std::string_view> bytes);

    /// Fetches the schemas that the record needs and that are not known: before toJson(), and where waiting is
    /// harmless. False if `fetch` was told to stop.
    bool learn(const Record& record, const Fetch& fetch);
    /// What was refused by learn() may be asked for again.
    void forgetRefused() { refused_.clear(); }

    /// What there is to say if no registry is known to fetch from.
    static Error noRegistry();

    /// Throws Error if the record is no value of its schema, or there is no such schema; noRegistry() if learn() was
    /// not called for it.
    Record toJson(const Record& record, Arena& arena);

private:
    bool isKeyRead(const Record& record) const;
    bool learn(std::optional<std::string_view> bytes, const Fetch& fetch);
    void transcode(std::optional<std::string_view>& bytes, const std::string*& schema, Arena& arena);

    const Keys keys_;
    std::unordered_map<uint32_t, std::unique_ptr<const AvroSchema>> schemas_; ///< an id is one schema for ever
    std::unordered_map<uint32_t, Error> refused_;
    std::string json_;
};

} // namespace standin::cdc
