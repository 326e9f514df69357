#include "cdc/gap/gap_watch_pg.h"

#include <algorithm>

#include "base/text.h"
#include "cdc/avro/schema.h"
#include "pg/spi.h"

namespace standin::cdc {

using namespace std::chrono_literals;

namespace {

constexpr auto interval = 5s;
constexpr auto catchUpInterval = 500ms; ///< while there is more than was read; the stream is to go on as well
constexpr auto settleTime = 5s;         ///< after END was read, its events are in Kafka, whatever broker has them
constexpr int64_t lookBack = 10000;     ///< boundaries that are read again at start, to know what goes on
constexpr int64_t readAtOnce = 50000;   ///< boundaries
constexpr int64_t queueKilobytes = 1024;
constexpr int64_t maxWindow = 120000; ///< milliseconds of events that are read for several suspects at once

/// {"collection":[1,2]}
std::string jsonOf(const std::map<std::string, std::vector<int64_t>>& orders) {
    std::string json = "{";
    for (const auto& [collection, missing] : orders) {
        json += json.size() > 1 ? "," : "";
        appendJson(json, foreignText(collection));
        json += ":[";
        for (size_t i = 0; i < missing.size(); ++i)
            json += (i ? "," : "") + std::to_string(missing[i]);
        json += "]";
    }
    return json + "}";
}

} // namespace

GapWatch::GapWatch(kernel::Worker& worker, const std::string& source, const SourceConfig& config,
                   TransactionReader::Look look)
    : worker_(worker), source_(source), config_(config), look_(std::move(look)),
      reader_(worker, config.properties, std::min(config.queueKilobytes, queueKilobytes)) {}

std::chrono::milliseconds GapWatch::patience() const {
    if (!config_.transactionTopic)
        return 60s;
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(nextRead_ - Clock::now());
    return std::max<std::chrono::milliseconds>({left, retry_.left(), 1ms});
}

/// Whatever goes wrong is tried again; the stream, which has the same Kafka, says it.
void GapWatch::attend() {
    if (!config_.transactionTopic || Clock::now() < nextRead_ || !retry_.isDue())
        return;
    nextRead_ = Clock::now() + interval;
    try {
        if (!loaded_)
            load();
        if (!reader_.exists(*config_.transactionTopic))
            return; // a connector makes it with the first transaction
        readBoundaries();
        if (isDue())
            examine();
        else
            store();
        retry_.succeed();
    } catch (const Error& error) {
        retry_.fail();
        if (error.sqlstate() != "08006" && error.sqlstate() != "57P01")
            worker_.setError(error.sqlstate(), error.what());
    } catch (const pg::PgError& error) {
        retry_.fail();
        worker_.setError(error.sqlstate(), error.what());
    }
}

void GapWatch::load() {
    static pg::Statement load("select next_offset from standin_private.cdc_gap_watch where source = $1 and topic = $2");
    worker_.transaction([&] {
        for (const pg::Row row : load.run(source_, *config_.transactionTopic))
            stored_ = row.get<int64_t>(0);
    });
    next_ = std::max<int64_t>(stored_ - lookBack, 0);
    loaded_ = true;
}

void GapWatch::readBoundaries() {
    const std::string& topic = *config_.transactionTopic;
    const kafka::Watermarks marks = reader_.watermarks(topic, 0);
    if (next_ > marks.high) { // another topic of this name
        watch_ = {};
        suspects_.clear();
        next_ = stored_ = 0;
    }
    next_ = std::max(next_, marks.low);
    const int64_t to = std::min(marks.high, next_ + readAtOnce);
    if (next_ == to)
        return;
    // If retention has just overtaken it, the next look begins with what is left.
    reader_.read(topic, 0, next_, to, [this](const kafka::Message& message) { take(message); });
    if (to < marks.high)
        nextRead_ = Clock::now() + catchUpInterval;
}

void GapWatch::take(const kafka::Message& message) {
    auto boundary = records_.boundary(look_(message));
    next_ = message.offset() + 1;
    if (!boundary)
        return;
    boundary->offset = message.offset();
    boundary->timestamp = message.timestamp();
    const SourceTransaction* suspect = watch_.add(*boundary);
    if (suspect && boundary->offset >= stored_)
        suspects_.push_back({suspect->id, boundary->offset, Clock::now()});
}

bool GapWatch::isDue() const { return !suspects_.empty() && Clock::now() - suspects_.front().read >= settleTime; }

/// Those whose events are near each other's, which one restart makes suspect.
std::vector<const SourceTransaction*> GapWatch::dueSuspects() {
    std::vector<const SourceTransaction*> due;
    while (isDue()) {
        const SourceTransaction* transaction = watch_.find(suspects_.front().id);
        if (transaction && !due.empty() &&
            (transaction->eventsFrom > due.front()->eventsTo ||
             transaction->eventsTo - due.front()->eventsFrom > maxWindow))
            break;
        if (transaction)
            due.push_back(transaction);
        suspects_.pop_front();
    }
    return due;
}

void GapWatch::examine() {
    const auto waiting = suspects_;
    try {
        const auto due = dueSuspects();
        int64_t from = INT64_MAX, to = 0;
        for (const SourceTransaction* transaction : due) {
            from = std::min(from, transaction->eventsFrom);
            to = std::max(to, transaction->eventsTo);
        }
        const auto all = partitions();
        std::set<std::string> collections;
        for (const Partition& partition : all)
            collections.insert(partition.collection);
        GapSearch search(due, watch_.undisturbed(from, to), std::move(collections));
        std::map<std::string, MarkForm> forms;
        const bool whole = std::all_of(all.begin(), all.end(), [&](const Partition& partition) {
            return readEvents(partition, from, to, forms[partition.topic], search);
        });
        static pg::Statement answer("select standin_private.cdc_gaps_answer($1)");
        worker_.transaction([&] {
            for (const SourceTransaction* transaction : due)
                if (const Gap gap = search.find(*transaction); whole && !gap.empty())
                    note(*transaction, gap);
            answer.run(source_);
            move(examined());
        });
        stored_ = examined();
        if (isDue())
            nextRead_ = Clock::now() + catchUpInterval;
    } catch (...) {
        suspects_ = waiting;
        throw;
    }
}

std::vector<GapWatch::Partition> GapWatch::partitions() {
    static pg::Statement load(
        "select o.topic, o.partition, case when t.source is null then '' "
        "else coalesce(t.data_collection, substr(o.topic, strpos(o.topic, '.') + 1)) end "
        "from standin_private.kafka_offset o left join standin_private.cdc_table t "
        "on t.source = o.consumer and t.topic = standin_private.cdc_topic_of(o.consumer, o.topic) "
        "where o.consumer = $1 and o.topic <> $2 and o.topic <> $3 and o.topic not like '\\_\\_debezium-heartbeat%'");
    std::vector<Partition> all;
    worker_.transaction([&] {
        for (const pg::Row row : load.run(source_, *config_.transactionTopic, config_.schemaTopic.value_or("")))
            all.push_back({row.get<std::string>(0), row.get<int32_t>(1), row.get<std::string>(2)});
    });
    return all;
}

/// False if some of them may be gone from Kafka: what is not there then says nothing.
bool GapWatch::readEvents(const Partition& partition, int64_t from, int64_t to, MarkForm& form, GapSearch& search) {
    const std::string& topic = partition.topic;
    const int32_t number = partition.partition;
    const kafka::Watermarks marks = reader_.watermarks(topic, number);
    const auto first = reader_.offsetAt(topic, number, from);
    if (!first)
        return true;
    if (marks.low > 0 && *first <= marks.low)
        return false;
    const int64_t end = reader_.offsetAt(topic, number, to).value_or(marks.high);
    return *first >= end || reader_.read(topic, number, *first, end, [&](const kafka::Message& message) {
        search.add(records_.mark(look_(message), form), partition.collection);
    });
}

void GapWatch::note(const SourceTransaction& transaction, const Gap& gap) {
    static pg::Statement note("select standin_private.cdc_gap_note($1, $2, $3, $4, $5, $6, $7, $8)");
    const auto position = [](int64_t lsn) { return lsn ? std::optional(lsn) : std::nullopt; };
    std::vector<std::string> collections;
    for (const auto& [collection, count] : transaction.totals)
        collections.push_back(foreignText(collection));
    const std::string lacking = jsonOf(gap.collectionOrders);
    note.run(source_, foreignText(transaction.id), transaction.offset, position(transaction.begin), position(gap.first),
             gap.orders, pg::Jsonb{lacking}, collections);
}

int64_t GapWatch::examined() const { return std::max(stored_, suspects_.empty() ? next_ : suspects_.front().offset); }

void GapWatch::move(int64_t examined) {
    static pg::Statement move(
        "insert into standin_private.cdc_gap_watch (source, topic, next_offset) "
        "select s.source, $2, $3 from standin_private.cdc_source s where s.source = $1 "
        "on conflict (source) do update set topic = excluded.topic, next_offset = excluded.next_offset");
    move.run(source_, *config_.transactionTopic, examined);
}

void GapWatch::store() {
    if (examined() == stored_)
        return;
    worker_.transaction([&] { move(examined()); });
    stored_ = examined();
}

} // namespace standin::cdc
