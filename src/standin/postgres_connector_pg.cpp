#include <algorithm>
#include <libpq-fe.h>
#include <poll.h>

#include "standin/postgres_answer.h"
#include "standin/postgres_connector_pg.h"

namespace standin::core {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

PostgresConnector::PostgresConnector(const CoreConfig& config)
    : options_(config.connection),
      postSql_("SELECT status, reference, message FROM " + config.postFunction + "($1::text, $2::text, $3::jsonb)"),
      inquireSql_("SELECT status, reference, message FROM " + config.inquireFunction + "($1::text)"),
      probeSql_(config.probeFunction.empty() ? "SELECT 1" : "SELECT " + config.probeFunction + "()"),
      inquireFunction_(config.inquireFunction) {}

PostgresConnector::~PostgresConnector() { close(); }

void PostgresConnector::close() {
    if (connection_)
        PQfinish(connection_);
    connection_ = nullptr;
}

int PostgresConnector::socket() const { return connection_ ? PQsocket(connection_) : -1; }

bool PostgresConnector::readable() const {
    pollfd descriptor{PQsocket(connection_), POLLIN, 0};
    return poll(&descriptor, 1, 0) != 0;
}

milliseconds PostgresConnector::timeLeft() const {
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - steady_clock::now());
    return std::max(left, milliseconds(0));
}

void PostgresConnector::startPost(const Request& request, milliseconds timeout) { start(Call::post, request, timeout); }
void PostgresConnector::startInquire(const Request& request, milliseconds timeout) {
    start(Call::inquire, request, timeout);
}
void PostgresConnector::startProbe(milliseconds timeout) { start(Call::probe, {}, timeout); }

void PostgresConnector::start(Call call, const Request& request, milliseconds timeout) {
    call_ = call;
    request_ = request;
    answer_ = {};
    answered_ = false;
    waitsForWrite_ = false;
    deadline_ = steady_clock::now() + timeout;
    // A connection that the core closed in the meantime must be noticed before something is sent into it: nothing is
    // due on an idle one, so whatever there is to read is its end.
    if (connection_ && (readable() || PQtransactionStatus(connection_) != PQTRANS_IDLE))
        close();
    if (connection_)
        send();
    else
        connect();
}

void PostgresConnector::connect() {
    std::vector<const char*> keywords;
    std::vector<const char*> values;
    for (size_t i = 0; i < options_.keywords.size(); ++i) {
        keywords.push_back(options_.keywords[i].c_str());
        values.push_back(options_.values[i].c_str());
    }
    // The core itself gives up where we do, so that a call that timed out here cannot be booked much later.
    const std::string limit = "-c statement_timeout=" + std::to_string(timeLeft().count());
    const std::pair<const char*, const char*> fixed[] = {
        {"options", limit.c_str()}, {"client_encoding", "UTF8"}, {"gssencmode", "disable"}, {nullptr, nullptr}};
    for (const auto& [keyword, value] : fixed) {
        keywords.push_back(keyword);
        values.push_back(value);
    }
    connection_ = PQconnectStartParams(keywords.data(), values.data(), 0);
    phase_ = Phase::connecting;
    if (!connection_ || PQstatus(connection_) == CONNECTION_BAD || PQsetnonblocking(connection_, 1) != 0) {
        fail(connectionError());
        return;
    }
    waitsForWrite_ = true;
}

void PostgresConnector::advanceConnecting() {
    switch (PQconnectPoll(connection_)) {
    case PGRES_POLLING_FAILED:
        fail(connectionError());
        break;
    case PGRES_POLLING_OK:
        // Otherwise whoever may define a server could use the identity of this server's own operating system user.
        if (options_.passwordRequired && !PQconnectionUsedPassword(connection_))
            fail("the core asked for no password; only a superuser may allow that, with option password_required "
                 "'false' of "
                 "the user mapping");
        else
            send();
        break;
    case PGRES_POLLING_WRITING:
        waitsForWrite_ = true;
        break;
    default:
        waitsForWrite_ = false;
        break;
    }
}

void PostgresConnector::send() {
    const std::string& sql = call_ == Call::post ? postSql_ : call_ == Call::inquire ? inquireSql_ : probeSql_;
    const char* post[] = {request_.key.c_str(), request_.operation.c_str(), request_.payload.c_str()};
    const int count = call_ == Call::post ? 3 : call_ == Call::inquire ? 1 : 0;
    phase_ = Phase::sending; // from here on the core may have it
    if (PQsendQueryParams(connection_, sql.c_str(), count, nullptr, post, nullptr, nullptr, 0) == 0) {
        fail(connectionError());
        return;
    }
    waitsForWrite_ = true;
}

bool PostgresConnector::advance() {
    if (phase_ == Phase::done)
        return true;
    if (phase_ == Phase::connecting)
        advanceConnecting();
    if (phase_ == Phase::sending) {
        const int flushed = PQflush(connection_);
        if (flushed < 0)
            fail(connectionError());
        else if (flushed == 0)
            phase_ = Phase::receiving;
        waitsForWrite_ = flushed > 0;
    }
    if (phase_ == Phase::receiving || (phase_ == Phase::sending && waitsForWrite_))
        advanceReceiving();
    if (phase_ != Phase::done && timeLeft() == milliseconds(0))
        fail(phase_ == Phase::connecting ? "no connection within the time allowed"
                                         : "no answer within the time allowed");
    return phase_ == Phase::done;
}

void PostgresConnector::advanceReceiving() {
    if (PQconsumeInput(connection_) == 0) {
        fail(connectionError());
        return;
    }
    while (phase_ != Phase::done && !PQisBusy(connection_)) {
        PGresult* result = PQgetResult(connection_);
        if (!result) {
            phase_ = Phase::done;
            if (!answered_)
                fail("no answer");
            break;
        }
        take(result);
        PQclear(result);
    }
    if (phase_ != Phase::done && PQstatus(connection_) == CONNECTION_BAD)
        fail(connectionError());
}

void PostgresConnector::take(pg_result* result) {
    PostgresReply reply;
    auto text = [](const char* value) { return value ? std::string(value) : std::string(); };
    auto field = [&](int column) {
        return column < PQnfields(result) && !PQgetisnull(result, 0, column)
                   ? std::string(PQgetvalue(result, 0, column))
                   : std::string();
    };
    reply.failed = PQresultStatus(result) != PGRES_TUPLES_OK;
    if (reply.failed) {
        reply.severity = text(PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED));
        reply.sqlstate = text(PQresultErrorField(result, PG_DIAG_SQLSTATE));
        reply.message = text(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    } else {
        reply.rows = PQntuples(result);
        if (reply.rows > 0) {
            reply.status = field(0);
            reply.reference = field(1);
            reply.message = field(2);
        }
    }
    answer_ = call_ == Call::post      ? postAnswer(reply)
              : call_ == Call::inquire ? inquiryAnswer(reply)
                                       : probeAnswer(reply);
    answered_ = true;
}

/// The conversation broke down. Before anything was sent it is certain that nothing was booked. An answer alone is not:
/// the core commits after its row and before it is ready again, and deferred constraints or a crash can still undo it
/// there.
void PostgresConnector::fail(std::string message) {
    if (!answered_ || answer_.outcome != Outcome::notDelivered) {
        answer_.outcome = phase_ == Phase::connecting ? Outcome::notDelivered : Outcome::unknown;
        answer_.message = std::move(message);
        answer_.coreFault = true;
    }
    phase_ = Phase::done;
    close();
}

std::string PostgresConnector::connectionError() const {
    std::string message;
    for (const char* c = connection_ ? PQerrorMessage(connection_) : "out of memory"; *c; ++c) {
        const bool blank = *c == ' ' || *c == '\n' || *c == '\t';
        if (!blank)
            message += *c;
        else if (!message.empty() && message.back() != ' ')
            message += ' ';
    }
    message.erase(message.find_last_not_of(' ') + 1);
    return message.empty() ? "connection lost" : message;
}

} // namespace standin::core
