#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string_view>
#include <type_traits>
#include <vector>

namespace standin {

/// Bump allocation for what lives as long as one batch. Nothing in it is destroyed; `reset()` keeps the ordinary blocks
/// for the next batch and gives back the oversized ones.
class Arena {
public:
    explicit Arena(size_t blockSize = 256 * 1024) : blockSize_(blockSize) {}
    Arena(const Arena&) = delete;
    Arena& operator=(const Arena&) = delete;

    char* allocate(size_t size, size_t alignment = alignof(std::max_align_t)) {
        const auto aligned = (reinterpret_cast<uintptr_t>(position_) + alignment - 1) & ~uintptr_t(alignment - 1);
        char* start = reinterpret_cast<char*>(aligned);
        if (!position_ || size > static_cast<size_t>(end_ - position_) || start > end_ - size)
            return allocateSlow(size);
        position_ = start + size;
        return start;
    }

    template <class T> T* allocateArray(size_t count) {
        static_assert(std::is_trivially_destructible_v<T>);
        T* items = reinterpret_cast<T*>(allocate(count * sizeof(T), alignof(T)));
        for (size_t i = 0; i < count; ++i)
            new (items + i) T{};
        return items;
    }

    std::string_view copy(std::string_view text) {
        char* place = allocate(text.size(), 1);
        if (!text.empty())
            std::memcpy(place, text.data(), text.size());
        return {place, text.size()};
    }

    void reset() {
        oversized_.clear();
        next_ = 0;
        position_ = end_ = nullptr;
    }

private:
    char* allocateSlow(size_t size);

    size_t blockSize_;
    char* position_ = nullptr;
    char* end_ = nullptr;
    size_t next_ = 0;
    std::vector<std::unique_ptr<char[]>> blocks_;
    std::vector<std::unique_ptr<char[]>> oversized_;
};

} // namespace standin
