#include "cdc/mapping/redaction.h"

#include "cdc/value/json.h"

#include <simdjson.h>

#include <algorithm>

namespace standin::cdc {

using simdjson::ondemand::json_type;

namespace {

constexpr std::string_view hidden = "\"***\"";
constexpr int maxNesting = 8; ///< JSON within a string within JSON
constexpr int maxDepth = 500; ///< the stack ends somewhere

struct Unreadable {};

void check(simdjson::error_code error) {
    if (error != simdjson::SUCCESS)
        throw Unreadable{};
}

template <class T> T take(simdjson::simdjson_result<T> result) {
    T value;
    check(std::move(result).get(value));
    return value;
}

std::string lower(std::string_view text) {
    std::string result(text);
    for (char& c : result)
        if (c >= 'A' && c <= 'Z')
            c = static_cast<char>(c - 'A' + 'a');
    return result;
}

std::string inQuotes(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string result = "\"";
    for (const char c : text) {
        const auto code = static_cast<unsigned char>(c);
        if (c == '"' || c == '\\')
            (result += '\\') += c;
        else if (code < 0x20)
            ((result += "\\u00") += digits[code >> 4]) += digits[code & 15];
        else
            result += c;
    }
    return result += '"';
}

/// Writes a JSON text anew, with some members' values hidden. All else stays to the letter: numbers keep their digits.
class Rewriter {
public:
    /// A thorough one is for what is kept for people: it also hides members whose names merely end in a field's (before
    /// flattened: after_pan) and texts of statements. Otherwise only the members of that very name.
    Rewriter(const std::vector<std::string>& fields, bool thorough, int nesting = 0)
        : fields_(fields), thorough_(thorough), nesting_(nesting) {}

    std::string rewrite(std::string_view json) {
        const simdjson::padded_string copy(json);
        auto document = take(parser_.iterate(copy));
        const json_type type = take(document.type());
        if (type == json_type::object)
            writeObject(take(document.get_object()));
        else if (type == json_type::array)
            writeArray(take(document.get_array()));
        else
            throw Unreadable{};
        if (document.current_location().error() == simdjson::SUCCESS)
            throw Unreadable{}; // something follows
        return std::move(out_);
    }

private:
    bool hides(const std::string& name) const {
        if (thorough_ && (name == "ddl" || name == "query"))
            return true;
        return std::any_of(fields_.begin(), fields_.end(), [&](const std::string& field) {
            if (name == field)
                return true;
            return thorough_ && name.size() > field.size() && name.ends_with(field) &&
                   (name[name.size() - field.size() - 1] == '_' || name[name.size() - field.size() - 1] == '.');
        });
    }

    void writeObject(simdjson::ondemand::object object) {
        out_ += '{';
        bool first = true;
        for (auto next : object) {
            simdjson::ondemand::field field;
            check(std::move(next).get(field));
            out_.append(first ? "\"" : ",\"").append(rawKey(field)).append("\":");
            first = false;
            const std::string name = lower(take(field.unescaped_key()));
            if (hides(name))
                skip(field.value());
            else
                writeValue(field.value());
        }
        out_ += '}';
    }

    void writeArray(simdjson::ondemand::array array) {
        out_ += '[';
        bool first = true;
        for (auto next : array) {
            simdjson::ondemand::value value;
            check(std::move(next).get(value));
            if (!first)
                out_ += ',';
            first = false;
            writeValue(value);
        }
        out_ += ']';
    }

    void writeValue(simdjson::ondemand::value value) {
        const json_type type = take(value.type());
        if (type == json_type::object || type == json_type::array) {
            if (++depth_ > maxDepth)
                throw Unreadable{};
            if (type == json_type::object)
                writeObject(take(value.get_object()));
            else
                writeArray(take(value.get_array()));
            --depth_;
        } else if (type == json_type::string) {
            writeString(value);
        } else {
            out_ += trim(value.raw_json_token()); // going on skips it
        }
    }

    void skip(simdjson::ondemand::value value) {
        out_ += hidden;
        const json_type type = take(value.type());
        if (type == json_type::object)
            take(take(value.get_object()).raw_json());
        else if (type == json_type::array)
            take(take(value.get_array()).raw_json());
        // scalars are skipped by going on
    }

    void writeString(simdjson::ondemand::value value) {
        const std::string_view raw = trim(value.raw_json_token());
        const std::string text(take(value.get_string()));
        const std::string_view inner = trim(text);
        if (!inner.starts_with('{') && !inner.starts_with('[')) {
            out_ += raw;
            return;
        }
        try {
            if (nesting_ >= maxNesting)
                throw Unreadable{};
            out_ += inQuotes(Rewriter(fields_, thorough_, nesting_ + 1).rewrite(inner));
        } catch (const Unreadable&) { // looks like JSON, and is none
            const std::string small = lower(text);
            const bool suspicious = std::any_of(fields_.begin(), fields_.end(), [&](const std::string& field) {
                return small.find(field) != std::string::npos;
            });
            out_ += suspicious || nesting_ >= maxNesting ? hidden : raw;
        }
    }

    const std::vector<std::string>& fields_;
    const bool thorough_;
    const int nesting_;
    int depth_ = 0;
    simdjson::ondemand::parser parser_;
    std::string out_;
};

/// The parts of a record that say what form it has.
struct Outline {
    bool hasSchema = false, hasOp = false, hasPayload = false;
    std::string payload, image; ///< objects as text
};

Outline outlineOf(std::string_view json, std::string_view image) {
    const simdjson::padded_string copy(json);
    simdjson::ondemand::parser parser;
    auto document = take(parser.iterate(copy));
    Outline outline;
    for (auto next : take(document.get_object())) {
        simdjson::ondemand::field field;
        check(std::move(next).get(field));
        const std::string_view name = take(field.unescaped_key());
        outline.hasSchema |= name == "schema";
        outline.hasOp |= name == "op";
        const bool isPayload = name == "payload";
        auto& value = field.value();
        if (!isPayload && name != image)
            continue;
        const json_type type = take(value.type());
        outline.hasPayload |= isPayload && type != json_type::null;
        if (type == json_type::object)
            (isPayload ? outline.payload : outline.image) = take(take(value.get_object()).raw_json());
    }
    if (document.current_location().error() == simdjson::SUCCESS)
        throw Unreadable{};
    return outline;
}

} // namespace

Redaction::Redaction(std::vector<std::string> fields) : fields_(std::move(fields)) {
    for (std::string& field : fields_)
        field = lower(field);
}

bool Redaction::isConfidential(std::string_view field) const {
    return std::find(fields_.begin(), fields_.end(), lower(field)) != fields_.end();
}

std::optional<std::string> Redaction::redact(std::string_view json) const {
    try {
        const Outline outline = outlineOf(json, "");
        if (outline.hasSchema && outline.hasPayload && outline.payload.empty())
            return std::nullopt;
        return Rewriter(fields_, true).rewrite(trim(json));
    } catch (const Unreadable&) {
        return std::nullopt;
    }
}

std::optional<std::string> Redaction::rowImage(std::string_view record, std::string_view image) const {
    try {
        Outline outline = outlineOf(record, image);
        std::string row(record);
        if (outline.hasSchema && !outline.payload.empty()) {
            row = outline.payload;
            outline = outlineOf(row, image);
        }
        if (outline.hasOp && !outline.image.empty())
            row = outline.image;
        return Rewriter(fields_, false).rewrite(row);
    } catch (const Unreadable&) {
        return std::nullopt;
    }
}

} // namespace standin::cdc
