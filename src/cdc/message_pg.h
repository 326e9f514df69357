#pragma once

#include <optional>
#include <string>

#include "cdc/event.h"
#include "kafka/consumer.h"
#include "pg/guard.h"

namespace standin::cdc {

enum class OnMessage : uint8_t { Ignore, Store, Call };

/// What becomes of the source's logical messages.
struct MessagePolicy {
    OnMessage action = OnMessage::Ignore;
    std::optional<Oid> function;
};

void storeMessage(const std::string& source, const kafka::Message& record, const Event& event);

/// Hands a message to the function, as the function's owner. Whatever the function is not content with is the record's
/// fault (class 22); the world's errors pass as they are.
void callMessageFunction(Oid function, const LogicalMessage& message);

} // namespace standin::cdc
