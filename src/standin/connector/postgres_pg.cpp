#include <algorithm>
#include <libpq-fe.h>
#include <poll.h>

#include "standin/connector/memory_allowance.h"
#include "standin/connector/postgres_answer.h"
#include "standin/connector/postgres_pg.h"

namespace standin::core {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

// A network may have forgotten a connection that was idle for longer, and tells nobody.
constexpr std::chrono::seconds idleMaximum{60};

// A core that gives up so much after us does no harm: see inquiryGrace.
constexpr milliseconds lateness{1000};

// libpq's buffer doubles, and the result is a copy; a connection that has used half of its memory is closed.
constexpr size_t memoryPerByte = 8;
constexpr size_t memoryBeside = 2 << 20;

/// The core gives up a little earlier than we do: then it says so, and a call that timed out here cannot be booked much
/// later.
milliseconds beforeUs(milliseconds left) { return std::max(left * 9 / 10, milliseconds(1)); }

/// The core cuts its own texts, which saves the way here; one that is larger all the same does not keep its word.
std::string answerSql(const std::string& function, const char* arguments) {
    return "SELECT status, pg_catalog.left(reference::text, 8192), pg_catalog.left(message::text, 8192) FROM " +
           function + arguments;
}

} // namespace

PostgresConnector::PostgresConnector(const CoreConfig& config)
    : options_(config.connection), postSql_(answerSql(config.postFunction, "($1::text, $2::text, $3::jsonb)")),
      inquireSql_(answerSql(config.inquireFunction, "($1::text)")),
      probeSql_(config.probeFunction.empty() ? "SELECT 1" : "SELECT " + config.probeFunction + "()"),
      witnessSql_("SELECT pg_catalog.left(" + config.witnessFunction + "($1::text, $2::text, $3::text)::text, 8192)"),
      inquireFunction_(config.inquireFunction), answerBytes_(config.answerBytes) {}

PostgresConnector::~PostgresConnector() { close(); }

size_t PostgresConnector::memoryOfConnection() const { return answerBytes_ * memoryPerByte + memoryBeside; }

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

/// A connection that the core closed in the meantime must be noticed before something is sent into it: nothing is due
/// on an idle one, so whatever there is to read is its end.
bool PostgresConnector::stale() const {
    return readable() || PQtransactionStatus(connection_) != PQTRANS_IDLE ||
           steady_clock::now() - lastUsed_ > idleMaximum;
}

milliseconds PostgresConnector::timeLeft() const {
    const auto left = std::chrono::ceil<milliseconds>(deadline_ - steady_clock::now());
    return std::max(left, milliseconds(0));
}

void PostgresConnector::startPost(const Request& request, milliseconds timeout) {
    start(Call::post, {request.key, request.operation, request.payload}, timeout);
}
void PostgresConnector::startInquire(const Request& request, milliseconds timeout) {
    start(Call::inquire, {request.key}, timeout);
}
void PostgresConnector::startProbe(milliseconds timeout) { start(Call::probe, {}, timeout); }
void PostgresConnector::startWitness(const Mark& mark, milliseconds timeout) {
    start(Call::witness, {mark.instance, mark.claim, mark.follows}, timeout);
}

void PostgresConnector::start(Call call, std::vector<std::string> arguments, milliseconds timeout) {
    call_ = call;
    arguments_ = std::move(arguments);
    answer_ = {};
    answered_ = false;
    waitsForWrite_ = false;
    deadline_ = steady_clock::now() + timeout;
    if (connection_ && stale())
        close();
    if (connection_)
        limit();
    else
        connect();
}

void PostgresConnector::connect() {
    coreGivesUp_ = beforeUs(timeLeft());
    memory_ = memoryOfConnection();
    phase_ = Phase::connecting;
    if (options_.passwordRequired && !options_.has("password")) {
        fail("password is required: the user mapping of standin_owner has none");
        return;
    }
    connection_ = startConnection(options_, coreGivesUp_);
    if (!connection_ || PQstatus(connection_) == CONNECTION_BAD || PQsetnonblocking(connection_, 1) != 0) {
        refuse();
        return;
    }
    waitsForWrite_ = true;
}

void PostgresConnector::advanceConnecting() {
    switch (pollConnection(connection_)) {
    case PGRES_POLLING_FAILED:
        refuse();
        break;
    case PGRES_POLLING_OK:
        // Otherwise whoever may define a server could use the identity of this server's own operating system user.
        if (options_.passwordRequired && !PQconnectionUsedPassword(connection_))
            fail("the core asked for no password; only a superuser may allow that, with option password_required "
                 "'false' of the user mapping");
        else
            limit();
        break;
    case PGRES_POLLING_WRITING:
        waitsForWrite_ = true;
        break;
    default:
        waitsForWrite_ = false;
        break;
    }
}

void PostgresConnector::limit() {
    const milliseconds left = timeLeft();
    if (coreGivesUp_ <= left + lateness && coreGivesUp_ >= left - left / 5) {
        send();
        return;
    }
    phase_ = Phase::limiting;
    coreGivesUp_ = beforeUs(left);
    if (PQsendQuery(connection_, ("SET statement_timeout = " + std::to_string(coreGivesUp_.count())).c_str()) == 0)
        fail(libpqFailure());
    waitsForWrite_ = true;
}

const std::string& PostgresConnector::sql() const {
    switch (call_) {
    case Call::post:
        return postSql_;
    case Call::inquire:
        return inquireSql_;
    case Call::witness:
        return witnessSql_;
    default:
        return probeSql_;
    }
}

void PostgresConnector::send() {
    const char* values[3] = {};
    std::transform(arguments_.begin(), arguments_.end(), values,
                   [](const std::string& value) { return value.c_str(); });
    phase_ = Phase::sending; // from here on the core may have it
    if (PQsendQueryParams(connection_, sql().c_str(), static_cast<int>(arguments_.size()), nullptr, values, nullptr,
                          nullptr, 0) == 0) {
        fail(libpqFailure());
        return;
    }
    waitsForWrite_ = true;
}

bool PostgresConnector::advance() {
    if (phase_ == Phase::done)
        return true;
    if (phase_ == Phase::connecting)
        advanceConnecting();
    if (phase_ == Phase::limiting || phase_ == Phase::sending)
        advanceSending();
    if (phase_ == Phase::limiting || phase_ == Phase::receiving || (phase_ == Phase::sending && waitsForWrite_))
        advanceReceiving();
    if (phase_ != Phase::done && timeLeft() == milliseconds(0))
        fail(phase_ == Phase::connecting ? "no connection within the time allowed"
                                         : "no answer within the time allowed");
    return phase_ == Phase::done;
}

void PostgresConnector::advanceSending() {
    const int flushed = PQflush(connection_);
    if (flushed < 0)
        fail(libpqFailure());
    else if (flushed == 0 && phase_ == Phase::sending)
        phase_ = Phase::receiving;
    waitsForWrite_ = flushed > 0;
}

void PostgresConnector::advanceReceiving() {
    if (!readable())
        return;
    const Reading reading = read();
    if (reading.result) {
        take(reading.result);
        PQclear(reading.result);
    }
    if (phase_ == Phase::done)
        return;
    if (reading.over)
        finish();
    else if (reading.failed || PQstatus(connection_) == CONNECTION_BAD)
        fail(libpqFailure());
}

/// What there is to read, in one go, since each allowance costs two looks at the system's books.
PostgresConnector::Reading PostgresConnector::read() {
    const MemoryAllowance allowance(memory_);
    Reading reading{.failed = PQconsumeInput(connection_) == 0};
    while (!reading.failed && !reading.over && !PQisBusy(connection_)) {
        PGresult* next = PQgetResult(connection_);
        reading.over = !next;
        if (!next)
            break;
        PQclear(reading.result); // the last one counts: an error after a row
        reading.result = next;
    }
    return reading;
}

void PostgresConnector::finish() {
    if (phase_ == Phase::limiting) {
        send();
        return;
    }
    if (!answered_) {
        fail("no answer");
        return;
    }
    phase_ = Phase::done;
    lastUsed_ = steady_clock::now();
    while (PGnotify* notification = PQnotifies(connection_)) // none was asked for
        PQfreemem(notification);
    if (memory_ < memoryOfConnection() / 2)
        close();
}

void PostgresConnector::take(pg_result* result) {
    const ExecStatusType status = PQresultStatus(result);
    const char* sqlstate = PQresultErrorField(result, PG_DIAG_SQLSTATE);
    if (status == PGRES_FATAL_ERROR && !sqlstate) { // libpq's own
        fail(libpqFailure());
        return;
    }
    if (phase_ == Phase::limiting) {
        if (status != PGRES_COMMAND_OK)
            fail("the core takes no statement_timeout: " + connectionFailure(PQresultErrorMessage(result)));
        return;
    }
    PostgresReply reply{.failed = status != PGRES_TUPLES_OK};
    const auto text = [](const char* value) { return value ? std::string(value) : std::string(); };
    size_t bytes = 0;
    const auto field = [&](int column) {
        if (column >= PQnfields(result) || PQgetisnull(result, 0, column))
            return std::string();
        bytes += static_cast<size_t>(PQgetlength(result, 0, column));
        return bytes <= answerBytes_ ? std::string(PQgetvalue(result, 0, column)) : std::string();
    };
    if (reply.failed) {
        reply.severity = text(PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED));
        reply.sqlstate = text(sqlstate);
        reply.message = text(PQresultErrorField(result, PG_DIAG_MESSAGE_PRIMARY));
    } else if ((reply.rows = PQntuples(result)) > 0) {
        reply.status = field(0);
        reply.reference = field(1);
        reply.message = field(2);
    }
    if (bytes > answerBytes_) {
        fail({tooLarge(), false});
        return;
    }
    answer_ = call_ == Call::post      ? postAnswer(reply)
              : call_ == Call::inquire ? inquiryAnswer(reply)
              : call_ == Call::witness ? witnessAnswer(reply)
                                       : probeAnswer(reply);
    answered_ = true;
}

std::string PostgresConnector::tooLarge() const {
    return "the core's answer is larger than " + std::to_string(answerBytes_ / 1024) + " kB";
}

/// libpq gives a connection up that wants more memory than it may have, and says so in these words only.
PostgresConnector::Breakdown PostgresConnector::libpqFailure() const {
    const std::string message = connectionFailure(connection_ ? PQerrorMessage(connection_) : "out of memory");
    const bool receives = phase_ == Phase::receiving;
    if (receives && (message.find("memory") != std::string::npos || message.find("synchroni") != std::string::npos))
        return {tooLarge(), false};
    return {message, true};
}

/// The conversation broke down. Before anything was sent it is certain that nothing was booked. An answer alone is not:
/// the core commits after its row and before it is ready again, and deferred constraints or a crash can still undo it
/// there.
void PostgresConnector::fail(Breakdown breakdown) {
    const bool sent = phase_ == Phase::sending || phase_ == Phase::receiving;
    if (!answered_ || answer_.outcome != Outcome::notDelivered) {
        answer_.outcome = sent ? Outcome::unknown : Outcome::notDelivered;
        answer_.message = std::move(breakdown.message);
        answer_.coreFault = breakdown.coreFault;
    }
    phase_ = Phase::done;
    close();
}

/// No connection. A core that has none left for us is busy, not away: only the prober says that it is.
void PostgresConnector::refuse() {
    const bool asProber = call_ == Call::probe || call_ == Call::witness;
    const bool busy = !asProber && connection_ && tooManyConnections(PQerrorMessage(connection_));
    Breakdown breakdown = libpqFailure();
    breakdown.coreFault = !busy;
    fail(std::move(breakdown));
    answer_.busy = busy;
}

} // namespace standin::core
