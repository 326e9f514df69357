#include "outbox/queue_pg.h"

#include <algorithm>

#include "kernel/clock.h"
#include "outbox/record.h"
#include "pg/spi.h"

extern "C" {
#include <utils/fmgrprotos.h>
#include <utils/timestamp.h>
}

namespace standin::outbox {

namespace {

constexpr int64_t chunkBytes = 64 << 20;
constexpr int64_t pageBytes = 4 << 20;
constexpr int64_t pageRecords = 10000;

#define STANDIN_EVENT_COLUMNS "batch, n, event_id, topic, key, payload, headers::text, event_type, partition"

Event eventOf(const pg::Row& row, size_t commit) {
    Event event{.commit = commit,
                .n = row.get<int64_t>(1),
                .id = row.get<std::string>(2),
                .topic = row.get<std::string>(3),
                .key = row.optional<std::string>(4),
                .payload = row.isNull(5) ? std::nullopt : std::optional(pg::bytesOf(row, 5)),
                .headers = {},
                .partition = row.optional<int32_t>(8)};
    event.headers.emplace_back("id", event.id);
    if (const auto type = row.optional<std::string>(7))
        event.headers.emplace_back("eventType", *type);
    if (const auto more = row.optional<std::string>(6))
        for (auto& header : headersOf(*more))
            event.headers.push_back(std::move(header));
    return event;
}

[[noreturn]] void throwMissing(const Commit& commit, int64_t found) {
    throw Error("XX001",
                "batch " + std::to_string(commit.batch) + " has " + std::to_string(found) + " events where " +
                    std::to_string(commit.messages) + " were published",
                "A row of standin_private.outbox_message is missing: nothing is sent.");
}

/// Nothing if it is none: a stranger may have written it.
std::optional<pg::Timestamptz> momentOf(const std::string& text) {
    try {
        const int64_t moment = pg::inSubtransaction([&] {
            return pg::call([&] {
                return DatumGetTimestampTz(DirectFunctionCall3(timestamptz_in, CStringGetDatum(text.c_str()),
                                                               ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1)));
            });
        });
        return TIMESTAMP_NOT_FINITE(moment) ? std::nullopt : std::optional(pg::Timestamptz{moment});
    } catch (const pg::PgError&) {
        return std::nullopt;
    }
}

} // namespace

Chunk chunkAfter(const std::string& relay, const kernel::CommitPlace& from, const kernel::CommitPlace& to,
                 int64_t records, size_t commits) {
    static pg::Statement find(
        "SELECT timeline, seq, batch, messages, bytes FROM standin_private.outbox_commit WHERE relay = $1 AND "
        "(timeline, seq) > ($2, $3) AND (timeline, seq) <= ($4, $5) ORDER BY timeline, seq LIMIT $6",
        pg::Plan::ByIndex);
    const int64_t limit = std::min(records, static_cast<int64_t>(commits));
    const pg::Rows rows = find.run(relay, from.timeline, from.seq, to.timeline, to.seq, limit);
    Chunk chunk;
    int64_t bytes = 0;
    for (const pg::Row row : rows) {
        const Commit commit{
            {row.get<int32_t>(0), row.get<int64_t>(1)}, row.get<int64_t>(2), row.get<int64_t>(3), row.get<int64_t>(4)};
        if (!chunk.empty() && (chunk.messages + commit.messages > records || bytes + commit.bytes > chunkBytes)) {
            chunk.more = true;
            return chunk;
        }
        chunk.messages += commit.messages;
        bytes += commit.bytes;
        chunk.commits.push_back(commit);
    }
    chunk.more = static_cast<int64_t>(rows.size()) == limit;
    return chunk;
}

std::vector<Event> ChunkReader::next() {
    std::vector<Event> events;
    while (events.empty() && commit_ < chunk_.commits.size()) {
        size_t end = commit_;
        int64_t bytes = 0, records = 0;
        while (end < chunk_.commits.size() && bytes + chunk_.commits[end].bytes <= pageBytes &&
               records + chunk_.commits[end].messages <= pageRecords) {
            bytes += chunk_.commits[end].bytes;
            records += chunk_.commits[end].messages;
            ++end;
        }
        if (taken_ == 0 && end > commit_)
            readWhole(end, events);
        else
            readPart(events);
    }
    return events;
}

void ChunkReader::readWhole(size_t end, std::vector<Event>& events) {
    static pg::Statement find("SELECT " STANDIN_EVENT_COLUMNS
                              " FROM standin_private.outbox_message WHERE batch = ANY ($1)",
                              pg::Plan::ByIndex);
    std::vector<int64_t> batches;
    std::vector<std::pair<int64_t, size_t>> order; // batch, commit
    for (size_t i = commit_; i < end; ++i) {
        batches.push_back(chunk_.commits[i].batch);
        order.emplace_back(chunk_.commits[i].batch, i);
    }
    std::sort(order.begin(), order.end());
    std::vector<int64_t> found(end - commit_);
    for (const pg::Row row : find.run(batches)) {
        const auto place = std::lower_bound(order.begin(), order.end(), std::pair(row.get<int64_t>(0), size_t{0}));
        events.push_back(eventOf(row, place->second));
        ++found[place->second - commit_];
    }
    for (size_t i = commit_; i < end; ++i)
        if (found[i - commit_] != chunk_.commits[i].messages)
            throwMissing(chunk_.commits[i], found[i - commit_]);
    std::sort(events.begin(), events.end(), [](const Event& left, const Event& right) {
        return left.commit != right.commit ? left.commit < right.commit : left.n < right.n;
    });
    commit_ = end;
}

/// Of a transaction that is too large for a page.
void ChunkReader::readPart(std::vector<Event>& events) {
    static pg::Statement find("SELECT " STANDIN_EVENT_COLUMNS
                              " FROM standin_private.outbox_message WHERE batch = $1 AND "
                              "n > $2 ORDER BY n LIMIT $3",
                              pg::Plan::ByIndex);
    const Commit& commit = chunk_.commits[commit_];
    const int64_t average = std::max<int64_t>(commit.bytes / std::max<int64_t>(commit.messages, 1), 1);
    const int64_t limit = std::clamp<int64_t>(pageBytes / average, 1, pageRecords);
    for (const pg::Row row : find.run(commit.batch, lastN_, limit))
        events.push_back(eventOf(row, commit_));
    taken_ += static_cast<int64_t>(events.size());
    if (taken_ > commit.messages || (events.empty() && taken_ != commit.messages))
        throwMissing(commit, taken_);
    if (!events.empty()) {
        lastN_ = events.back().n;
        return;
    }
    ++commit_;
    taken_ = 0;
    lastN_ = -1;
}

void forget(const std::string& relay, const Chunk& chunk) {
    static pg::Statement messages("DELETE FROM standin_private.outbox_message WHERE batch = ANY ($1)",
                                  pg::Plan::ByIndex);
    static pg::Statement commits(
        "DELETE FROM standin_private.outbox_commit WHERE relay = $1 AND (timeline, seq) <= ($2, $3)",
        pg::Plan::ByIndex);
    std::vector<int64_t> batches;
    for (const Commit& commit : chunk.commits)
        batches.push_back(commit.batch);
    messages.run(batches);
    commits.run(relay, chunk.last().timeline, chunk.last().seq);
}

bool takeForSent(const Adoption& adoption, const Mark& mark) {
    // The clock tells what the number cannot: of another line of numbers, all that waits may be below the mark.
    static pg::Statement messages(
        "WITH gone AS (DELETE FROM standin_private.outbox_message m USING standin_private.outbox_commit c "
        " WHERE c.relay = $1 AND (c.timeline, c.seq) <= ($2, $3) AND c.committed_at <= $4 AND m.batch = c.batch "
        " RETURNING c.timeline, c.seq, m.n, m.event_id, m.topic, m.key, m.payload, m.headers, m.event_type, "
        "m.partition) "
        "INSERT INTO standin_private.outbox_discarded (relay, timeline, seq, event_id, topic, key, payload, headers, "
        "event_type, partition, discarded_at, discarded_by, reason) SELECT $1, g.timeline, g.seq, g.event_id, g.topic, "
        "g.key, g.payload, g.headers, g.event_type, g.partition, $5, $6, $7 FROM gone g ORDER BY g.timeline, g.seq, "
        "g.n");
    static pg::Statement commits("DELETE FROM standin_private.outbox_commit WHERE relay = $1 AND "
                                 "(timeline, seq) <= ($2, $3) AND committed_at <= $4");
    const auto made = momentOf(mark.at);
    if (!made)
        return false;
    const std::string reason =
        "taken for sent, before the mark " + shown(mark.place) + " of " + mark.at + ": " + adoption.reason;
    messages.run(adoption.relay, mark.place.timeline, mark.place.seq, *made, pg::Timestamptz{kernel::now()},
                 adoption.by, reason);
    commits.run(adoption.relay, mark.place.timeline, mark.place.seq, *made);
    return true;
}

void forgetUpTo(const std::string& relay, const kernel::CommitPlace& place) {
    static pg::Statement messages("DELETE FROM standin_private.outbox_message m USING standin_private.outbox_commit c "
                                  "WHERE c.relay = $1 AND (c.timeline, c.seq) <= ($2, $3) AND m.batch = c.batch");
    static pg::Statement commits(
        "DELETE FROM standin_private.outbox_commit c WHERE c.relay = $1 AND (c.timeline, c.seq) <= ($2, $3)");
    messages.run(relay, place.timeline, place.seq);
    commits.run(relay, place.timeline, place.seq);
}

} // namespace standin::outbox
