#include <string_view>
#include <vector>

#include "base/base64.h"

using namespace standin;

/// What is encoded decodes to itself; what decodes fits its bound.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    std::vector<uint8_t> bytes(base64DecodedBound(input));
    const auto decoded = base64Decode(input, bytes.data());
    if (decoded && *decoded > bytes.size())
        __builtin_trap();
    if (base64Decode(base64Encode(input)) != input)
        __builtin_trap();
    std::vector<uint8_t> half(size / 2 + 1);
    hexDecode(input, half.data());
    return 0;
}
