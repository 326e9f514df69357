#include "cdc/letter_retry_pg.h"

#include "base/base64.h"
#include "pg/spi.h"

namespace standin::cdc {

namespace {

constexpr auto pauseAfterFailure = std::chrono::seconds(5);

std::vector<std::pair<std::string, std::string>> headersOf(const std::string& json) {
    static pg::Statement split("select h->>'key', h->>'value' from jsonb_array_elements($1) h where h ? 'key'");
    std::vector<std::pair<std::string, std::string>> headers;
    for (const pg::Row row : split.run(pg::Jsonb{json}))
        headers.emplace_back(row.get<std::string>(0), base64Decode(row.get<std::string>(1)).value_or(""));
    return headers;
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

} // namespace

void pauseIfTooManyLetters(const std::string& source) {
    static pg::Statement pause(
        "update standin_private.kafka_consumer c set paused = true, changed_at = standin_private.clock_now(), "
        "changed_by = current_user, pause_reason = format('more than %s dead letters within %s', s.dead_letter_limit, "
        "s.dead_letter_window) from standin_private.cdc_source s where c.consumer = $1 and s.source = $1 and not "
        "c.paused "
        "and (select count(*) from standin_private.kafka_dead_letter d where d.consumer = $1 and d.created_at > "
        "greatest(standin_private.clock_now() - s.dead_letter_window, c.changed_at)) > s.dead_letter_limit");
    pause.run(source);
}

void LetterRetry::look() {
    static pg::Statement asked("select exists (select from standin_private.kafka_dead_letter "
                               "where consumer = $1 and retry_at is not null)");
    due_ = asked.run(worker_.key())[0].get<bool>(0);
}

void LetterRetry::attend(std::vector<std::unique_ptr<TargetTable>>& tables) {
    if (!due_ || Clock::now() < next_)
        return;
    try {
        while (due_ && !worker_.stopping())
            due_ = retryOne(tables);
    } catch (const Error& error) {
        worker_.setError(error.sqlstate(), std::string("retry of a dead letter: ") + error.what());
        next_ = Clock::now() + pauseAfterFailure;
    } catch (const pg::PgError& error) {
        worker_.setError(error.sqlstate(), std::string("retry of a dead letter: ") + error.what());
        next_ = Clock::now() + pauseAfterFailure;
    }
    applier_.reset();
}

std::optional<LetterRetry::Letter> LetterRetry::take() {
    static pg::Statement take(
        "select d.topic, d.partition, d.record_offset, d.key, d.value, d.headers, "
        "coalesce(floor(extract(epoch from d.record_at) * 1000)::bigint, -1), "
        "not d.retry_force and standin_private.cdc_dead_letter_stale(d) is not null "
        "from standin_private.kafka_dead_letter d where d.consumer = $1 and d.retry_at is not null "
        "order by d.topic, d.partition, d.record_offset limit 1 for update of d skip locked");
    const pg::Rows found = take.run(worker_.key());
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
                  row.get<bool>(7)};
    letter.record.headers = headersOf(row.get<std::string>(5));
    return letter;
}

/// False if none is left.
bool LetterRetry::retryOne(std::vector<std::unique_ptr<TargetTable>>& tables) {
    return worker_.transaction([&] {
        const auto letter = take();
        if (!letter)
            return false;
        if (letter->refused) // since it was asked for
            giveBack(worker_.key(), letter->record);
        else
            apply(tables, *letter);
        return true;
    });
}

void LetterRetry::apply(std::vector<std::unique_ptr<TargetTable>>& tables, const Letter& letter) {
    const kafka::MessageBatch batch(letter.record);
    const auto table = std::find_if(tables.begin(), tables.end(),
                                    [&](const auto& one) { return one->topic() == letter.record.topic; });
    if (table == tables.end()) {
        kafka::writeDeadLetter(worker_.key(), batch[0],
                               {"42704", "topic \"" + letter.record.topic + "\" has no table any more", std::nullopt});
        return;
    }
    for (const auto& one : tables)
        one->prepare();
    PartitionState state;
    state.topic = letter.record.topic;
    state.partition = letter.record.partition;
    state.table = static_cast<uint32_t>(table - tables.begin());
    applier_.retry(tables, batch, state);
    if (state.counts.deadLetters != 0)
        return;
    remove(worker_.key(), letter.record);
    // What it is a change of was counted when it came; how old it is says nothing about the stream.
    state.counts.bytes = state.counts.sourceMicros = state.counts.debeziumMicros = 0;
    recordProgress(worker_.key(), state);
}

} // namespace standin::cdc
