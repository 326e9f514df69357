#pragma once

#include <simdjson.h>

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cdc/event/record_template.h"
#include "cdc/value/connect_json.h"

namespace standin::cdc {

/// The source transaction that a change event says it belongs to.
struct TransactionMark {
    std::string id;              ///< empty: the event names none
    int64_t totalOrder = 0;      ///< its place in the transaction
    bool change = false;         ///< a change of a row: under `transaction` consistency it has to name a transaction
    int64_t lsn = 0;             ///< where the event is in the source's log, if that is PostgreSQL's
    int64_t collectionOrder = 0; ///< its place among the transaction's events of its table
    bool removes = false;        ///< a row
};

/// A record of the transaction topic.
struct Boundary {
    bool end = false;
    std::string id;
    std::vector<std::pair<std::string, int64_t>> totals; ///< of an END: events by data collection
    int64_t offset = 0;
    int64_t timestamp = -1; ///< when Kafka got it, in milliseconds since 1970
    int64_t lsn = 0;        ///< where it is in the source's log, if that is PostgreSQL's
};

/// What is the same of all ids of one transaction. PostgreSQL's connector writes `txid:lsn`, and the lsn of an event is
/// its own: another than that of BEGIN and END.
std::string_view transactionId(std::string_view id);
/// That lsn; 0 of other connectors.
int64_t transactionLsn(std::string_view id);

/// What the change events of one topic look like, as far as it was seen.
struct MarkForm {
    /// A template of records, and where in it is what they are looked at for.
    struct Shape {
        RecordTemplate record;
        size_t operation;
        std::optional<size_t> transaction; ///< nothing where they name none
        std::vector<std::string_view> tokens;
    };
    ConnectWrapping wrapping;  ///< the text of the schema that records come with
    std::vector<Shape> shapes; ///< the one met last first
    std::optional<RecordTemplate> transaction;
    int lessons = 0;
};

/// Looks into records for their transaction without decoding them.
class TransactionRecords {
public:
    /// What cannot be read names no transaction: the applier will say what is wrong with it.
    TransactionMark mark(std::optional<std::string_view> value, MarkForm& form);

    /// Nothing if the record is none of BEGIN and END.
    std::optional<Boundary> boundary(std::optional<std::string_view> value);

private:
    std::string_view payloadOf(std::string_view record, ConnectWrapping& wrapping);
    simdjson::ondemand::object open(std::string_view json);

    simdjson::ondemand::parser parser_;
    simdjson::ondemand::document document_; ///< the object that is read points into it
    std::string buffer_;
    ConnectWrapping boundaryWrapping_;
};

} // namespace standin::cdc
