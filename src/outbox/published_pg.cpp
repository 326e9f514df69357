#include "outbox/published_pg.h"

#include <algorithm>

#include "kernel/clock.h"
#include "kernel/commit_hook.h"
#include "outbox/topic_pg.h"
#include "pg/own_table.h"
#include "pg/owner.h"

extern "C" {
#include <catalog/namespace.h>
#include <commands/sequence.h>
}

namespace standin::outbox {

namespace {

constexpr int64_t transactionRecords = 1'000'000;
constexpr int64_t transactionBytes = 256 << 20;

/// What a subtransaction, with all that have become part of it, has published.
struct Part {
    SubTransactionId subtransaction;
    int64_t messages;
    int64_t bytes;
};

struct Published {
    std::vector<Part> parts; // the innermost last
    std::string relay;       // while anything is published
    int64_t batch = 0;
    int64_t n = 0;
    bool placed = false; // in the order of commits: what comes now would not be counted

    int64_t messages() const {
        int64_t sum = 0;
        for (const Part& part : parts)
            sum += part.messages;
        return sum;
    }
    int64_t bytes() const {
        int64_t sum = 0;
        for (const Part& part : parts)
            sum += part.bytes;
        return sum;
    }
};

Published published;

int64_t newBatch() {
    return pg::call([] {
        return nextval_internal(get_relname_relid("outbox_batch", get_namespace_oid("standin_private", false)), false);
    });
}

void beforeCommit() {
    static pg::OwnTable commits("outbox_commit",
                                {"relay", "timeline", "seq", "batch", "messages", "bytes", "committed_at"});
    if (published.parts.empty() || published.messages() == 0)
        return;
    published.placed = true;
    const pg::OwnerScope owner;
    const kernel::CommitPlace place = commitOrder.take();
    commits.insert(published.relay, place.timeline, place.seq, published.batch, published.messages(), published.bytes(),
                   pg::Timestamptz{kernel::now()});
}

void beforePrepare() {
    if (!published.parts.empty() && published.messages() > 0)
        throw Error("0A000", "cannot PREPARE a transaction that has published",
                    "Its place in the order of commits would be known long before it commits.");
}

void afterEnd(kernel::TransactionEnd) noexcept {
    forgetTopics();
    if (published.batch != 0)
        published = {};
}

void afterSubtransaction(kernel::TransactionEnd end, uint32_t self, uint32_t parent) noexcept {
    if (end == kernel::TransactionEnd::Abort)
        forgetTopics(); // it may have made one
    auto& parts = published.parts;
    if (parts.empty() || parts.back().subtransaction != self)
        return;
    const Part ended = parts.back();
    if (end == kernel::TransactionEnd::Abort) {
        parts.pop_back();
    } else if (parts.size() > 1 && parts[parts.size() - 2].subtransaction == parent) {
        parts.pop_back();
        parts.back().messages += ended.messages;
        parts.back().bytes += ended.bytes;
    } else {
        parts.back().subtransaction = parent;
    }
}

} // namespace

Place notePublished(const std::string& relay, int64_t bytes) {
    if (published.placed)
        throw Error("0A000", "cannot publish while the transaction commits");
    const int64_t messages = published.messages();
    if (messages > 0 && published.relay != relay)
        throw Error("0A000", "cannot publish to topics of two relays in one transaction",
                    "Relays \"" + published.relay + "\" and \"" + relay + "\" would not send them together.");
    if (messages + 1 > transactionRecords || published.bytes() + bytes > transactionBytes)
        throw Error("54000", "one transaction publishes too much",
                    "It may publish " + std::to_string(transactionRecords) + " events, and " +
                        std::to_string(transactionBytes) + " bytes: Kafka gets them in one transaction.",
                    "Commit more often.");
    if (published.batch == 0)
        published.batch = newBatch();
    published.relay = relay;
    const SubTransactionId current = GetCurrentSubTransactionId();
    if (published.parts.empty() || published.parts.back().subtransaction != current)
        published.parts.push_back({current, 0, 0});
    published.parts.back().messages += 1;
    published.parts.back().bytes += bytes;
    return {published.batch, published.n++};
}

void initPublished() {
    kernel::onPreCommit(beforeCommit);
    kernel::onPrePrepare(beforePrepare);
    kernel::onTransactionEnd(afterEnd);
    kernel::onSubtransactionEnd(afterSubtransaction);
}

} // namespace standin::outbox

STANDIN_FUNCTION(standin_outbox_close) {
    standin::outbox::commitOrder.close();
    PG_RETURN_VOID();
}
