#include <string_view>

#include "base/decimal.h"
#include "base/error.h"

using namespace standin;

/// The first byte chooses: a text, or unscaled bytes with a scale. What a decimal is shown as reads as that decimal.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size < 2)
        return 0;
    std::optional<Decimal> decimal;
    try {
        if (data[0] & 1)
            decimal = decimalFromText({reinterpret_cast<const char*>(data) + 1, size - 1});
        else
            decimal = decimalFromUnscaled(data + 2, size - 2, static_cast<int8_t>(data[1]));
        if (!decimal)
            return 0;
        const std::string text = toText(*decimal);
        const std::optional<Decimal> again = decimalFromText(text);
        if (!again || toText(*again) != text)
            __builtin_trap();
    } catch (const Error&) { // beyond what numeric holds
    }
    return 0;
}
