#include "workflow/schedule/cron.h"

#include <algorithm>
#include <array>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"

namespace standin::workflow {

namespace {

constexpr size_t longest = 1000;

struct Field {
    const char* name;
    int lowest;
    int highest;
    std::span<const std::string_view> words; ///< of the values from `lowest` on
    const char* allowed;
};

constexpr std::string_view monthWords[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                           "jul", "aug", "sep", "oct", "nov", "dec"};
constexpr std::string_view weekdayWords[] = {"sun", "mon", "tue", "wed", "thu", "fri", "sat"};
constexpr int sundayAgain = 7;

constexpr Field fields[] = {
    {"second", 0, 59, {}, "0 to 59"},
    {"minute", 0, 59, {}, "0 to 59"},
    {"hour", 0, 23, {}, "0 to 23"},
    {"day of the month", 1, 31, {}, "1 to 31, or L for the last day"},
    {"month", 1, 12, monthWords, "1 to 12, or JAN to DEC"},
    {"day of the week", 0, sundayAgain, weekdayWords, "0 to 7 (0 and 7 are Sunday), or SUN to SAT"},
};
enum : size_t { second, minute, hour, day, month, weekday };

struct Macro {
    std::string_view name;
    std::string_view meaning;
};
constexpr Macro macros[] = {
    {"@yearly", "0 0 0 1 1 *"}, {"@annually", "0 0 0 1 1 *"}, {"@monthly", "0 0 0 1 * *"}, {"@weekly", "0 0 0 * * 0"},
    {"@daily", "0 0 0 * * *"},  {"@midnight", "0 0 0 * * *"}, {"@hourly", "0 0 * * * *"},
};

constexpr bool isBlank(char c) { return c == ' ' || c == '\t'; }
constexpr bool isDigit(char c) { return c >= '0' && c <= '9'; }
constexpr bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
constexpr bool continuesCharacter(char c) { return (c & 0xC0) == 0x80; } // of UTF-8
constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; }

std::string lower(std::string_view text) {
    std::string result(text);
    std::ranges::transform(result, result.begin(), [](char c) { return lower(c); });
    return result;
}

/// Characters, not bytes: what a person counts.
size_t charactersBefore(std::string_view text, size_t place) {
    return static_cast<size_t>(
        std::ranges::count_if(text.substr(0, place), [](char c) { return !continuesCharacter(c); }));
}

class Parser {
public:
    explicit Parser(std::string_view text) : text_(text) {}

    Cron parse();

private:
    struct Set {
        uint64_t bits = 0;
        bool last = false;
        bool beginsWithStar = false;
    };

    /// `from` and `to`: the part of the expression that is wrong.
    [[noreturn]] void fail(const std::string& what, size_t from, size_t to, const std::string& hint) const;
    [[noreturn]] void failInField(const std::string& what, size_t from, size_t to) const;

    std::vector<std::pair<size_t, size_t>> words() const;
    Set parseField(size_t from, size_t to);
    void parseItem(Set& set, size_t to);
    int parseValue(size_t to);
    int parseNumber(size_t to);
    int parseWord(size_t to);
    std::optional<int> parseStep(size_t to);
    bool take(char c, size_t to) {
        const bool found = place_ < to && text_[place_] == c;
        place_ += found ? 1 : 0;
        return found;
    }

    std::string_view text_;
    const Field* field_ = nullptr;
    size_t place_ = 0;
};

void Parser::fail(const std::string& what, size_t from, size_t to, const std::string& hint) const {
    while (to < text_.size() && continuesCharacter(text_[to]))
        ++to;
    std::string shown(text_.substr(0, from));
    shown.append(">>").append(text_.substr(from, to - from)).append("<<").append(text_.substr(to));
    throw Error("22023", "invalid cron expression: " + what, {},
                "Character " + std::to_string(charactersBefore(text_, from) + 1) + ": \"" + shown + "\". " + hint);
}

void Parser::failInField(const std::string& what, size_t from, size_t to) const {
    fail(what + " in the field " + field_->name, from, to,
         std::string("Values of the ") + field_->name + ": " + field_->allowed +
             "; forms: *, 1, 1-5, */5, 1-5/2, lists with commas.");
}

std::vector<std::pair<size_t, size_t>> Parser::words() const {
    std::vector<std::pair<size_t, size_t>> found;
    for (size_t at = 0; at < text_.size();) {
        const size_t from = at;
        while (at < text_.size() && isBlank(text_[at]) == isBlank(text_[from]))
            ++at;
        if (!isBlank(text_[from]))
            found.emplace_back(from, at);
    }
    return found;
}

int Parser::parseNumber(size_t to) {
    const size_t from = place_;
    int value = 0;
    for (; place_ < to && isDigit(text_[place_]); ++place_)
        value = std::min(value * 10 + (text_[place_] - '0'), 1'000'000);
    if (value < field_->lowest || value > field_->highest)
        failInField("value out of range", from, place_);
    return value;
}

int Parser::parseWord(size_t to) {
    const size_t from = place_;
    while (place_ < to && isLetter(text_[place_]))
        ++place_;
    const std::string word = lower(text_.substr(from, place_ - from));
    const auto found = std::ranges::find(field_->words, word);
    if (found == field_->words.end())
        failInField("unknown name", from, place_);
    return field_->lowest + static_cast<int>(found - field_->words.begin());
}

int Parser::parseValue(size_t to) {
    if (place_ == to || (!isDigit(text_[place_]) && !isLetter(text_[place_])))
        failInField("a value is missing", place_, std::min(place_ + 1, to));
    return isDigit(text_[place_]) ? parseNumber(to) : parseWord(to);
}

std::optional<int> Parser::parseStep(size_t to) {
    if (!take('/', to))
        return std::nullopt;
    const size_t from = place_;
    int step = 0;
    for (; place_ < to && isDigit(text_[place_]); ++place_)
        step = std::min(step * 10 + (text_[place_] - '0'), 1'000'000);
    if (step < 1 || step > field_->highest)
        failInField("a step out of range", from, std::max(place_, std::min(from + 1, to)));
    return step;
}

/// "*", "a" or "a-b"; the first and the last with a step.
void Parser::parseItem(Set& set, size_t to) {
    const size_t from = place_;
    int low = field_->lowest;
    int high = field_ == &fields[weekday] ? sundayAgain - 1 : field_->highest;
    bool single = false;
    if (!take('*', to)) {
        if (field_ == &fields[day] && place_ < to && lower(text_[place_]) == 'l') {
            ++place_;
            set.last = true;
            return;
        }
        low = high = parseValue(to);
        single = !take('-', to);
        if (!single) {
            high = parseValue(to);
            if (field_ == &fields[weekday] && high == 0)
                high = sundayAgain; // FRI-SUN
        }
    }
    if (low > high)
        failInField("a range that ends before it begins", from, place_);
    const size_t stepFrom = place_;
    const std::optional<int> step = parseStep(to);
    if (step && single)
        failInField("a step of a single value", stepFrom, place_);
    for (int value = low; value <= high; value += step.value_or(1))
        set.bits |= uint64_t{1} << value;
}

Parser::Set Parser::parseField(size_t from, size_t to) {
    place_ = from;
    Set set{.beginsWithStar = text_[from] == '*'};
    do {
        parseItem(set, to);
    } while (take(',', to));
    if (place_ != to)
        failInField("unexpected text", place_, to);
    return set;
}

Cron Parser::parse() {
    if (text_.size() > longest)
        throw Error("22023", "invalid cron expression: it is too long", {},
                    "It has at most " + std::to_string(longest) + " characters.");
    const auto found = words();
    if (found.size() == 1 && text_[found[0].first] == '@') {
        const auto [from, to] = found[0];
        const auto* macro = std::ranges::find(macros, lower(text_.substr(from, to - from)), &Macro::name);
        if (macro == std::end(macros))
            fail("unknown name", from, to, "It is one of: @yearly, @monthly, @weekly, @daily, @hourly.");
        return Parser(macro->meaning).parse();
    }
    constexpr const char* shape =
        "It has 5 fields (minute, hour, day of the month, month, day of the week), or 6 with seconds first.";
    if (found.size() > std::size(fields))
        fail("too many fields", found[std::size(fields)].first, text_.size(), shape);
    if (found.size() < std::size(fields) - 1)
        fail("too few fields", text_.size(), text_.size(), shape);

    std::array<Set, std::size(fields)> sets;
    const size_t missing = std::size(fields) - found.size();
    sets[second].bits = 1;
    for (size_t i = 0; i < found.size(); ++i) {
        field_ = &fields[i + missing];
        sets[i + missing] = parseField(found[i].first, found[i].second);
    }
    const uint64_t sunday = sets[weekday].bits >> sundayAgain & 1;
    return {
        .seconds = sets[second].bits,
        .minutes = sets[minute].bits,
        .hours = static_cast<uint32_t>(sets[hour].bits),
        .days = static_cast<uint32_t>(sets[day].bits),
        .lastDay = sets[day].last,
        .months = static_cast<uint32_t>(sets[month].bits),
        .weekdays = static_cast<uint32_t>((sets[weekday].bits | sunday) & 0x7F),
        .bothDays = sets[day].beginsWithStar || sets[weekday].beginsWithStar,
    };
}

} // namespace

Cron parseCron(std::string_view text) { return Parser(text).parse(); }

} // namespace standin::workflow
