#pragma once

#include "standin/connector/core_config_pg.h"

struct pg_result;

namespace standin::core {

/// Speaks to a PostgreSQL core through libpq, one call at a time over a connection that it keeps. It never blocks, and
/// takes no more memory for an answer than the core's setting allows.
class PostgresConnector : public Connector {
public:
    explicit PostgresConnector(const CoreConfig& config);
    ~PostgresConnector() override;

    void startPost(const Request& request, std::chrono::milliseconds timeout) override;
    void startInquire(const Request& request, std::chrono::milliseconds timeout) override;
    void startProbe(std::chrono::milliseconds timeout) override;
    void startWitness(const Mark& mark, std::chrono::milliseconds timeout) override;
    bool advance() override;
    const Answer& answer() const override { return answer_; }

    int socket() const override;
    bool waitsForWrite() const override { return waitsForWrite_; }
    std::chrono::milliseconds timeLeft() const override;
    bool inquires() const override { return !inquireFunction_.empty(); }

private:
    enum class Call { post, inquire, probe, witness };
    enum class Phase { idle, connecting, limiting, sending, receiving, done };

    struct Reading {
        bool failed = false;
        bool over = false; ///< the statement's end was read
        pg_result* result = nullptr;
    };
    struct Breakdown {
        std::string message;
        bool coreFault = true;

        Breakdown(std::string what, bool fault) : message(std::move(what)), coreFault(fault) {}
        Breakdown(const char* what) : message(what) {}
        Breakdown(std::string what) : message(std::move(what)) {}
    };

    void start(Call call, std::vector<std::string> arguments, std::chrono::milliseconds timeout);
    const std::string& sql() const;
    bool readable() const;
    bool stale() const;
    void connect();
    void limit();
    void send();
    void advanceConnecting();
    void advanceSending();
    void advanceReceiving();
    Reading read();
    void take(pg_result* result);
    void finish();
    void fail(Breakdown breakdown);
    void refuse();
    Breakdown libpqFailure() const;
    std::string tooLarge() const;
    size_t memoryOfConnection() const;
    void close();

    ConnectionOptions options_;
    std::string postSql_;
    std::string inquireSql_;
    std::string probeSql_;
    std::string witnessSql_;
    std::string inquireFunction_;
    pg_conn* connection_ = nullptr;
    Phase phase_ = Phase::idle;
    Call call_ = Call::probe;
    std::vector<std::string> arguments_;
    Answer answer_;
    bool answered_ = false;
    bool waitsForWrite_ = false;
    size_t answerBytes_;                      ///< largest answer that is taken
    size_t memory_ = 0;                       ///< what libpq may still take for the connection
    std::chrono::milliseconds coreGivesUp_{}; ///< the statement_timeout of the connection
    std::chrono::steady_clock::time_point deadline_;
    std::chrono::steady_clock::time_point lastUsed_;
};

} // namespace standin::core
