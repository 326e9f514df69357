#include <string>

#include "base/error.h"
#include "cdc/avro/reader.h"

using namespace standin;
using namespace standin::cdc;

namespace {

const AvroSchema& everything() {
    static const AvroSchema schema({R"({"type":"record","name":"Envelope","namespace":"f","fields":[
          {"name":"before","type":["null",{"type":"record","name":"Value","fields":[
            {"name":"b","type":"boolean"},{"name":"i","type":"int"},{"name":"l","type":["long","null"]},{"name":"f","type":"float"},
            {"name":"d","type":"double"},{"name":"y","type":"bytes"},{"name":"s","type":"string"},
            {"name":"x","type":{"type":"fixed","name":"X","size":3}},{"name":"e","type":{"type":"enum","name":"E","symbols":["A","B"]}},
            {"name":"a","type":{"type":"array","items":["null","string"]}},{"name":"n","type":{"type":"array","items":"null"}},
            {"name":"m","type":{"type":"map","values":{"type":"array","items":"long"}}}]}]},
          {"name":"after","type":["null","Value"]},{"name":"self","type":["null","Envelope"]}]})"});
    return schema;
}

} // namespace

/// The first byte chooses: a body of a schema with every type in it, or a schema of the fuzzer's own with a body.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0)
        return 0;
    const std::string_view input(reinterpret_cast<const char*>(data) + 1, size - 1);
    std::string json;
    try {
        if (data[0] & 1) {
            avroToJson(everything().root(), input, json);
        } else {
            const size_t end = input.find('\0');
            const AvroSchema schema({std::string(input.substr(0, end))});
            if (end != std::string_view::npos)
                avroToJson(schema.root(), input.substr(end + 1), json);
        }
    } catch (const Error&) {
    }
    return 0;
}
