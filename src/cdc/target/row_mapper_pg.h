#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cdc/event/event.h"
#include "cdc/mapping/mask.h"
#include "cdc/mapping/metadata.h"
#include "cdc/mapping/redaction.h"
#include "cdc/target/expression_pg.h"
#include "kafka/kafka_pg.h"

namespace standin::cdc {

struct ColumnMapping;
struct TableConfig;
class TargetTable;

/// What becomes of a row.
enum class Mapped : uint8_t {
    Kept,
    Skipped, ///< by the row filter: nothing is to be done
    Left     ///< it does not match the row filter (any more): the event is now a delete of its key
};

/// Makes of an event's fields what the target's columns store, as standin.cdc_column_map and the table's row filter
/// say. Confidential values end here: what comes after (expressions, writers, triggers, errors) never sees them.
class RowMapper {
public:
    explicit RowMapper(const TableConfig& config);

    /// Tells the decoder which fields to read for which column, and as what. Once for each Target; `columns` lives as
    /// long as its cells are mapped.
    void describe(Target& target, ColumnConversion* columns);

    /// Fills the cells of columns that are not simply a field. Runs user code as the table's role, in a
    /// subtransaction. Throws ValueError for what is the record's fault.
    Mapped map(TargetTable& table, Event& event, const Record& record, const kafka::Message& message,
               const std::string& placeholder, Arena& arena);

    const Redaction& redaction() const { return redaction_; }

private:
    struct Step {
        const ColumnMapping* mapping;
        uint16_t column;
        bool isKey = false;
        std::optional<Mask> mask{};
        std::optional<Metadata> metadata{};
        Cell constant{};
        std::unique_ptr<Expression> expression{};
    };

    /// What an image of the row is called in an envelope, and where to look if there is no envelope.
    struct Image {
        Cell* cells;
        const char* name;
        std::optional<std::string_view> record;
        bool keyOnly;
    };

    Step describeColumn(Target& target, const ColumnMapping& mapping);
    Cell constantCell(size_t column, const std::string& text);
    void hideConfidentialFields(Target& target) const;
    void prepareUserCode();
    void fill(const Step& step, const RecordPlace& place, const Event& event, Cell& cell, Arena& arena) const;
    Mapped runUserCode(Event& event, const Record& record, const std::string& placeholder, Arena& arena);
    Mapped filter(Event& event, const Image& now, const Image& before, const std::string& placeholder);
    void compute(const Image& image, bool keyOnly, const std::string& placeholder, Arena& arena);
    ExpressionInput inputOf(const Image& image, const std::string& placeholder) const;
    void finishKey(Event& event) const;

    const TableConfig& config_;
    const Redaction redaction_;
    const Target* target_ = nullptr;
    ColumnConversion* columns_ = nullptr;
    std::vector<Step> steps_;
    std::unique_ptr<ExpressionScope> scope_;
    std::unique_ptr<Expression> filter_;
    bool hasUserCode_ = false;
    bool usesEvent_ = false;
    Arena constants_;
};

} // namespace standin::cdc
