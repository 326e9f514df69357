#pragma once

#include <string>
#include <string_view>

#include "cdc/event/topic_format.h"

namespace standin::cdc {

/// A hint for a field without a column, if there is a column that differs from it by case only; else empty.
std::string hintOfOtherCase(const Target& target, std::string_view field);
/// The same for a column whose field did not come; `plan`, which may be null, has the fields that did.
std::string hintOfOtherCase(const TargetColumn& column, const TopicForm::Plan* plan);

} // namespace standin::cdc
