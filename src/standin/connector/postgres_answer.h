#pragma once

#include <string>

#include "standin/connector/connector.h"

namespace standin::core {

/// What came back from a PostgreSQL core: one row of (status, reference, message), or an error.
struct PostgresReply {
    bool failed = false;
    std::string severity{};
    std::string sqlstate{};
    int rows = 0;
    std::string status{};
    std::string reference{};
    std::string message{};
};

// References and messages are cut at standin::foreignTextMaximum.
Answer postAnswer(const PostgresReply& reply);
Answer inquiryAnswer(const PostgresReply& reply);
Answer probeAnswer(const PostgresReply& reply);
Answer witnessAnswer(const PostgresReply& reply); ///< the claim that stands is its reference

} // namespace standin::core
