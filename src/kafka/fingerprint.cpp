#include "kafka/fingerprint.h"

namespace standin::kafka {

namespace {

struct Fnv {
    uint64_t state = 14695981039346656037ULL;

    void add(uint8_t byte) { state = (state ^ byte) * 1099511628211ULL; }
    void add(int64_t number) {
        for (int shift = 0; shift < 64; shift += 8)
            add(static_cast<uint8_t>(static_cast<uint64_t>(number) >> shift));
    }
    /// With its length first, so that no byte can move from the key to the value.
    void add(std::optional<std::string_view> bytes) {
        add(bytes ? static_cast<int64_t>(bytes->size()) : int64_t(-1));
        for (const char byte : bytes.value_or(""))
            add(static_cast<uint8_t>(byte));
    }
};

} // namespace

int64_t recordHash(int64_t timestamp, std::optional<std::string_view> key, std::optional<std::string_view> value) {
    Fnv hash;
    hash.add(timestamp);
    hash.add(key);
    hash.add(value);
    return static_cast<int64_t>(hash.state);
}

} // namespace standin::kafka
