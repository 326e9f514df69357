#include "standin/connector/function_pg.h"

#include "pg/owner.h"
#include "pg/settings.h"
#include "pg/spi.h"
#include "pg/user_code.h"
#include "standin/connector/postgres_answer.h"

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

/// Texts are cut before they are copied out of the function's memory.
std::string answerSql(const std::string& function, const char* arguments) {
    return "SELECT status::text, pg_catalog.left(reference::text, 8192), pg_catalog.left(message::text, 8192) FROM " +
           function + arguments;
}

std::string field(const pg::Row& row, int column) { return row.optional<std::string>(column).value_or(""); }

/// The function's own changes are rolled back, but it may have spoken to a core before it failed. Only an error of
/// connecting says for certain that it had not.
PostgresReply failure(const std::string& sqlstate, const std::string& message) {
    const bool certain = sqlstate == "08001" || sqlstate == "08004" || sqlstate == "42883" || sqlstate == "42501";
    return {.failed = true, .severity = certain ? "ERROR" : "", .sqlstate = sqlstate, .message = message};
}

} // namespace

FunctionConnector::FunctionConnector(const CoreConfig& config)
    : role_(config.role), postSql_(answerSql(config.postFunction, "($1, $2, $3)")),
      inquireSql_(answerSql(config.inquireFunction, "($1)")),
      probeSql_(config.probeFunction.empty()
                    ? ""
                    : "SELECT pg_catalog.left((" + config.probeFunction + "())::text, 100), ''::text, ''::text"),
      witnessSql_("SELECT pg_catalog.left((" + config.witnessFunction +
                  "($1, $2, $3))::text, 8192), ''::text, ''::text"),
      inquireFunction_(config.inquireFunction) {}

template <class Read>
void FunctionConnector::call(const Parameters& parameters, std::chrono::milliseconds timeout, Read&& read) {
    PostgresReply reply;
    try {
        pg::inSubtransaction([&] {
            const Oid role = pg::call([&] { return get_role_oid(role_.c_str(), false); });
            pg::requireUserRole(role, "connector functions never run as"); // it may have become a superuser since
            const pg::RoleScope scope(role);
            const CallTimer timer(timeout);
            if (pg::process() == pg::Process::Product)
                pg::setInScope("lock_timeout", "0"); // the call has its own bound
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

void FunctionConnector::startWitness(const Mark& mark, std::chrono::milliseconds timeout) {
    call({.sql = witnessSql_,
          .count = 3,
          .types = {TEXTOID, TEXTOID, TEXTOID},
          .texts = {mark.instance, mark.claim, mark.follows}},
         timeout, witnessAnswer);
}

} // namespace standin::core
