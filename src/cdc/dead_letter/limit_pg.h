#pragma once

#include <string>

namespace standin::cdc {

/// Pauses the source, in the applying transaction, if more dead letters than it may have were buried within its window
/// since it was last resumed. The batch at hand counts as a whole: so much the limit can be exceeded.
/// True if it is paused now.
bool pauseIfTooManyLetters(const std::string& source);

} // namespace standin::cdc
