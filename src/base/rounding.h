#pragma once

#include <cstdint>

namespace standin {

/// What becomes of digits that a column cannot hold.
enum class Rounding : uint8_t {
    Error,    ///< they are refused
    Truncate, ///< numbers and intervals lose them towards zero, points in time towards the past
    Round     ///< to the nearest; a half away from zero, of points in time to the later
};

} // namespace standin
