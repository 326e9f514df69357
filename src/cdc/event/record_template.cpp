#include "cdc/event/record_template.h"

#include <simdjson.h>

#include <algorithm>
#include <cstring>

namespace standin::cdc {

namespace {

bool isSpace(char character) { return character == ' ' || character == '\n' || character == '\t' || character == '\r'; }

/// One past the closing quote of the string that begins at `at`; nullptr if it does not close.
const char* endOfString(const char* at, const char* end) {
    for (const char* quote = at + 1;; ++quote) {
        quote = static_cast<const char*>(std::memchr(quote, '"', static_cast<size_t>(end - quote)));
        if (!quote)
            return nullptr;
        const char* slash = quote;
        while (slash[-1] == '\\')
            --slash;
        if ((quote - slash) % 2 == 0)
            return quote + 1;
    }
}

const char* endOfNested(const char* at, const char* end) {
    int depth = 0;
    while (at && at < end) {
        const char character = *at;
        if (character == '"') {
            at = endOfString(at, end);
            continue;
        }
        depth += character == '{' || character == '[';
        depth -= character == '}' || character == ']';
        ++at;
        if (depth == 0)
            return at;
    }
    return nullptr;
}

const char* endOfNumber(const char* at, const char* end) {
    for (; at < end; ++at) {
        const char character = *at;
        if (character >= '0' && character <= '9')
            continue;
        if (character != '-' && character != '.' && character != 'e' && character != 'E' && character != '+')
            break;
    }
    return at;
}

const char* endOfWord(const char* at, const char* end, std::string_view word) {
    return static_cast<size_t>(end - at) >= word.size() && std::memcmp(at, word.data(), word.size()) == 0
               ? at + word.size()
               : nullptr;
}

/// One past the value that begins at `at`; nullptr if none does.
const char* endOfValue(const char* at, const char* end) {
    if (at == end)
        return nullptr;
    switch (*at) {
    case '"':
        return endOfString(at, end);
    case '{':
    case '[':
        return endOfNested(at, end);
    case 'n':
        return endOfWord(at, end, "null");
    case 't':
        return endOfWord(at, end, "true");
    case 'f':
        return endOfWord(at, end, "false");
    default:
        return *at == '-' || (*at >= '0' && *at <= '9') ? endOfNumber(at, end) : nullptr;
    }
}

/// Valid UTF-8 without control characters: where strings end and values begin is then all that is left to judge.
bool isPlainText(std::string_view text) {
    unsigned char control = 0, all = 0;
    for (const char character : text) {
        control |= static_cast<unsigned char>(character) < 0x20;
        all |= static_cast<unsigned char>(character);
    }
    return !control && (all < 0x80 || simdjson::validate_utf8(text.data(), text.size()));
}

bool hasText(char first) { return first == '"' || first == '{' || first == '['; }

/// Walks a record that serves as a model.
class Model {
public:
    Model(const char* at, const char* end, std::initializer_list<std::string_view> whole)
        : at_(at), end_(end), whole_(whole) {}

    struct Value {
        RecordTemplate::Place place;
        const char* begin;
        const char* end;
    };

    bool read() { return object("", 0) && (skipSpace(), at_ == end_); }
    const std::vector<Value>& values() const { return values_; }

private:
    void skipSpace() {
        while (at_ < end_ && isSpace(*at_))
            ++at_;
    }
    bool take(char expected) {
        skipSpace();
        return at_ < end_ && *at_ == expected && ++at_;
    }
    bool object(const std::string& name, int depth) {
        if (!take('{'))
            return false;
        if (take('}'))
            return true;
        do {
            skipSpace();
            const char* const begin = at_;
            if (at_ == end_ || *at_ != '"' || !(at_ = endOfString(at_, end_)))
                return false;
            const std::string key(begin + 1, at_ - 1);
            if (key.find('\\') != std::string::npos || !take(':'))
                return false;
            skipSpace();
            const bool isPart =
                depth == 0 && at_ < end_ && *at_ == '{' && std::find(whole_.begin(), whole_.end(), key) == whole_.end();
            if (isPart ? !object(key, 1) : !value(name, key))
                return false;
        } while (take(','));
        return take('}');
    }
    bool value(const std::string& object, const std::string& name) {
        const char* const begin = at_;
        at_ = endOfValue(at_, end_);
        if (!at_)
            return false;
        // Whether an object is there at all is a matter of shape.
        if (object.empty() && std::string_view(begin, static_cast<size_t>(at_ - begin)) == "null")
            return true;
        values_.push_back({{object, name}, begin, at_});
        return true;
    }

    const char* at_;
    const char* end_;
    std::initializer_list<std::string_view> whole_;
    std::vector<Value> values_;
};

} // namespace

std::optional<RecordTemplate> RecordTemplate::learn(std::string_view record,
                                                    std::initializer_list<std::string_view> whole) {
    const char* const end = record.data() + record.size();
    Model model(record.data(), end, whole);
    if (!isPlainText(record) || !model.read())
        return std::nullopt;
    RecordTemplate shape;
    const char* at = record.data();
    const auto addCommon = [&](const char* until, int32_t place) {
        shape.segments_.push_back(
            {static_cast<uint32_t>(shape.text_.size()), static_cast<uint32_t>(until - at), place});
        shape.text_.append(at, until);
    };
    for (const Model::Value& value : model.values()) {
        addCommon(value.begin, static_cast<int32_t>(shape.places_.size()));
        at = value.end;
        shape.places_.push_back(value.place);
        shape.constants_.emplace_back(value.begin, value.end);
    }
    addCommon(end, -1);
    shape.varies_.assign(shape.places_.size(), false);
    return shape;
}

bool RecordTemplate::matchWith(const std::vector<Segment>& segments, const std::string& text, std::string_view record,
                               std::string_view* tokens) const {
    const char* at = record.data();
    const char* const end = at + record.size();
    for (const Segment& segment : segments) {
        if (static_cast<size_t>(end - at) < segment.size || std::memcmp(at, text.data() + segment.begin, segment.size))
            return false;
        at += segment.size;
        if (segment.place < 0)
            break;
        const char* const next = endOfValue(at, end);
        // Numbers and words are plain by what they consist of, and so is what is common.
        if (!next || (hasText(*at) && !isPlainText({at, static_cast<size_t>(next - at)})))
            return false;
        tokens[segment.place] = {at, static_cast<size_t>(next - at)};
        at = next;
    }
    return at == end;
}

bool RecordTemplate::match(std::string_view record, std::string_view* tokens) {
    if (!settled_.empty()) {
        for (size_t i = 0; i < places_.size(); ++i)
            tokens[i] = constants_[i];
        if (matchWith(settled_, settledText_, record, tokens))
            return true;
    }
    if (!matchWith(segments_, text_, record, tokens))
        return false;
    bool changed = false;
    for (size_t i = 0; i < places_.size(); ++i)
        if (!varies_[i] && tokens[i] != constants_[i])
            varies_[i] = changed = true;
    if (++matches_ == matchesUntilSettled || (changed && !settled_.empty()))
        settle();
    return true;
}

void RecordTemplate::settle() {
    settled_.clear();
    settledText_.clear();
    uint32_t begin = 0;
    for (const Segment& segment : segments_) {
        settledText_.append(text_, segment.begin, segment.size);
        if (segment.place >= 0 && !varies_[static_cast<size_t>(segment.place)]) {
            settledText_ += constants_[static_cast<size_t>(segment.place)];
            continue;
        }
        settled_.push_back({begin, static_cast<uint32_t>(settledText_.size()) - begin, segment.place});
        begin = static_cast<uint32_t>(settledText_.size());
    }
}

} // namespace standin::cdc
