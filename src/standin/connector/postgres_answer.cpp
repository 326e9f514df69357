#include "standin/connector/postgres_answer.h"

#include "base/text.h"

namespace standin::core {

namespace {

constexpr size_t statusShown = 100;
constexpr size_t sqlstateLength = 5;

std::string errorText(const PostgresReply& reply) {
    const std::string code = reply.sqlstate.empty() ? "" : " (" + foreignText(reply.sqlstate, sqlstateLength) + ")";
    return foreignText(reply.message, foreignTextMaximum - code.size()) + code;
}

/// A statement that ended in ERROR was rolled back. FATAL ended the session, perhaps between commit and answer.
bool rolledBack(const PostgresReply& reply) { return reply.severity == "ERROR"; }

/// An error on a connection that lives on says nothing about the core: it is the request's own trouble (our own
/// statement_timeout, its deadlock, its disk), and the probes tell of the rest.
bool coreFault(const PostgresReply& reply) { return !rolledBack(reply); }

Answer error(const PostgresReply& reply) {
    return {.outcome = rolledBack(reply) ? Outcome::notDelivered : Outcome::unknown,
            .message = errorText(reply),
            .coreFault = coreFault(reply)};
}

Answer settled(Outcome outcome, const PostgresReply& reply) {
    return {.outcome = outcome, .reference = foreignText(reply.reference), .message = foreignText(reply.message)};
}

Answer notUnderstood(const PostgresReply& reply) {
    return {.outcome = Outcome::unknown,
            .message = reply.rows == 1
                           ? "the core answered with status \"" + foreignText(reply.status, statusShown) + "\""
                           : "the core answered with " + std::to_string(reply.rows) + " rows"};
}

} // namespace

Answer postAnswer(const PostgresReply& reply) {
    if (reply.failed)
        return error(reply);
    if (reply.rows == 1 && reply.status == "posted")
        return settled(Outcome::posted, reply);
    if (reply.rows == 1 && reply.status == "rejected")
        return settled(Outcome::rejected, reply);
    return notUnderstood(reply);
}

Answer inquiryAnswer(const PostgresReply& reply) {
    if (reply.failed) // an inquiry that fails says nothing about the transaction
        return {.outcome = Outcome::unknown, .message = errorText(reply), .coreFault = coreFault(reply)};
    if (reply.rows == 1 && reply.status == "not_found")
        return {.outcome = Outcome::notFound, .message = foreignText(reply.message)};
    return postAnswer(reply);
}

Answer probeAnswer(const PostgresReply& reply) {
    if (reply.failed)
        return {.outcome = Outcome::unknown, .message = errorText(reply), .coreFault = true};
    const bool refused = reply.status == "f"; // a probe function may say false
    return {.outcome = refused ? Outcome::unknown : Outcome::posted,
            .message = refused ? "the core's probe says no" : "",
            .coreFault = refused};
}

Answer witnessAnswer(const PostgresReply& reply) {
    if (reply.failed)
        return {.outcome = Outcome::unknown, .message = foreignText("witness: " + errorText(reply)), .coreFault = true};
    if (reply.rows != 1 || reply.status.empty())
        return {.outcome = Outcome::unknown, .message = "witness: the core named no claim", .coreFault = true};
    return {.outcome = Outcome::posted, .reference = foreignText(reply.status)};
}

} // namespace standin::core
