#include "cdc/avro/schema.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <unordered_map>

#include "base/error.h"

namespace standin::cdc {

namespace {

using simdjson::dom::array;
using simdjson::dom::element;
using simdjson::dom::object;

[[noreturn]] void fail(const std::string& what) { throw Error("22023", "not an Avro schema: " + what); }

std::string_view textOf(const object& json, const char* key) {
    std::string_view text;
    return json[key].get(text) == simdjson::SUCCESS ? text : std::string_view{};
}

struct Primitive {
    std::string_view name;
    AvroType type;
    std::string_view connect;
};

constexpr std::array primitives{
    Primitive{"null", AvroType::Null, ""},        Primitive{"boolean", AvroType::Boolean, "boolean"},
    Primitive{"int", AvroType::Int, "int32"},     Primitive{"long", AvroType::Long, "int64"},
    Primitive{"float", AvroType::Float, "float"}, Primitive{"double", AvroType::Double, "double"},
    Primitive{"bytes", AvroType::Bytes, "bytes"}, Primitive{"string", AvroType::String, "string"},
};

struct Logical {
    std::string_view logical;
    AvroType type;
    std::string_view connect;
};

// What Avro itself says of a type, in the words of Connect and Debezium; a connect.name beside it goes first.
constexpr std::array logicals{
    Logical{"date", AvroType::Int, "org.apache.kafka.connect.data.Date"},
    Logical{"time-millis", AvroType::Int, "org.apache.kafka.connect.data.Time"},
    Logical{"time-micros", AvroType::Long, "io.debezium.time.MicroTime"},
    Logical{"timestamp-millis", AvroType::Long, "org.apache.kafka.connect.data.Timestamp"},
    Logical{"timestamp-micros", AvroType::Long, "io.debezium.time.MicroTimestamp"},
    Logical{"timestamp-nanos", AvroType::Long, "io.debezium.time.NanoTimestamp"},
    Logical{"local-timestamp-millis", AvroType::Long, "io.debezium.time.Timestamp"},
    Logical{"local-timestamp-micros", AvroType::Long, "io.debezium.time.MicroTimestamp"},
    Logical{"local-timestamp-nanos", AvroType::Long, "io.debezium.time.NanoTimestamp"},
    Logical{"uuid", AvroType::String, "io.debezium.data.Uuid"},
};

constexpr std::string_view connectDecimal = "org.apache.kafka.connect.data.Decimal";

/// Builds the nodes of the texts one after the other; names of the earlier ones are known to the later ones.
class Builder {
public:
    explicit Builder(std::deque<AvroNode>& nodes) : nodes_(nodes) {}

    const AvroNode* parse(const std::string& text) {
        simdjson::dom::parser parser;
        element json;
        if (parser.parse(text).get(json) != simdjson::SUCCESS)
            fail("malformed JSON");
        return type(json, "", 0);
    }

private:
    AvroNode& add(AvroType type) {
        nodes_.emplace_back().type = type;
        return nodes_.back();
    }

    const AvroNode* type(const element& json, const std::string& space, int depth) {
        if (depth > AvroSchema::maxDepth)
            fail("it is nested too deep");
        std::string_view name;
        array branches;
        object whole;
        if (json.get(name) == simdjson::SUCCESS)
            return named(name, space);
        if (json.get(branches) == simdjson::SUCCESS)
            return unionOf(branches, space, depth);
        if (json.get(whole) != simdjson::SUCCESS)
            fail("a type is neither a name, an object nor an array");
        element inner;
        if (whole["type"].get(inner) != simdjson::SUCCESS)
            fail("a type has no \"type\"");
        if (inner.get(name) != simdjson::SUCCESS)
            return type(inner, space, depth + 1);
        return fromObject(whole, name, space, depth);
    }

    const AvroNode* named(std::string_view name, const std::string& space) {
        for (const Primitive& primitive : primitives)
            if (primitive.name == name)
                return &add(primitive.type);
        auto found = name.find('.') == std::string_view::npos && !space.empty()
                         ? names_.find(space + "." + std::string(name))
                         : names_.end();
        if (found == names_.end())
            found = names_.find(std::string(name));
        if (found == names_.end())
            fail("unknown type \"" + std::string(name) + "\"");
        return found->second;
    }

    const AvroNode* unionOf(const array& branches, const std::string& space, int depth) {
        AvroNode& node = add(AvroType::Union);
        for (const element& branch : branches)
            node.children.push_back(type(branch, space, depth + 1));
        if (node.children.empty())
            fail("a union has no branches");
        return &node;
    }

    const AvroNode* fromObject(const object& json, std::string_view name, const std::string& space, int depth) {
        for (const Primitive& primitive : primitives)
            if (primitive.name == name)
                return &annotate(add(primitive.type), json);
        if (name == "record" || name == "error")
            return recordOf(json, space, depth);
        if (name == "enum")
            return enumOf(json, space);
        if (name == "fixed")
            return fixedOf(json, space);
        if (name != "array" && name != "map")
            return named(name, space);
        AvroNode& node = annotate(add(name == "map" ? AvroType::Map : AvroType::Array), json);
        element child;
        if (json[name == "map" ? "values" : "items"].get(child) != simdjson::SUCCESS)
            fail("an " + std::string(name) + " does not say of what");
        node.children.push_back(type(child, space, depth + 1));
        return &node;
    }

    const AvroNode* recordOf(const object& json, const std::string& space, int depth) {
        std::string inner;
        AvroNode& node = define(AvroType::Record, json, space, inner);
        array fields;
        if (json["fields"].get(fields) != simdjson::SUCCESS)
            fail("a record has no fields");
        for (const element& field : fields) {
            object one;
            element child;
            if (field.get(one) != simdjson::SUCCESS || textOf(one, "name").empty() ||
                one["type"].get(child) != simdjson::SUCCESS)
                fail("a field has no name or no type");
            node.names.emplace_back();
            appendJson(node.names.back(), textOf(one, "name"));
            node.children.push_back(type(child, inner, depth + 1));
        }
        return &node;
    }

    const AvroNode* enumOf(const object& json, const std::string& space) {
        std::string inner;
        AvroNode& node = define(AvroType::Enum, json, space, inner);
        array symbols;
        if (json["symbols"].get(symbols) != simdjson::SUCCESS)
            fail("an enum has no symbols");
        for (const element& symbol : symbols) {
            std::string_view text;
            if (symbol.get(text) != simdjson::SUCCESS)
                fail("an enum's symbol is no string");
            node.names.emplace_back();
            appendJson(node.names.back(), text);
        }
        return &node;
    }

    const AvroNode* fixedOf(const object& json, const std::string& space) {
        std::string inner;
        AvroNode& node = define(AvroType::Fixed, json, space, inner);
        if (json["size"].get(node.size) != simdjson::SUCCESS)
            fail("a fixed has no size");
        return &node;
    }

    /// A named type is known from its beginning, so that it may refer to itself. `inner`: the namespace inside.
    AvroNode& define(AvroType type, const object& json, const std::string& space, std::string& inner) {
        std::string full(textOf(json, "name"));
        if (full.empty())
            fail("a named type has no name");
        if (const size_t dot = full.rfind('.'); dot != std::string::npos) {
            inner = full.substr(0, dot);
        } else {
            std::string_view own;
            inner = json["namespace"].get(own) == simdjson::SUCCESS ? std::string(own) : space;
            if (!inner.empty())
                full = inner + "." + full;
        }
        AvroNode& node = annotate(add(type), json);
        if (type == AvroType::Record && node.connectName.empty())
            node.connectName = full;
        if (!names_.emplace(full, &node).second)
            fail("type \"" + full + "\" is defined twice");
        return node;
    }

    AvroNode& annotate(AvroNode& node, const object& json) {
        node.connectType = textOf(json, "connect.type");
        node.connectName = textOf(json, "connect.name");
        object parameters;
        if (json["connect.parameters"].get(parameters) == simdjson::SUCCESS)
            node.connectParameters = simdjson::minify(parameters);
        const std::string_view logical = textOf(json, "logicalType");
        const bool isBytes = node.type == AvroType::Bytes || node.type == AvroType::Fixed;
        if (isBytes && node.connectName.empty() && logical == "decimal")
            node.connectName = connectDecimal;
        if (node.connectName == connectDecimal && node.connectParameters.empty())
            node.connectParameters = decimalParameters(json);
        for (const Logical& known : logicals)
            if (node.connectName.empty() && known.type == node.type && known.logical == logical)
                node.connectName = known.connect;
        return node;
    }

    static std::string decimalParameters(const object& json) {
        int64_t scale = 0, precision = 0; // Avro: a decimal without scale has none
        if (const auto given = json["scale"]; given.error() == simdjson::SUCCESS && given.get(scale))
            fail("a decimal's scale is no number");
        std::string text = R"({"scale":")" + std::to_string(scale) + '"';
        if (json["precision"].get(precision) == simdjson::SUCCESS)
            text += R"(,"connect.decimal.precision":")" + std::to_string(precision) + '"';
        return text + "}";
    }

    std::deque<AvroNode>& nodes_;
    std::unordered_map<std::string, const AvroNode*> names_;
};

/// Writes a schema as JsonConverter does. Named types are written out at each use, but not inside themselves.
class ConnectWriter {
public:
    explicit ConnectWriter(std::string& json) : json_(json) {}

    void write(const AvroNode& node, const std::string& field) {
        constexpr size_t maxSize = 4 << 20; // types that are used twice, of types that are used twice, of types...
        if (json_.size() > maxSize)
            fail("written out it is too large");
        bool optional = false;
        const AvroNode* plain = soleBranch(node, optional);
        json_ += R"({"type":)";
        if (plain)
            writeType(*plain);
        else
            writeChoice(node);
        json_ += optional ? R"(,"optional":true)" : R"(,"optional":false)";
        if (plain && !plain->connectName.empty()) {
            json_ += R"(,"name":)";
            appendJson(json_, plain->connectName);
        }
        if (plain && !plain->connectParameters.empty())
            json_ += R"(,"parameters":)" + plain->connectParameters;
        if (!field.empty())
            json_ += R"(,"field":)" + field;
        json_ += '}';
    }

private:
    void writeType(const AvroNode& node) {
        switch (node.type) {
        case AvroType::Record:
            writeStruct(node);
            return;
        case AvroType::Array:
            json_ += R"("array","items":)";
            write(*node.children.front(), "");
            return;
        case AvroType::Map:
            json_ += R"("map","keys":{"type":"string","optional":false},"values":)";
            write(*node.children.front(), "");
            return;
        case AvroType::Fixed:
            json_ += R"("bytes")";
            return;
        case AvroType::Enum:
        case AvroType::Null:
            json_ += R"("string")";
            return;
        default:
            break;
        }
        const bool narrow = node.connectType == "int8" || node.connectType == "int16";
        const auto primitive = std::find_if(primitives.begin(), primitives.end(),
                                            [&](const Primitive& one) { return one.type == node.type; });
        appendJson(json_, narrow ? std::string_view(node.connectType) : primitive->connect);
    }

    void writeStruct(const AvroNode& node) {
        json_ += R"("struct","fields":[)";
        if (std::find(open_.begin(), open_.end(), &node) == open_.end()) {
            open_.push_back(&node);
            for (size_t i = 0; i < node.children.size(); ++i) {
                if (i != 0)
                    json_ += ',';
                write(*node.children[i], node.names[i]);
            }
            open_.pop_back();
        }
        json_ += ']';
    }

    /// A union of several types is written as the value that is there; so it must say by itself what it is.
    void writeChoice(const AvroNode& node) {
        for (const AvroNode* branch : node.children)
            if (branch->type == AvroType::Bytes || branch->type == AvroType::Fixed ||
                (branch->type != AvroType::Record && !branch->connectName.empty()))
                fail("a union of several types with bytes or a logical type among them cannot be told apart in a "
                     "column");
        json_ += R"("string")";
    }

    std::string& json_;
    std::vector<const AvroNode*> open_;
};

} // namespace

AvroSchema::AvroSchema(const std::vector<std::string>& texts) {
    Builder builder(nodes_);
    for (const std::string& text : texts)
        root_ = builder.parse(text);
    if (!root_)
        fail("it is empty");
    bool optional = false;
    const AvroNode* plain = soleBranch(*root_, optional);
    if (plain && plain->type == AvroType::Record)
        ConnectWriter(connect_).write(*root_, "");
}

const AvroNode* soleBranch(const AvroNode& node, bool& optional) {
    if (node.type != AvroType::Union)
        return &node;
    const AvroNode* sole = nullptr;
    size_t others = 0;
    for (const AvroNode* branch : node.children)
        if (branch->type == AvroType::Null) {
            optional = true;
        } else {
            sole = branch;
            ++others;
        }
    return others == 1 ? sole : nullptr;
}

void appendJson(std::string& json, std::string_view text) {
    json += '"';
    size_t written = 0;
    for (size_t i = 0; i < text.size(); ++i) {
        const auto character = static_cast<unsigned char>(text[i]);
        if (character >= 0x20 && character != '"' && character != '\\')
            continue;
        json.append(text, written, i - written);
        written = i + 1;
        if (character >= 0x20) {
            json += '\\';
            json += text[i];
        } else {
            constexpr char digits[] = "0123456789abcdef";
            json += "\\u00";
            json += digits[character >> 4];
            json += digits[character & 15];
        }
    }
    json.append(text, written);
    json += '"';
}

} // namespace standin::cdc
