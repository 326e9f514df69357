#pragma once

#include <string>

#include "cdc/config/table_config_pg.h"
#include "cdc/event/event.h"
#include "kafka/consumer.h"
#include "pg/guard.h"

namespace standin::cdc {

void storeMessage(const std::string& source, const kafka::Message& record, const Event& event);

/// Hands a message to the function, as the function's owner. Whatever the function is not content with is the record's
/// fault (class 22); the world's errors pass as they are.
void callMessageFunction(const std::string& function, const LogicalMessage& message);

} // namespace standin::cdc
