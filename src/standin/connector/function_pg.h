#pragma once

#include "standin/connector/core_config_pg.h"

namespace standin::core {

/// Calls SQL functions of this database, in a subtransaction, as the connector's declared role: a stand-in for any core
/// that an FDW or dblink reaches. Each call is over when start* returns; its effects belong to the present transaction.
class FunctionConnector : public Connector {
public:
    explicit FunctionConnector(const CoreConfig& config);

    void startPost(const Request& request, std::chrono::milliseconds timeout) override;
    void startInquire(const Request& request, std::chrono::milliseconds timeout) override;
    void startProbe(std::chrono::milliseconds timeout) override;
    void startWitness(const Mark& mark, std::chrono::milliseconds timeout) override;
    bool advance() override { return true; }
    const Answer& answer() const override { return answer_; }
    bool inquires() const override { return !inquireFunction_.empty(); }

private:
    struct Parameters;
    template <class Read> void call(const Parameters& parameters, std::chrono::milliseconds timeout, Read&& read);

    std::string role_;
    std::string postSql_;
    std::string inquireSql_;
    std::string probeSql_;
    std::string witnessSql_;
    std::string inquireFunction_;
    Answer answer_;
};

} // namespace standin::core
