#include "standin/function_connector_pg.h"

#include "pg/owner.h"
#include "pg/spi.h"
#include "standin/postgres_answer.h"

extern "C" {
#include <utils/fmgrprotos.h>
#include <utils/timeout.h>
}

namespace standin::core {

struct FunctionConnector::Parameters {
    const std::string& sql;
    int count = 0;
    Oid types[3] = {TEXTOID, TEXTOID, JSONBOID};
    std::string_view texts[3] = {};
};

namespace {

/// The statement timer, unless the session's own statement_timeout is running.
class CallTimer {
public:
    explicit CallTimer(std::chrono::milliseconds timeout) : mine_(!get_timeout_active(STATEMENT_TIMEOUT)) {
        if (mine_)
            enable_timeout_after(STATEMENT_TIMEOUT, static_cast<int>(timeout.count()));
    }
    ~CallTimer() {
        if (mine_)
            disable_timeout(STATEMENT_TIMEOUT, false);
    }
    CallTimer(const CallTimer&) = delete;
    CallTimer& operator=(const CallTimer&) = delete;

private:
    bool mine_;
};

std::string field(const pg::Row& row, int column) { return row.optional<std::string>(column).value_or(""); }

/// The function's own changes are rolled back, but it may have spoken to a core before it failed. Only an error of
/// connecting says for certain that it had not.
PostgresReply failure(const std::string& sqlstate, const std::string& message) {
    const bool certain = sqlstate == "08001" || sqlstate == "08004" || sqlstate == "42883" || sqlstate == "42501";
    return {.failed = true, .severity = certain ? "ERROR" : "", .sqlstate = sqlstate, .message = message};
}

} // namespace

FunctionConnector::FunctionConnector(const CoreConfig& config)
    : role_(config.role), postSql_("SELECT status, reference, message FROM " + config.postFunction + "($1, $2, $3)"),
      inquireSql_("SELECT status, reference, message FROM " + config.inquireFunction + "($1)"),
      probeSql_(config.probeFunction.empty() ? ""
                                             : "SELECT (" + config.probeFunction + "())::text, ''::text, ''::text"),
      inquireFunction_(config.inquireFunction) {}

template <class Read>
void FunctionConnector::call(const Parameters& parameters, std::chrono::milliseconds timeout, Read&& read) {
    PostgresReply reply;
    try {
        pg::inSubtransaction([&] {
            const Oid role = pg::call([&] { return get_role_oid(role_.c_str(), false); });
            if (!pg::mayRunUserCode(role)) // it may have become a superuser since the core was defined
                throw Error("42501", "connector functions never run as role \"" + role_ + "\"");
            const pg::RoleScope scope(role);
            const CallTimer timer(timeout);
            const int code = pg::call([&] {
                Datum values[3];
                for (int i = 0; i < parameters.count; ++i) {
                    values[i] = PointerGetDatum(cstring_to_text_with_len(parameters.texts[i].data(),
                                                                         static_cast<int>(parameters.texts[i].size())));
                    if (parameters.types[i] == JSONBOID)
                        values[i] =
                            DirectFunctionCall1(jsonb_in, CStringGetDatum(text_to_cstring(DatumGetTextPP(values[i]))));
                }
                Oid types[3] = {parameters.types[0], parameters.types[1], parameters.types[2]};
                return SPI_execute_with_args(parameters.sql.c_str(), parameters.count, types, values, nullptr, false,
                                             0);
            });
            if (code != SPI_OK_SELECT)
                throw Error("XX000", SPI_result_code_string(code));
            const pg::Rows rows(SPI_tuptable, SPI_processed);
            reply.rows = static_cast<int>(rows.size());
            if (reply.rows > 0) {
                reply.status = field(rows[0], 0);
                reply.reference = field(rows[0], 1);
                reply.message = field(rows[0], 2);
            }
        });
    } catch (const pg::PgError& error) {
        reply = failure(error.sqlstate(), error.what());
    } catch (const Error& error) {
        reply = failure(error.sqlstate(), error.what());
    }
    answer_ = read(reply);
}

void FunctionConnector::startPost(const Request& request, std::chrono::milliseconds timeout) {
    call({.sql = postSql_, .count = 3, .texts = {request.key, request.operation, request.payload}}, timeout,
         postAnswer);
    // A function cannot tell "down" from "failed"; only what could not connect counts as a failed probe.
    answer_.coreFault = answer_.outcome == Outcome::notDelivered;
}

void FunctionConnector::startInquire(const Request& request, std::chrono::milliseconds timeout) {
    call({.sql = inquireSql_, .count = 1, .texts = {request.key}}, timeout, inquiryAnswer);
}

void FunctionConnector::startProbe(std::chrono::milliseconds timeout) {
    if (probeSql_.empty()) {
        answer_ = {.outcome = Outcome::posted};
        return;
    }
    call({.sql = probeSql_}, timeout, [](PostgresReply reply) {
        reply.status = reply.status == "false" ? "f" : reply.status;
        return probeAnswer(reply);
    });
}

} // namespace standin::core
