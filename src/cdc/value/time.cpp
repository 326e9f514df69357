#include <cctype>

#include "cdc/value/input.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;
using temporal::Unit;

namespace {

bool isTimeOfDay(Semantic semantic) {
    return semantic == Semantic::TimeMillis || semantic == Semantic::TimeMicros || semantic == Semantic::TimeNanos;
}

bool isTimestamp(Semantic semantic) {
    return semantic == Semantic::TimestampMillis || semantic == Semantic::TimestampMicros ||
           semantic == Semantic::TimestampNanos;
}

Unit unitOf(Semantic semantic) {
    switch (semantic) {
    case Semantic::TimeMillis:
    case Semantic::TimestampMillis:
        return Unit::Milliseconds;
    case Semantic::TimeNanos:
    case Semantic::TimestampNanos:
    case Semantic::NanoDuration:
        return Unit::Nanoseconds;
    default:
        return Unit::Microseconds;
    }
}

/// Of the calendar that all databases but PostgreSQL end with.
bool isBeyondFourDigits(int64_t timestamp) {
    constexpr int64_t year1 = -63082281600000000, year10000 = 252455616000000000;
    return timestamp < year1 || timestamp >= year10000;
}

bool isInfinite(int64_t timestamp) {
    return timestamp == temporal::timestampInfinity || timestamp == temporal::timestampMinusInfinity;
}

} // namespace

temporal::Fraction ValueDecoder::fractionOf(const TargetColumn& column) const {
    return {column.scale < 0 || column.scale > 6 ? 6 : column.scale, modes_.rounding};
}

/// Unit of a time of day; without a schema it is what Debezium's mode makes of a column of this precision.
Unit ValueDecoder::unitOfTime(Input& input) const {
    if (isTimeOfDay(input.semantic()))
        return unitOf(input.semantic());
    if (input.schema || modes_.timePrecision == TimePrecision::IsoString)
        input.fail("22P02", "not a time of day");
    const bool coarse = input.column.scale >= 0 && input.column.scale <= 3;
    switch (modes_.timePrecision) {
    case TimePrecision::Connect:
        return Unit::Milliseconds;
    case TimePrecision::Nanoseconds:
        return Unit::Nanoseconds;
    case TimePrecision::Adaptive:
        return coarse ? Unit::Milliseconds : Unit::Microseconds;
    default:
        return Unit::Microseconds;
    }
}

Unit ValueDecoder::unitOfTimestamp(Input& input) const {
    if (isTimestamp(input.semantic()))
        return unitOf(input.semantic());
    if (input.schema || modes_.timePrecision == TimePrecision::IsoString)
        input.fail("22P02", "not a timestamp");
    const bool coarse = input.column.scale >= 0 && input.column.scale <= 3;
    switch (modes_.timePrecision) {
    case TimePrecision::Connect:
        return Unit::Milliseconds;
    case TimePrecision::Microseconds:
        return Unit::Microseconds;
    case TimePrecision::Nanoseconds:
        return Unit::Nanoseconds;
    default:
        return coarse ? Unit::Milliseconds : Unit::Microseconds;
    }
}

/// The adaptive modes write what has seven digits and more (SQL Server's datetime2, Oracle's TIMESTAMP(9)) in
/// nanoseconds, which no column's precision tells: read as microseconds they are another time, thousands of years off.
void ValueDecoder::refuseOtherUnit(Input& input, int64_t timestamp) const {
    const bool isAdaptive =
        modes_.timePrecision == TimePrecision::Adaptive || modes_.timePrecision == TimePrecision::AdaptiveMicroseconds;
    if (!input.schema && isAdaptive && !isInfinite(timestamp) && isBeyondFourDigits(timestamp))
        input.fail("22008",
                   "the event carries no schema, and in the unit that the column's precision stands for it is no "
                   "time of the years 1 to 9999");
}

/// A text that goes through the type's input function, which would round digits beyond the column's, and take
/// "tomorrow" for another day each time the record is read.
std::string_view ValueDecoder::limitedText(Input& input, std::string_view text) {
    const size_t first = text.find_first_not_of(" \t\n");
    const bool isWord = first != std::string_view::npos && std::isalpha(static_cast<unsigned char>(text[first]));
    if (isWord && input.column.type != ColumnType::Interval)
        input.fail("22007", "a word is not a time");
    const auto [digits, rounding] = fractionOf(input.column);
    if (!temporal::exceedsFraction(text, digits) || rounding == Rounding::Round)
        return text;
    if (rounding == Rounding::Error)
        input.fail("22008", "more fraction digits of a second than the column can hold");
    std::string cut;
    int after = -1; // digits since the point
    for (const char character : text) {
        const bool isDigit = character >= '0' && character <= '9';
        after = character == '.' ? 0 : isDigit && after >= 0 ? after + 1 : -1;
        if (after <= digits)
            cut += character;
    }
    return arena_.copy(cut);
}

Cell ValueDecoder::dayOf(Input& input, int64_t timestamp) {
    if (isInfinite(timestamp))
        return valueCell(timestamp > 0 ? temporal::dateInfinity : temporal::dateMinusInfinity);
    const int64_t rest = timestamp % temporal::microsecondsPerDay;
    if (rest != 0 && modes_.rounding == Rounding::Error)
        input.fail("22008", "a time of day, which the column cannot hold");
    return valueCell(timestamp / temporal::microsecondsPerDay - (rest < 0));
}

Cell ValueDecoder::decodeDate(Input& input) {
    if (input.is(json_type::string)) {
        const std::string_view text = string(input);
        if (const auto days = temporal::dateFromIso(text))
            return valueCell(*days);
        if (const auto timestamp = temporal::timestampFromIso(text))
            return dayOf(input, *timestamp);
        if (text.find(':') != std::string_view::npos)
            input.fail("22007", "not a date");
        return textCell(limitedText(input, text));
    }
    const int64_t value = integer(input);
    if (isTimestamp(input.semantic()))
        return dayOf(input, temporal::timestampFromUnix(value, unitOf(input.semantic())));
    const bool isDate =
        input.schema ? input.semantic() == Semantic::Date : modes_.timePrecision != TimePrecision::IsoString;
    if (!isDate)
        input.fail("22P02", "not a date");
    return valueCell(temporal::dateFromUnixDays(value));
}

Cell ValueDecoder::decodeTime(Input& input) {
    if (input.is(json_type::string)) {
        const std::string_view text = string(input);
        if (const auto microseconds = temporal::timeFromIso(text, fractionOf(input.column)))
            return valueCell(*microseconds);
        if (text.find_first_of("+-") != std::string_view::npos)
            input.fail("22007", "not a time of day without a zone");
        return textCell(limitedText(input, text));
    }
    const int64_t value = integer(input);
    return valueCell(temporal::timeOfDay(value, unitOfTime(input), fractionOf(input.column)));
}

Cell ValueDecoder::decodeTimetz(Input& input) {
    if (input.is(json_type::string))
        return textCell(limitedText(input, string(input)));
    const int64_t value = integer(input);
    const int64_t time = temporal::timeOfDay(value, unitOfTime(input), fractionOf(input.column));
    return textCell(arena_.copy(temporal::timeToText(time) + "+00"));
}

Cell ValueDecoder::decodeTimestamp(Input& input) {
    if (input.is(json_type::string)) {
        const std::string_view text = string(input);
        if (const auto microseconds = temporal::timestampFromIso(text, fractionOf(input.column)))
            return valueCell(*microseconds);
        return textCell(limitedText(input, text));
    }
    const int64_t value = integer(input);
    if (input.semantic() != Semantic::Date) {
        const int64_t timestamp = temporal::timestampFromUnix(value, unitOfTimestamp(input), fractionOf(input.column));
        refuseOtherUnit(input, timestamp);
        return valueCell(timestamp);
    }
    const int32_t days = temporal::dateFromUnixDays(value);
    if (days == temporal::dateInfinity || days == temporal::dateMinusInfinity)
        return valueCell(days > 0 ? temporal::timestampInfinity : temporal::timestampMinusInfinity);
    if (days > 106741035) // 294276-12-31
        input.fail("22008", "timestamp out of range");
    return valueCell(days * temporal::microsecondsPerDay);
}

/// Debezium counts in microseconds; PostgreSQL's input would take a bare number for seconds. MySQL's TIME is a duration
/// too: it may be negative or longer than a day.
Cell ValueDecoder::decodeInterval(Input& input) {
    const auto cellOf = [&](const Interval& interval) {
        return bytesCell(arena_.copy({reinterpret_cast<const char*>(&interval), sizeof(interval)}));
    };
    if (input.is(json_type::string)) {
        const std::string_view text = string(input);
        if (const auto interval = temporal::intervalFromIso(text, fractionOf(input.column)))
            return cellOf(*interval);
        if (text.starts_with('P'))
            input.fail("22007", "not an ISO 8601 interval of whole years, months, days, hours and minutes");
        return textCell(limitedText(input, text));
    }
    const Semantic semantic = input.semantic();
    if (input.schema && semantic != Semantic::MicroDuration && semantic != Semantic::NanoDuration &&
        !isTimeOfDay(semantic))
        input.fail("22P02", "not an interval");
    const int64_t count = integer(input);
    return cellOf(temporal::intervalFromCount(count, unitOf(semantic), fractionOf(input.column)));
}

/// A number that means a time, for columns of text.
std::optional<std::string> ValueDecoder::timeAsText(Input& input) {
    if (!input.schema || !input.is(json_type::number))
        return std::nullopt;
    const temporal::Fraction fraction{6, modes_.rounding};
    const Semantic semantic = input.semantic();
    if (semantic == Semantic::Date)
        return temporal::dateToText(temporal::dateFromUnixDays(integer(input)));
    if (isTimestamp(semantic))
        return temporal::timestampToText(temporal::timestampFromUnix(integer(input), unitOf(semantic), fraction));
    if (isTimeOfDay(semantic) || semantic == Semantic::MicroDuration || semantic == Semantic::NanoDuration)
        return temporal::intervalToText(temporal::intervalFromCount(integer(input), unitOf(semantic), fraction));
    return std::nullopt;
}

} // namespace standin::cdc
