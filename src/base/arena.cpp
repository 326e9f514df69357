#include "base/arena.h"

namespace standin {

// Memory from new[] is aligned for every ordinary type.
char* Arena::allocateSlow(size_t size) {
    if (size > blockSize_ / 4) {
        oversized_.push_back(std::unique_ptr<char[]>(new char[size]));
        return oversized_.back().get();
    }
    if (next_ == blocks_.size())
        blocks_.push_back(std::unique_ptr<char[]>(new char[blockSize_]));
    char* block = blocks_[next_++].get();
    position_ = block + size;
    end_ = block + blockSize_;
    return block;
}

} // namespace standin
