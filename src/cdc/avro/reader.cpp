#include "cdc/avro/reader.h"

#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>

#include "base/base64.h"
#include "base/error.h"

namespace standin::cdc {

namespace {

[[noreturn]] void fail(const char* what) { throw Error("22P03", std::string("malformed Avro: ") + what); }

class Reader {
public:
    Reader(std::string_view body, std::string& json)
        : rest_(body), json_(json), limit_(json.size() + freeOutput + outputPerByte * body.size()) {}

    void whole(const AvroNode& node) {
        value(node, 0);
        if (!rest_.empty())
            fail("something follows the value");
    }

private:
    // Items that take no bytes (null, an empty record) could be claimed without end. A field's name and a null are the
    // most that one byte honestly stands for.
    static constexpr size_t freeOutput = size_t(16) << 20;
    static constexpr size_t outputPerByte = 64;

    void value(const AvroNode& node, int depth) {
        if (depth > AvroSchema::maxDepth)
            throw Error("54001", "the Avro value is nested too deep");
        if (json_.size() > limit_)
            throw Error("54000", "the Avro value is too large");
        switch (node.type) {
        case AvroType::Null:
            json_ += "null";
            break;
        case AvroType::Boolean:
            json_ += boolean() ? "true" : "false";
            break;
        case AvroType::Int:
            number(int32());
            break;
        case AvroType::Long:
            number(varint());
            break;
        case AvroType::Float:
            floating(std::bit_cast<float>(littleEndian<uint32_t>()));
            break;
        case AvroType::Double:
            floating(std::bit_cast<double>(littleEndian<uint64_t>()));
            break;
        case AvroType::Bytes:
            base64(take(length()));
            break;
        case AvroType::Fixed:
            base64(take(node.size));
            break;
        case AvroType::String:
            appendJson(json_, take(length()));
            break;
        case AvroType::Enum:
            json_ += node.names[index(node.names.size(), "no such symbol of an enum")];
            break;
        case AvroType::Union:
            value(*node.children[index(node.children.size(), "no such branch of a union")], depth + 1);
            break;
        case AvroType::Record:
            record(node, depth);
            break;
        case AvroType::Array:
        case AvroType::Map:
            blocks(node, depth);
            break;
        }
    }

    void record(const AvroNode& node, int depth) {
        json_ += '{';
        for (size_t i = 0; i < node.children.size(); ++i) {
            if (i != 0)
                json_ += ',';
            json_ += node.names[i];
            json_ += ':';
            value(*node.children[i], depth + 1);
        }
        json_ += '}';
    }

    void blocks(const AvroNode& node, int depth) {
        const bool isMap = node.type == AvroType::Map;
        json_ += isMap ? '{' : '[';
        bool first = true;
        while (int64_t count = varint()) {
            if (count < 0) { // then the block's size in bytes follows, for readers that skip it
                length();
                if (count == INT64_MIN)
                    fail("a block's count is out of range");
                count = -count;
            }
            for (; count > 0; --count, first = false) {
                if (!first)
                    json_ += ',';
                if (isMap) {
                    appendJson(json_, take(length()));
                    json_ += ':';
                }
                value(*node.children.front(), depth + 1);
            }
        }
        json_ += isMap ? '}' : ']';
    }

    std::string_view take(uint64_t size) {
        if (size > rest_.size())
            fail("it ends too early");
        const std::string_view taken = rest_.substr(0, size);
        rest_.remove_prefix(size);
        return taken;
    }

    bool boolean() {
        const char byte = take(1).front();
        if (byte != 0 && byte != 1)
            fail("a boolean is neither 0 nor 1");
        return byte == 1;
    }

    int64_t varint() {
        uint64_t bits = 0;
        for (int shift = 0; shift < 64; shift += 7) {
            const auto byte = static_cast<uint8_t>(take(1).front());
            if (shift == 63 && byte > 1)
                break;
            bits |= static_cast<uint64_t>(byte & 0x7f) << shift;
            if (byte < 0x80)
                return static_cast<int64_t>(bits >> 1) ^ -static_cast<int64_t>(bits & 1);
        }
        fail("a number has more than 64 bits");
    }

    int32_t int32() {
        const int64_t wide = varint();
        if (wide < INT32_MIN || wide > INT32_MAX)
            fail("an int has more than 32 bits");
        return static_cast<int32_t>(wide);
    }

    uint64_t length() {
        const int64_t size = varint();
        if (size < 0)
            fail("a length is negative");
        return static_cast<uint64_t>(size);
    }

    size_t index(size_t count, const char* complaint) {
        const int64_t position = varint();
        if (position < 0 || static_cast<uint64_t>(position) >= count)
            fail(complaint);
        return static_cast<size_t>(position);
    }

    template <class Bits> Bits littleEndian() {
        static_assert(std::endian::native == std::endian::little);
        Bits bits;
        std::memcpy(&bits, take(sizeof(bits)).data(), sizeof(bits));
        return bits;
    }

    void number(int64_t value) {
        char text[24];
        json_.append(text, std::to_chars(text, text + sizeof(text), value).ptr);
    }

    template <class Float> void floating(Float value) {
        if (!std::isfinite(value)) {
            json_ += std::isnan(value) ? R"("NaN")" : value > 0 ? R"("Infinity")" : R"("-Infinity")";
            return;
        }
        char text[64];
        json_.append(text, std::to_chars(text, text + sizeof(text), value).ptr);
    }

    void base64(std::string_view bytes) {
        json_ += '"';
        json_ += base64Encode(bytes);
        json_ += '"';
    }

    std::string_view rest_;
    std::string& json_;
    const size_t limit_;
};

} // namespace

void avroToJson(const AvroNode& schema, std::string_view body, std::string& json) { Reader(body, json).whole(schema); }

} // namespace standin::cdc
