#pragma once

#include "standin/core_config_pg.h"

struct pg_conn;
struct pg_result;

namespace standin::core {

/// Speaks to a PostgreSQL core through libpq, one call at a time over a connection that it keeps. It never blocks.
class PostgresConnector : public Connector {
public:
    explicit PostgresConnector(const CoreConfig& config);
    ~PostgresConnector() override;

    void startPost(const Request& request, std::chrono::milliseconds timeout) override;
    void startInquire(const Request& request, std::chrono::milliseconds timeout) override;
    void startProbe(std::chrono::milliseconds timeout) override;
    bool advance() override;
    const Answer& answer() const override { return answer_; }

    int socket() const override;
    bool waitsForWrite() const override { return waitsForWrite_; }
    std::chrono::milliseconds timeLeft() const override;
    bool inquires() const override { return !inquireFunction_.empty(); }

private:
    enum class Call { post, inquire, probe };
    enum class Phase { idle, connecting, sending, receiving, done };

    void start(Call call, const Request& request, std::chrono::milliseconds timeout);
    void connect();
    void send();
    void advanceConnecting();
    void advanceReceiving();
    void finish(Answer answer);
    void fail(std::string message);
    void take(pg_result* result);
    void close();
    bool readable() const;
    std::string connectionError() const;

    ConnectionOptions options_;
    std::string postSql_;
    std::string inquireSql_;
    std::string probeSql_;
    std::string inquireFunction_;
    pg_conn* connection_ = nullptr;
    Phase phase_ = Phase::idle;
    Call call_ = Call::probe;
    Request request_;
    Answer answer_;
    bool answered_ = false;
    bool waitsForWrite_ = false;
    std::chrono::steady_clock::time_point deadline_;
};

} // namespace standin::core
