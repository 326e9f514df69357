#include "cdc/apply/truncate_barrier_pg.h"

#include <algorithm>

#include "cdc/config/source_lock_pg.h"
#include "cdc/stream/partition.h"
#include "pg/spi.h"

namespace standin::cdc {

void enterBesideTruncates(const std::string& source) { lockSource(source, pg::OwnLock::Truncate, ShareLock); }

void TruncateBarrier::enter() {
    static pg::Statement load("select topic, origin, position, source_micros, debezium_micros "
                              "from standin_private.cdc_truncate where source = $1");
    alone_ = onlyWorker_ || wantsAlone_;
    lockSource(source_, pg::OwnLock::Truncate, alone_ ? ExclusiveLock : ShareLock);
    marks_.clear();
    for (const pg::Row row : load.run(source_))
        marks_[row.get<std::string>(0)].push_back(
            {row.get<std::string>(1), pg::bytesOf(row, 2), row.get<int64_t>(3), row.get<int64_t>(4)});
}

void TruncateBarrier::requireAlone() const {
    if (!alone_)
        throw MustBeAlone();
}

/// Of its own log if it has a place in one, else the latest.
const TruncateMark* TruncateBarrier::find(const std::string& topic, const Event& event) const {
    const auto known = marks_.find(topic);
    if (known == marks_.end())
        return nullptr;
    const TruncateMark* latest = nullptr;
    for (const TruncateMark& mark : known->second) {
        if (!event.position.empty() && mark.origin == event.origin)
            return &mark;
        if (!latest || mark.sourceMicros > latest->sourceMicros)
            latest = &mark;
    }
    return latest;
}

Side TruncateBarrier::sideOf(const PartitionState& partition, const Event& event) const {
    // An ordered stream may bring a row late all the same: one of a transaction that its connector sent again.
    const bool isBound = !marks_.empty() && !partition.alone && (!ordered_ || !event.position.empty());
    const TruncateMark* mark = isBound ? find(partition.topic, event) : nullptr;
    if (!mark)
        return Side::After;
    const Side side = cdc::sideOf(*mark, event);
    const auto& reached = partition.marks.marks();
    const bool isBeyond = side == Side::Unknown && std::any_of(reached.begin(), reached.end(), [&](const auto& one) {
                              return one.origin == mark->origin && one.position > mark->position;
                          });
    return isBeyond ? Side::After : side;
}

bool TruncateBarrier::isTheLast(const PartitionState& partition, const Event& event) const {
    const TruncateMark* mark = find(partition.topic, event);
    return mark && event.origin == mark->origin && event.position == mark->position;
}

bool TruncateBarrier::isCommittedBeyond(const std::string& topic, const Event& truncate) const {
    static pg::Statement any("select exists (select from standin_private.cdc_position "
                             "where source = $1 and topic = $2 and origin = $3 and position > $4)");
    return any.run(source_, topic, truncate.origin, pg::Bytea{truncate.position})[0].get<bool>(0);
}

void TruncateBarrier::store(const std::string& topic, const TruncateMark& mark) {
    static pg::Statement store(
        "insert into standin_private.cdc_truncate (source, topic, origin, position, source_micros, debezium_micros) "
        "values ($1, $2, $3, $4, $5, $6) on conflict (source, topic, origin) do update set position = "
        "excluded.position, source_micros = excluded.source_micros, debezium_micros = excluded.debezium_micros");
    store.run(source_, topic, mark.origin, pg::Bytea{mark.position}, mark.sourceMicros, mark.debeziumMicros);
    auto& marks = marks_[topic];
    std::erase_if(marks, [&](const TruncateMark& other) { return other.origin == mark.origin; });
    marks.push_back(mark);
}

} // namespace standin::cdc
