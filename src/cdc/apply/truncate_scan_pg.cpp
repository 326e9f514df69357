#include "cdc/apply/truncate_scan_pg.h"

#include <algorithm>

#include "pg/spi.h"

namespace standin::cdc {

namespace {

constexpr int64_t maxRecords = 500'000; // read again for one truncate: seconds, in which the other workers wait
constexpr int64_t firstStep = 1000;     // records
constexpr const char* byHand = "Delete by hand what is from before the truncate, then discard the record.";

} // namespace

std::vector<TouchedKeys::Partition> TouchedKeys::partitions() const {
    static pg::Statement load(
        "select o.partition, o.next_offset, (extract(epoch from p.debezium_at) * 1000000)::bigint "
        "from standin_private.kafka_offset o join standin_private.cdc_progress p "
        "on p.source = o.consumer and p.topic = o.topic and p.partition = o.partition "
        "where o.consumer = $1 and o.topic = $2 order by o.partition");
    static pg::Statement loadMarks(
        "select partition, origin, position, source_micros from standin_private.cdc_position "
        "where source = $1 and topic = $2");
    std::vector<Partition> partitions;
    for (const pg::Row row : load.run(source_, topic_))
        partitions.push_back({row.get<int32_t>(0), row.get<int64_t>(1), {{}, row.optional<int64_t>(2)}});
    for (const pg::Row row : loadMarks.run(source_, topic_)) {
        const auto partition =
            std::find_if(partitions.begin(), partitions.end(),
                         [number = row.get<int32_t>(0)](const Partition& one) { return one.number == number; });
        if (partition == partitions.end())
            continue;
        PositionMarks::Mark& mark = partition->progress.marks.emplace_back();
        mark.origin = row.get<std::string>(1);
        mark.position = pg::bytesOf(row, 2);
        mark.micros = row.get<int64_t>(3);
    }
    return partitions;
}

void TouchedKeys::readPartitions(RangeReader& reader, int64_t truncatedAt) {
    for (const Partition& partition : partitions())
        if (mayBeAhead(mark_, partition.progress))
            readPartition(reader, partition, truncatedAt);
}

/// Backwards from the truncate's time, in growing steps. What compaction removed has a later record of its key.
void TouchedKeys::readPartition(RangeReader& reader, const Partition& partition, int64_t truncatedAt) {
    AppliedRange range(mark_, partition.progress);
    const int64_t low = reader.watermarks(topic_, partition.number).low;
    const auto found = truncatedAt < 0 ? std::nullopt : reader.offsetAt(topic_, partition.number, truncatedAt);
    int64_t end = partition.applied;
    int64_t start = std::min(found.value_or(end), end) - 1;
    for (int64_t step = firstStep;; step *= 10) {
        start = std::max(start, low);
        range.beginStretch();
        bool there = true;
        if (start < end)
            there = reader.read(topic_, partition.number, start, end,
                                [&](const kafka::Message& message) { note(message, &range); });
        if (there && range.whole())
            return;
        if (there && start <= low && low == 0 && range.reaches())
            return;
        if (!there || start <= low)
            refuse(partition.number);
        end = start;
        start -= step;
    }
}

void TouchedKeys::readAgain(RangeReader& reader, int32_t partition, int64_t from, int64_t to) {
    if (!reader.read(topic_, partition, from, to, [&](const kafka::Message& message) { take(message); }))
        refuse(partition);
}

void TouchedKeys::refuse(int32_t partition) {
    throw Error("22023",
                "the source table was truncated, and which rows were changed since is not known: Kafka no longer has "
                "all records of partition " +
                    std::to_string(partition) + " from the truncate on",
                "", byHand);
}

void TouchedKeys::note(const kafka::Message& message, AppliedRange* range) {
    if (!lettersLoaded_)
        loadLetters();
    if (++records_ > maxRecords)
        throw Error("54000",
                    "the source table was truncated, and other partitions of its topic are too far ahead: more than " +
                        std::to_string(maxRecords) + " records after the truncate",
                    "", byHand);
    const Seen seen = decode_(message);
    const Side side = range ? range->take(seen.event) : sideOf(mark_, seen.event);
    if (side == Side::Before || seen.key.empty() || letters_.contains({message.partition(), message.offset()}))
        return;
    if (side == Side::Unknown)
        throw Error("22023",
                    "the source table was truncated, and whether record " + std::to_string(message.offset()) +
                        " of partition " + std::to_string(message.partition()) + " is from before that is not known",
                    "", byHand);
    keys_.insert(seen.key);
}

void TouchedKeys::loadLetters() {
    static pg::Statement load("select partition, record_offset from standin_private.kafka_dead_letter "
                              "where consumer = $1 and topic = $2 union all select partition, record_offset "
                              "from standin_private.kafka_dead_letter_discarded where consumer = $1 and topic = $2 "
                              "and restored_at is null");
    for (const pg::Row row : load.run(source_, topic_))
        letters_.insert({row.get<int32_t>(0), row.get<int64_t>(1)});
    lettersLoaded_ = true;
}

} // namespace standin::cdc
