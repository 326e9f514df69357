#include <string_view>

#include "base/error.h"
#include "cdc/value/connect_schema.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    try {
        standin::cdc::parseSchema({reinterpret_cast<const char*>(data), size});
    } catch (const standin::Error&) { // no schema
    }
    return 0;
}
