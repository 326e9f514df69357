#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "pg/guard.h"

namespace standin::outbox {

struct Topic {
    std::string relay;
    int64_t maxBytes;
};

/// A topic that the caller may publish to, looked up once a transaction. Inside pg::OwnerScope. Throws Error 42704,
/// 42501, or 53400 if its relay is full.
const Topic& topicFor(std::string_view topic, Oid caller);

void forgetTopics() noexcept;

} // namespace standin::outbox
