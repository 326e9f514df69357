#pragma once

#include <map>
#include <memory>
#include <optional>

#include "cdc/value.h"

namespace standin::cdc {

/// What a record turned out to be. Only a Row changes the target.
enum class EventKind : uint8_t { Row, Tombstone, Heartbeat, Transaction, SchemaChange, LogicalMessage, Truncate };

struct Event {
    EventKind kind = EventKind::Row;
    Operation operation = Operation::Create;
    Cell* cells = nullptr;      ///< one a target column
    Cell* before = nullptr;     ///< the row before, where the event has all of it and the target has no key
    int64_t sourceMicros = 0;   ///< when the source committed or wrote it, since 1970; 0 if it does not say
    int64_t debeziumMicros = 0; ///< when Debezium made the event
    uint32_t unknownFields = 0; ///< fields of the event that the target has no column for
    /// Whose log the position counts in (connector's name and database), and where in it the event is; `position`
    /// orders as bytes do within one origin and is empty for what has no comparable place: snapshot rows, unknown
    /// connectors.
    std::string_view origin;
    std::string_view position;
};

/// A record as Kafka has it.
struct Record {
    std::optional<std::string_view> key;
    std::optional<std::string_view> value;
    /// Connect schemas, as JSON, of what carries none itself. They outlive the decoder: one address is one schema.
    const std::string* keySchema = nullptr;
    const std::string* valueSchema = nullptr;
};

/// Knows the form of one topic's records for one target: which field goes to which column, by schema. Schemas are
/// parsed once; a record whose first bytes are those of a schema seen before skips them with one comparison.
class TopicForm {
public:
    struct Field {
        std::string name;
        int32_t column; ///< -1: the target has none
        const FieldSchema* schema;
    };

    /// The fields of a row in the order the last record had them.
    struct Plan {
        std::string prefix; ///< the record up to its payload; empty if records carry no schema
        std::optional<RowSchema> schema;
        std::vector<Field> fields;
        bool settled = false; ///< the target has a place for each of the fields, as far as it is to have one

        /// Where the field is, entered at the expected place if it is new.
        size_t locate(std::string_view name, size_t expected, const Target& target);
    };

    struct Parts {
        std::string_view payload;
        Plan* plan;
    };

    /// Splits a record into its schema's plan and its payload; it is all payload if its schema is known otherwise.
    Parts split(std::string_view record, const std::string* schema, simdjson::ondemand::parser& parser, Arena& arena);

private:
    Parts learn(std::string_view record, simdjson::ondemand::parser& parser, Arena& arena);

    static constexpr size_t maxPlans = 64;
    static constexpr size_t maxFields = 4096; ///< a bound on what a stream of ever new names can make us remember
    Plan schemaless_;
    std::vector<std::unique_ptr<Plan>> plans_; ///< last used first
    std::map<const std::string*, Plan> known_; ///< of schemas that are not in the records
};

/// A target with what its topic's records look like.
struct TableDecoder {
    explicit TableDecoder(Target forTarget) : target(std::move(forTarget)) {}

    Target target;
    TopicForm valueForm;
    TopicForm keyForm;
    TopicForm::Plan* lastForm = nullptr; ///< of the value decoded last
    Record lastRecord;                   ///< the same record
};

/// Decodes Debezium's envelope from JSON, with schema or without. Cells live in the arena, or in `value` as long as the
/// arena's copy of it.
class EventDecoder {
public:
    EventDecoder(const SourceModes& modes, Arena& arena);

    /// Without a value it is a tombstone. Throws Error (ValueError) if the record is no change event for the table.
    Event decode(TableDecoder& table, const Record& record);

private:
    struct Envelope;
    void readEnvelope(TableDecoder& table, TopicForm::Plan& plan, std::string_view payload, Envelope& envelope);
    void readSource(simdjson::ondemand::object source, Event& event);
    void readRow(const Target& target, TopicForm::Plan& plan, simdjson::ondemand::object row, Cell* cells,
                 uint32_t& unknownFields, bool keyOnly);
    template <class Wanted>
    void readTwins(const Target& target, const TopicForm::Field& field, simdjson::ondemand::value& value, Cell* cells,
                   Wanted wanted);
    void addKeyFromRecordKey(TableDecoder& table, const Record& record, Cell* cells);
    void addKeyFromBefore(TableDecoder& table, TopicForm::Plan& plan, std::string_view before, Cell* cells);

    Arena& arena_;
    simdjson::ondemand::parser parser_;
    simdjson::ondemand::parser secondParser_;
    simdjson::ondemand::parser twinParser_;
    ValueDecoder values_;
    ValueDecoder secondValues_;
    ValueDecoder twinValues_;
};

} // namespace standin::cdc
