#pragma once

#include <simdjson.h>

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/arena.h"
#include "cdc/event/record_template.h"
#include "cdc/event/source_position.h"
#include "cdc/value/change.h"
#include "cdc/value/connect_json.h"
#include "cdc/value/connect_schema.h"

namespace standin::cdc {

/// What the records of a topic are: Debezium's envelope, or rows as ExtractNewRecordState leaves them.
enum class RecordForm : uint8_t { Unknown, Envelope, Flattened };

/// Knows the form of one topic's records for one target: which field goes to which column, by schema. Schemas are
/// parsed once; a record whose first bytes are those of a schema seen before skips them with one comparison.
class TopicForm {
public:
    static constexpr int32_t unknownField = -1;
    static constexpr int32_t droppedField = -2; ///< known, and stored nowhere

    struct Field {
        std::string name;
        int32_t column; ///< or one of the above
        const FieldSchema* schema;
    };

    /// What the envelopes of one shape look like, and what each of their values is for.
    struct EnvelopeTemplate {
        enum class Use : uint8_t { None, Column, UnknownField, Source, Operation, Microseconds, Milliseconds, Before };
        struct Value {
            Use use;
            int32_t column; ///< and its twins
            const FieldSchema* schema;
            SourceBlock::Field field;
            size_t place = 0; ///< in the record's template
        };

        RecordTemplate record;
        std::vector<Value> values; ///< without those that are of no use
        std::vector<std::string_view> tokens;
        bool hasAfter = false;
    };

    /// The fields of a row in the order the last record had them.
    struct Plan {
        ConnectWrapping wrapping; ///< empty if records carry no schema
        std::optional<RowSchema> schema;
        RecordForm form = RecordForm::Unknown; ///< as far as the schema tells
        std::vector<Field> fields;
        /// Those met so far, the last used first. They are not learnt for ever: a stream of ever new shapes has no use
        /// of them.
        std::vector<std::unique_ptr<EnvelopeTemplate>> templates;
        int lessons = 0;
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

} // namespace standin::cdc
