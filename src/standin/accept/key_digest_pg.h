#pragma once

#include <string>

#include "standin/accept/payload.h"

namespace standin::core {

/// What a key was used for: SHA-256 over operation and payload. Numbers count by their value; where none is written
/// longer than it need be, it is the digest of releases up to 0.2.0.
std::string digestOf(const std::string& operation, const std::string& payload);

/// Whether a taken key whose digest is another one was used for the same all the same: by a release up to 0.2.0, or
/// with a payload that says it in another way.
bool asksForTheSame(const std::string& core, const std::string& key, const std::string& operation,
                    const PayloadFormat& format, const std::string& payload);

} // namespace standin::core
