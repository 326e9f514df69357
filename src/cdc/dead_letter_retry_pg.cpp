#include "cdc/dead_letter_retry_pg.h"

#include "base/base64.h"
#include "cdc/config/config_version_pg.h"
#include "cdc/stream/partition_progress_pg.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

constexpr auto pauseAfterFailure = std::chrono::seconds(2);
constexpr auto longestPause = std::chrono::seconds(60);
constexpr int64_t readerKilobytes = 1024;

std::vector<std::pair<std::string, std::string>> headersOf(const std::string& json) {
    static pg::Statement split("select h->>'key', h->>'value' from jsonb_array_elements($1) h where h ? 'key'");
    std::vector<std::pair<std::string, std::string>> headers;
    for (const pg::Row row : split.run(pg::Jsonb{json}))
        headers.emplace_back(row.get<std::string>(0), base64Decode(row.get<std::string>(1)).value_or(""));
    return headers;
}

/// One attempt more, in vain; what is kept of the record stays as it is.
void keep(const std::string& source, const kafka::StoredRecord& record, const std::string& sqlstate,
          const std::string& error) {
    static pg::Statement keep(
        "update standin_private.kafka_dead_letter set sqlstate = $5, error = $6, hint = null, column_name = null, "
        "attempts = attempts + 1, last_attempt_at = standin_private.clock_now(), retry_at = null, "
        "retry_by = null, retry_force = false where consumer = $1 and topic = $2 "
        "and partition = $3 and record_offset = $4");
    keep.run(source, record.topic, record.partition, record.offset, sqlstate, error);
}

void giveBack(const std::string& source, const kafka::StoredRecord& record) {
    static pg::Statement forget("update standin_private.kafka_dead_letter set retry_at = null, retry_by = null, "
                                "retry_force = false where consumer = $1 and topic = $2 and partition = $3 "
                                "and record_offset = $4");
    forget.run(source, record.topic, record.partition, record.offset);
}

void remove(const std::string& source, const kafka::StoredRecord& record) {
    static pg::Statement gone("delete from standin_private.kafka_dead_letter where consumer = $1 and topic = $2 "
                              "and partition = $3 and record_offset = $4");
    gone.run(source, record.topic, record.partition, record.offset);
}

std::optional<std::string> copyOf(std::optional<std::string_view> bytes) {
    return bytes ? std::optional(std::string(*bytes)) : std::nullopt;
}

} // namespace

LetterRetry::LetterRetry(kernel::Worker& worker, std::string source, const SourceConfig& config)
    : worker_(worker), source_(std::move(source)), version_(config.version), messageTopic_(config.messageTopic),
      applier_(source_, config.modes, config.properties), reader_(worker, config.properties, readerKilobytes),
      clock_(pauseAfterFailure, longestPause) {
    applier_.setMessagePolicy({config.onMessage, config.messageFunction});
}

void LetterRetry::look() {
    static pg::Statement asked("select exists (select from standin_private.kafka_dead_letter "
                               "where consumer = $1 and retry_at is not null)");
    due_ = asked.run(source_)[0].get<bool>(0);
}

void LetterRetry::attend(std::vector<std::unique_ptr<TargetTable>>& tables) {
    if (!due_ || !clock_.isDue())
        return;
    try {
        while (due_ && !worker_.stopping())
            due_ = retryOne(tables);
        clock_.succeed();
    } catch (const VersionChanged&) {
        applier_.reset();
        throw;
    } catch (const Error& error) {
        worker_.setErrorBeside(error.sqlstate(), std::string("retry of a dead letter: ") + error.what());
        clock_.fail();
    } catch (const pg::PgError& error) {
        worker_.setErrorBeside(error.sqlstate(), std::string("retry of a dead letter: ") + error.what());
        clock_.fail();
    }
    applier_.reset();
}

std::optional<LetterRetry::Letter> LetterRetry::next() {
    static pg::Statement next(
        "select d.topic, d.partition, d.record_offset, d.key, d.value, d.headers, "
        "coalesce(floor(extract(epoch from d.record_at) * 1000)::bigint, -1), d.redacted, "
        "not d.retry_force and standin_private.cdc_dead_letter_stale(d) is not null, "
        "coalesce(standin_private.cdc_topic_of(d.consumer, d.topic), '') "
        "from standin_private.kafka_dead_letter d where d.consumer = $1 and d.retry_at is not null "
        "order by d.topic, d.partition, d.record_offset limit 1");
    return worker_.transaction([&]() -> std::optional<Letter> {
        const pg::Rows found = next.run(source_);
        if (found.empty())
            return std::nullopt;
        const pg::Row row = found[0];
        const auto bytes = [&](int column) {
            return row.isNull(column) ? std::nullopt : std::optional(pg::bytesOf(row, column));
        };
        Letter letter{{row.get<std::string>(0),
                       row.get<int32_t>(1),
                       row.get<int64_t>(2),
                       bytes(3),
                       bytes(4),
                       {},
                       row.get<int64_t>(6)},
                      row.get<std::string>(9),
                      row.get<bool>(7),
                      row.get<bool>(8)};
        letter.record.headers = headersOf(row.get<std::string>(5));
        return letter;
    });
}

/// Whether the retry is still wanted, and nobody else is at it.
bool LetterRetry::lock(const kafka::StoredRecord& record) {
    static pg::Statement lock("select from standin_private.kafka_dead_letter d where consumer = $1 and topic = $2 "
                              "and partition = $3 and record_offset = $4 and retry_at is not null "
                              "and (retry_force or standin_private.cdc_dead_letter_stale(d) is null) "
                              "for update skip locked");
    return lock.run(source_, record.topic, record.partition, record.offset).affected() == 1;
}

/// False if Kafka does not have the record any more.
bool LetterRetry::readAgain(kafka::StoredRecord& record) {
    bool found = false;
    reader_.read(record.topic, record.partition, record.offset, record.offset + 1, [&](const kafka::Message& message) {
        record.key = copyOf(message.key());
        record.value = copyOf(message.value());
        record.headers = message.headers();
        record.timestamp = message.timestamp();
        found = true;
    });
    return found;
}

/// False if none is left.
bool LetterRetry::retryOne(std::vector<std::unique_ptr<TargetTable>>& tables) {
    auto letter = next();
    if (!letter)
        return false;
    if (letter->refused) { // since it was asked for
        worker_.transaction([&] { giveBack(source_, letter->record); });
        return true;
    }
    // What waits for the network comes before the transaction.
    if (letter->redacted && !readAgain(letter->record)) {
        worker_.transaction([&] { keep(source_, letter->record, "55000", "Kafka does not have the record any more"); });
        return true;
    }
    PartitionState partition;
    const bool fetched = applier_.fetchSchemas(kafka::MessageBatch(letter->record), {&partition},
                                               [this](int descriptor, std::chrono::milliseconds timeout) {
                                                   worker_.wait(timeout, {descriptor});
                                                   return !worker_.stopping();
                                               });
    if (fetched)
        worker_.transaction([&] {
            enterBesideTruncates(source_);
            if (lock(letter->record))
                apply(tables, *letter);
            requireVersion(source_, version_);
        });
    return true;
}

void LetterRetry::apply(std::vector<std::unique_ptr<TargetTable>>& tables, const Letter& letter) {
    const auto table =
        std::find_if(tables.begin(), tables.end(), [&](const auto& one) { return one->topic() == letter.table; });
    const bool known = table != tables.end();
    if (!known && letter.record.topic != messageTopic_)
        return keep(source_, letter.record, "42704", "topic \"" + letter.record.topic + "\" has no table any more");
    if (known)
        (*table)->prepare();
    PartitionState state;
    state.topic = letter.record.topic;
    state.partition = letter.record.partition;
    state.table = known ? static_cast<uint32_t>(table - tables.begin()) : noTable;
    state.alone = true; // a truncate has no key, so somebody insists on it
    loadMarks(source_, state);
    state.marks = {}; // it was seen before: that is no reason to skip it now
    applier_.apply(tables, kafka::MessageBatch(letter.record), {&state});
    if (state.counts.deadLetters != 0)
        return; // buried again, with its new error
    remove(source_, letter.record);
    // The record was counted when it came, and how old it is says nothing about the stream.
    state.counts.bytes = state.counts.sourceMicros = state.counts.debeziumMicros = 0;
    recordProgress(source_, state);
}

} // namespace standin::cdc
