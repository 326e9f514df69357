#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace standin::cdc {

/// A template of JSON records: the bytes that records of one producer have in common, and where their values are. One
/// comparison and one look at each value replace the parser for every further record of that shape. What is constant in
/// all records seen counts as common bytes until it changes.
///
/// A value is one of the record's own, or of an object that is one (`after`, `source`); deeper ones are taken whole.
class RecordTemplate {
public:
    struct Place {
        std::string object; ///< "" for the record itself
        std::string name;
    };

    /// Nothing if the record cannot serve as a model: no object, or names with escapes. `whole` names objects whose
    /// fields do not matter: they are values themselves.
    static std::optional<RecordTemplate> learn(std::string_view record,
                                               std::initializer_list<std::string_view> whole = {});

    const std::vector<Place>& places() const { return places_; }

    /// The values' tokens as they stand in the record, strings with their quotes, one for each place; they live as long
    /// as the record and the shape. False for a record of another shape, or one that only a parser can judge: with
    /// control characters, invalid UTF-8, malformed values.
    bool match(std::string_view record, std::string_view* tokens);

private:
    struct Segment {
        uint32_t begin, size; ///< common bytes in text_
        int32_t place;        ///< of the value that follows; -1 after the last
    };

    bool matchWith(const std::vector<Segment>& segments, const std::string& text, std::string_view record,
                   std::string_view* tokens) const;
    void settle();

    static constexpr int matchesUntilSettled = 64;

    std::vector<Place> places_;
    std::string text_;
    std::vector<Segment> segments_;
    std::vector<std::string> constants_; ///< value of each place in the first record
    std::vector<bool> varies_;
    int matches_ = 0;
    std::string settledText_; ///< the same with constant values among the common bytes
    std::vector<Segment> settled_;
};

} // namespace standin::cdc
