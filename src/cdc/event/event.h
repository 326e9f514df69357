#pragma once

#include <optional>

#include "cdc/event/source_position.h"
#include "cdc/event/topic_format.h"
#include "cdc/value/value.h"

namespace standin::cdc {

/// What a record turned out to be. Only a Row, a Truncate and a LogicalMessage do something.
enum class EventKind : uint8_t {
    Row,
    Tombstone,
    Heartbeat,
    Transaction,
    SchemaChange,
    Signal,
    LogicalMessage,
    Truncate
};

/// What pg_logical_emit_message wrote at the source.
struct LogicalMessage {
    std::string_view prefix;
    std::string_view content;
    std::string_view lsn; ///< as pg_lsn is shown; empty if the source does not say
};

struct Event {
    EventKind kind = EventKind::Row;
    Operation operation = Operation::Create;
    Cell* cells = nullptr; ///< one a target column
    /// The row before, where the event has all of it and the target has no key. For a target with one: what is known of
    /// the row before an update, its key at least, where the record's key does not say that the key is the same.
    Cell* before = nullptr;
    bool beforeIsKey = false; ///< `before` has what is in the record's key, and no more
    LogicalMessage message;
    int64_t sourceMicros = 0;   ///< when the source committed or wrote it, since 1970; 0 if it does not say
    int64_t debeziumMicros = 0; ///< when Debezium made the event
    uint32_t unknownFields = 0; ///< fields of the event that the target has no column for
    /// Whose log the position counts in (connector's name and database), and where in it the event is; `position`
    /// orders as bytes do within one origin and is empty for what has no comparable place: snapshot rows, unknown
    /// connectors.
    std::string_view origin;
    std::string_view position;
    uint8_t segment = 0; ///< these three as in SourceBlock::Place
    uint8_t tail = 0;
    bool unique = false;
    bool hasKey = false;   ///< the record has one
    uint64_t identity = 0; ///< of operation and key, or of operation and row: tells events of one position apart
};

/// A record as Kafka has it.
struct Record {
    std::optional<std::string_view> key;
    std::optional<std::string_view> value;
    /// Connect schemas, as JSON, of what carries none itself. They outlive the decoder: one address is one schema.
    const std::string* keySchema = nullptr;
    const std::string* valueSchema = nullptr;
};

/// A target with what its topic's records look like.
struct TableDecoder {
    explicit TableDecoder(Target forTarget) : target(std::move(forTarget)) {
        for (const uint16_t column : target.key)
            if (!target.columns[column].computed())
                keyMembers.push_back('"' + target.columns[column].fieldName() + "\":");
    }

    Target target;
    std::vector<std::string> keyMembers; ///< of the target's key, as members of a JSON object begin
    TopicForm valueForm;
    TopicForm keyForm;
    TopicForm::Plan* lastForm = nullptr;   ///< of the row decoded last
    Record lastRecord;                     ///< the same record
    RecordForm form = RecordForm::Unknown; ///< that of the last row: it says what a tombstone means
    bool rewritesDeletes = false;          ///< deletes come as rows with __deleted
};

/// Decodes Debezium's events from JSON, with schema or without, in their envelope or flattened. Cells live in the
/// arena, or are views of the record, which must live as long.
///
/// A tombstone follows a delete in its envelope and says nothing more; in a flattened topic it is the delete. As long
/// as no row has shown which the topic is, there is nothing to delete.
class EventDecoder {
public:
    EventDecoder(const SourceModes& modes, Arena& arena);

    /// Throws Error (ValueError) if the record is no change event for the table.
    Event decode(TableDecoder& table, const Record& record);

    /// Where a record that cannot be decoded comes from, and who it is; as far as it can be told. Never throws.
    Event place(TableDecoder& table, const Record& record) noexcept;

    /// Columns of the target's key from a key's JSON; false if it is none for this target.
    bool decodeKey(TableDecoder& table, const Record& key, Cell* cells);

private:
    struct Envelope;
    void decodeValue(TableDecoder& table, const TopicForm::Parts& parts, const Record& record, Event& event);
    void decodeTombstone(TableDecoder& table, const Record& record, Event& event);
    void decodeEnvelope(TableDecoder& table, const TopicForm::Parts& parts, const Record& record, Event& event);
    void decodeFlattened(TableDecoder& table, const TopicForm::Parts& parts, const Record& record, Event& event);
    RecordForm expectedForm(const TableDecoder& table, const TopicForm::Parts& parts) const;
    void readEnvelope(TableDecoder& table, TopicForm::Plan& plan, std::string_view payload, Envelope& envelope);
    bool readByTemplate(TableDecoder& table, TopicForm::Plan& plan, std::string_view payload, Envelope& envelope);
    void learnTemplate(TopicForm::Plan& plan, std::string_view payload);
    void readToken(const Target& target, const TopicForm::EnvelopeTemplate::Value& value, std::string_view token,
                   Cell* cells);
    void readRowEvent(TableDecoder& table, TopicForm::Plan& plan, const Record& record, Envelope& envelope);
    void readMessage(simdjson::ondemand::object message, LogicalMessage& result);
    void readSource(simdjson::ondemand::object source, SourceBlock& block);
    enum class Columns : uint8_t { All, Key };
    void readRow(const Target& target, TopicForm::Plan& plan, simdjson::ondemand::object row, Cell* cells,
                 uint32_t& unknownFields, Columns columns, bool second);
    Cell* readImage(TableDecoder& table, TopicForm::Plan& plan, std::string_view image, Columns columns, Cell* cells);
    template <class Wanted>
    void readTwins(const Target& target, const TopicForm::Field& field, simdjson::ondemand::value& value, Cell* cells,
                   Wanted wanted);
    bool isKeyValue(const TargetColumn& column, std::string_view text, const Cell& cell);
    bool recordKeyTells(TableDecoder& table, const Record& record, const Cell* cells);
    void readOldKey(TableDecoder& table, TopicForm::Plan& plan, const Record& record, std::string_view image,
                    bool isFlattened, Event& event);
    void addMissingKey(TableDecoder& table, const Record& record, Cell* cells);
    bool lacksKey(const Target& target, const Cell* cells) const;
    void takeKeyFrom(const Target& target, const Cell* image, Cell* cells) const;
    void requireRowOf(const Target& target, simdjson::ondemand::object row, const Cell* cells) const;
    void setPlace(Event& event, const SourceBlock& block);

    const SourceModes& modes_;
    Arena& arena_;
    simdjson::ondemand::parser parser_;
    simdjson::ondemand::parser secondParser_;
    simdjson::ondemand::parser twinParser_;
    ValueDecoder values_;
    ValueDecoder secondValues_;
    ValueDecoder twinValues_;
};

} // namespace standin::cdc
