#include "outbox/relay_store_pg.h"

#include "kafka/kafka_pg.h"
#include "kernel/clock.h"
#include "outbox/published_pg.h"
#include "outbox/queue_pg.h"
#include "pg/spi.h"

namespace standin::outbox {

std::optional<RelayConfig> loadRelay(const std::string& relay) {
    static pg::Statement find(
        "SELECT r.server, r.mark_topic, r.batch_records, r.paused, coalesce(r.pause_reason, ''), "
        "coalesce(max(t.max_bytes), 0)::bigint, coalesce(min(t.max_bytes), 2147483647)::bigint "
        "FROM standin_private.outbox_relay r LEFT JOIN standin_private.outbox_topic t USING (relay) "
        "WHERE r.relay = $1 GROUP BY r.relay");
    const pg::Rows rows = find.run(relay);
    if (rows.empty())
        return std::nullopt;
    const pg::Row row = rows[0];
    const std::string server = row.get<std::string>(0);
    RelayConfig config{.relay = relay,
                       .markTopic = row.get<std::string>(1),
                       .properties = {},
                       .batchRecords = row.get<int32_t>(2),
                       .largestEvent = row.get<int64_t>(5),
                       .smallestLimit = row.get<int64_t>(6),
                       .paused = row.get<bool>(3),
                       .pauseReason = row.get<std::string>(4)};
    config.properties = kafka::serverProperties(server);
    return config;
}

Known known(const std::string& relay, const std::optional<Mark>& mark) {
    static pg::Statement find(
        "SELECT p.timeline, p.seq, p.sent_timeline, p.sent_seq, o.system_identifier, o.timeline, "
        "EXISTS (SELECT FROM standin_private.outbox_claim c WHERE c.relay = p.relay AND c.claim::text = $2), "
        "EXISTS (SELECT FROM standin_private.outbox_claim c WHERE c.relay = p.relay AND c.marked), "
        "(SELECT a.mark FROM standin_private.outbox_adoption a WHERE a.relay = p.relay AND a.mark IS NOT NULL "
        " ORDER BY a.adoption DESC LIMIT 1), "
        "p.events + coalesce((SELECT sum(c.messages)::bigint FROM standin_private.outbox_commit c WHERE c.relay = "
        "p.relay "
        " AND (c.timeline, c.seq) > (p.timeline, p.seq) AND (c.timeline, c.seq) <= ($3, $4)), 0) "
        "FROM standin_private.outbox_progress p, standin_private.instance_observed() o WHERE p.relay = $1");
    const kernel::CommitPlace place = mark ? mark->place : kernel::CommitPlace{};
    const pg::Rows rows = find.run(relay, mark ? mark->claim : "", place.timeline, place.seq);
    if (rows.empty())
        throw Error("55000", "relay \"" + relay + "\" has no row of its progress");
    const pg::Row row = rows[0];
    return {.here = {.system = row.get<std::string>(4),
                     .timeline = row.get<int32_t>(5),
                     .sending = {row.get<int32_t>(0), row.get<int64_t>(1)},
                     .sent = {row.get<int32_t>(2), row.get<int64_t>(3)},
                     .claimKnown = row.get<bool>(6),
                     .everMarked = row.get<bool>(7),
                     .adopted = row.optional<std::string>(8)},
            .eventsUpToMark = row.get<int64_t>(9)};
}

std::string claim(const std::string& relay, const kernel::CommitPlace& from) {
    static pg::Statement insert(
        "INSERT INTO standin_private.outbox_claim (claim, relay, system_identifier, timeline, seq, at) "
        "SELECT gen_random_uuid(), $1, o.system_identifier, $2, $3, $4 FROM standin_private.instance_observed() o "
        "RETURNING claim");
    return insert.run(relay, from.timeline, from.seq, pg::Timestamptz{kernel::now()})[0].get<std::string>(0);
}

void claimMarked(const std::string& relay, const std::string& claim, bool recovered) {
    static pg::Statement mark("UPDATE standin_private.outbox_claim SET marked = true WHERE claim::text = $1");
    // The mark has the new claim: those of before are of interest to people alone.
    static pg::Statement forget(
        "DELETE FROM standin_private.outbox_claim WHERE claim IN (SELECT c.claim FROM standin_private.outbox_claim c "
        "WHERE c.relay = $1 AND c.claim::text <> $2 ORDER BY c.at DESC OFFSET 100)");
    static pg::Statement count(
        "UPDATE standin_private.outbox_progress SET recovered = recovered + 1 WHERE relay = $1 AND $2");
    mark.run(claim);
    forget.run(relay, claim);
    count.run(relay, recovered);
}

bool holdWaiting(const std::string& relay, const kernel::CommitPlace& from, const kernel::CommitPlace& to) {
    // standin.outbox_event_discard locks the same row first.
    static pg::Statement hold(
        "SELECT FROM standin_private.outbox_progress p WHERE p.relay = $1 AND EXISTS (SELECT "
        "FROM standin_private.outbox_commit c WHERE c.relay = $1 AND (c.timeline, c.seq) > ($2, $3) "
        "AND (c.timeline, c.seq) <= ($4, $5)) FOR NO KEY UPDATE OF p",
        pg::Plan::ByIndex);
    return !hold.run(relay, from.timeline, from.seq, to.timeline, to.seq).empty();
}

bool promise(const std::string& relay, const kernel::CommitPlace& place, int64_t events) {
    static pg::Statement update("UPDATE standin_private.outbox_progress p SET timeline = $2, seq = $3, events = $4, "
                                "blocked_event = NULL FROM standin_private.outbox_relay r "
                                "WHERE p.relay = $1 AND r.relay = p.relay AND NOT r.paused");
    return update.run(relay, place.timeline, place.seq, events).affected() == 1;
}

void noteSent(const std::string& relay, const kernel::CommitPlace& place) {
    static pg::Statement update("UPDATE standin_private.outbox_progress SET sent_timeline = $2, sent_seq = $3, "
                                "sent_at = $4, transactions = transactions + 1 WHERE relay = $1");
    update.run(relay, place.timeline, place.seq, pg::Timestamptz{kernel::now()});
}

void noteAborted(const std::string& relay, const std::string& blockedEvent) {
    static pg::Statement update("UPDATE standin_private.outbox_progress SET aborted = aborted + 1, "
                                "blocked_event = nullif($2, '')::uuid WHERE relay = $1");
    update.run(relay, blockedEvent);
}

bool stillBlocked(const std::string& relay) {
    static pg::Statement find(
        "SELECT EXISTS (SELECT FROM standin_private.outbox_progress WHERE relay = $1 AND blocked_event IS NOT NULL)");
    return find.run(relay)[0].get<bool>(0);
}

void noteFullness(const std::string& relay) {
    static pg::Statement update(
        "UPDATE standin_private.outbox_progress p SET is_full = w.is_full FROM (SELECT r.relay, "
        "coalesce(sum(c.messages), 0) >= r.max_rows OR coalesce(sum(c.bytes), 0) >= r.max_bytes AS is_full "
        "FROM standin_private.outbox_relay r LEFT JOIN standin_private.outbox_commit c USING (relay) "
        "WHERE r.relay = $1 GROUP BY r.relay) w WHERE p.relay = w.relay AND p.is_full <> w.is_full");
    update.run(relay);
}

namespace {

/// A restore may have begun a new line of timelines: what waits keeps its order, before all that comes.
void renumber(const std::string& relay, int32_t timeline) {
    static pg::Statement update(
        "UPDATE standin_private.outbox_commit c SET timeline = $2, seq = n.place FROM ("
        "SELECT o.timeline, o.seq, nextval('standin_private.outbox_order') AS place FROM (SELECT timeline, seq "
        "FROM standin_private.outbox_commit WHERE relay = $1 ORDER BY timeline, seq) o) n "
        "WHERE c.relay = $1 AND (c.timeline, c.seq) = (n.timeline, n.seq) AND EXISTS (SELECT "
        "FROM standin_private.outbox_commit l WHERE l.relay = $1 AND l.timeline > $2)");
    update.run(relay, timeline);
}

} // namespace

std::optional<std::string> adopt(const std::string& relay, const std::string& found,
                                 const std::optional<std::string>& text) {
    static pg::Statement wanted("SELECT adoption, choice, reason, adopted_by FROM standin_private.outbox_adoption "
                                "WHERE relay = $1 AND applied_at IS NULL AND made_for = $2 "
                                "ORDER BY adoption DESC LIMIT 1 FOR UPDATE");
    static pg::Statement applied(
        "UPDATE standin_private.outbox_adoption SET applied_at = $2, mark = $3 WHERE adoption = $1");
    static pg::Statement claims("DELETE FROM standin_private.outbox_claim WHERE relay = $1");
    static pg::Statement begin("UPDATE standin_private.outbox_progress SET timeline = 0, seq = 0, events = 0, "
                               "sent_timeline = 0, sent_seq = 0, blocked_event = NULL WHERE relay = $1");
    const pg::Rows rows = wanted.run(relay, found);
    if (rows.empty())
        return std::nullopt;
    const pg::Row row = rows[0];
    const Adoption adoption{row.get<int64_t>(0), relay, row.get<std::string>(1), row.get<std::string>(2),
                            row.get<std::string>(3)};
    const bool fromMark = adoption.choice == "from_mark";
    const std::optional<Mark> mark = text ? Mark::parse(*text) : std::nullopt;
    std::string obstacle;
    commitOrder.close();
    if (fromMark && !mark)
        obstacle = "there is no mark to go on from: adopt with from_here";
    else if (fromMark && !takeForSent(adoption, *mark))
        obstacle = "the mark's time is none, so nothing tells what it covers: adopt with from_here";
    if (obstacle.empty()) {
        renumber(relay, known(relay, std::nullopt).here.timeline);
        claims.run(relay);
        begin.run(relay);
        applied.run(adoption.number, pg::Timestamptz{kernel::now()}, text.value_or(""));
    }
    closeAdoptions(relay);
    return obstacle;
}

void noteFound(const std::string& relay, const std::string& found) {
    static pg::Statement update("UPDATE standin_private.outbox_progress SET mark_found = $2 WHERE relay = $1");
    update.run(relay, found);
}

void closeAdoptions(const std::string& relay) {
    static pg::Statement update("UPDATE standin_private.outbox_adoption SET applied_at = $2 WHERE relay = $1 AND "
                                "applied_at IS NULL");
    update.run(relay, pg::Timestamptz{kernel::now()});
}

} // namespace standin::outbox
