#include <cstring>
#include <string_view>

#include "base/error.h"
#include "base/temporal.h"

using namespace standin;
using namespace standin::temporal;

/// The first byte chooses the function; its argument is the text or the number that follows.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0)
        return 0;
    const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
    int64_t number = 0;
    if (!text.empty())
        std::memcpy(&number, text.data(), std::min(text.size(), sizeof number));
    try {
        const Unit unit = static_cast<Unit>(data[0] / 8 % 3);
        switch (data[0] % 6) {
        case 0:
            dateFromUnixDays(number);
            break;
        case 1:
            timeOfDay(number, unit);
            break;
        case 2:
            timestampFromUnix(number, unit);
            break;
        case 3:
            dateFromIso(text);
            break;
        case 4:
            timeFromIso(text);
            break;
        default:
            timestampFromIso(text);
        }
    } catch (const Error&) { // out of range
    }
    return 0;
}
