#pragma once

namespace standin::cdc {

/// Registers the worker kind "cdc".
void init();

} // namespace standin::cdc
