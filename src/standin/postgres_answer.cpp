#include "standin/postgres_answer.h"

namespace standin::core {

namespace {

std::string errorText(const PostgresReply& reply) {
    return reply.message + (reply.sqlstate.empty() ? "" : " (" + reply.sqlstate + ")");
}

/// A statement that ended in ERROR was rolled back. FATAL ended the session, perhaps between commit and answer.
bool rolledBack(const PostgresReply& reply) { return reply.severity == "ERROR"; }

/// Errors that say something about the core rather than about the request.
bool coreFault(const PostgresReply& reply) {
    const std::string shortage = reply.sqlstate.substr(0, 2);
    return !rolledBack(reply) || shortage == "57" || shortage == "53" || shortage == "25" || shortage == "58";
}

Answer error(const PostgresReply& reply) {
    return {.outcome = rolledBack(reply) ? Outcome::notDelivered : Outcome::unknown,
            .message = errorText(reply),
            .coreFault = coreFault(reply)};
}

Answer notUnderstood(const PostgresReply& reply) {
    return {.outcome = Outcome::unknown,
            .message = reply.rows == 1 ? "the core answered with status \"" + reply.status + "\""
                                       : "the core answered with " + std::to_string(reply.rows) + " rows"};
}

} // namespace

Answer postAnswer(const PostgresReply& reply) {
    if (reply.failed)
        return error(reply);
    if (reply.rows == 1 && reply.status == "posted")
        return {.outcome = Outcome::posted, .reference = reply.reference, .message = reply.message};
    if (reply.rows == 1 && reply.status == "rejected")
        return {.outcome = Outcome::rejected, .reference = reply.reference, .message = reply.message};
    return notUnderstood(reply);
}

Answer inquiryAnswer(const PostgresReply& reply) {
    if (reply.failed) // an inquiry that fails says nothing about the transaction
        return {.outcome = Outcome::unknown, .message = errorText(reply), .coreFault = coreFault(reply)};
    if (reply.rows == 1 && reply.status == "not_found")
        return {.outcome = Outcome::notFound, .message = reply.message};
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

} // namespace standin::core
