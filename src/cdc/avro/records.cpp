#include "cdc/avro/records.h"

#include "cdc/avro/reader.h"
#include "cdc/failure/failure.h"

namespace standin::cdc {

namespace {

constexpr size_t prefixSize = 5;

Error withSchema(uint32_t id, const Error& error) {
    return Error(error.sqlstate().c_str(), "Avro schema " + std::to_string(id) + ": " + error.what(), error.detail(),
                 error.hint());
}

} // namespace

std::optional<uint32_t> AvroRecords::schemaId(std::optional<std::string_view> bytes) {
    if (!bytes || bytes->size() < prefixSize || bytes->front() != 0)
        return std::nullopt;
    uint32_t id = 0;
    for (size_t i = 1; i < prefixSize; ++i)
        id = id << 8 | static_cast<uint8_t>((*bytes)[i]);
    return id == 0 ? std::nullopt : std::optional(id);
}

bool AvroRecords::isKeyRead(const Record& record) const {
    return keys_ == Keys::Any || (keys_ == Keys::BesideAvro && (!record.value || schemaId(record.value)));
}

bool AvroRecords::learn(const Record& record, const Fetch& fetch) {
    return (!isKeyRead(record) || learn(record.key, fetch)) && learn(record.value, fetch);
}

bool AvroRecords::learn(std::optional<std::string_view> bytes, const Fetch& fetch) {
    const auto id = schemaId(bytes);
    if (!id || schemas_.contains(*id) || refused_.contains(*id))
        return true;
    try {
        const auto texts = fetch(*id);
        if (!texts)
            return false;
        schemas_.emplace(*id, std::make_unique<const AvroSchema>(*texts));
    } catch (const Error& error) {
        if (!isRecordError(error.sqlstate()))
            throw withSchema(*id, error);
        refused_.emplace(*id, withSchema(*id, error));
    }
    return true;
}

Error AvroRecords::noRegistry() {
    return Error("55000", "records are in Avro, and the source's server names no schema registry", {},
                 "Add the option \"schema.registry.url\" with ALTER SERVER.");
}

Record AvroRecords::toJson(const Record& record, Arena& arena) {
    Record json = record;
    if (isKeyRead(record))
        transcode(json.key, json.keySchema, arena);
    transcode(json.value, json.valueSchema, arena);
    return json;
}

void AvroRecords::transcode(std::optional<std::string_view>& bytes, const std::string*& schema, Arena& arena) {
    const auto id = schemaId(bytes);
    if (!id)
        return;
    const auto known = schemas_.find(*id);
    if (known == schemas_.end()) {
        const auto refused = refused_.find(*id);
        throw refused != refused_.end() ? refused->second : noRegistry();
    }
    json_.clear();
    try {
        avroToJson(known->second->root(), bytes->substr(prefixSize), json_);
    } catch (const Error& error) {
        throw withSchema(*id, error);
    }
    bytes = arena.copy(json_);
    if (!known->second->connect().empty())
        schema = &known->second->connect();
}

} // namespace standin::cdc
