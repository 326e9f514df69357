#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace standin::kafka {

/// A record that was taken from a partition, by which the partition is known again. Topics have no identity that
/// librdkafka shows; another record at this offset means that the topic was deleted and created again.
struct Fingerprint {
    int64_t offset;
    int64_t hash;

    bool operator==(const Fingerprint&) const = default;
};

/// FNV-1a: stored in the catalog, so it must never change with a version or a machine.
int64_t recordHash(int64_t timestamp, std::optional<std::string_view> key, std::optional<std::string_view> value);

} // namespace standin::kafka
