#include "base/temporal.h"
#include "cdc/value_input.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;
using temporal::Unit;

namespace {

/// Unit of a time of day without a schema: what Debezium's mode makes of a column of this precision.
Unit unitOfTime(const SourceModes& modes, const TargetColumn& column) {
    if (modes.timePrecision == TimePrecision::Connect)
        return Unit::Milliseconds;
    const bool coarse = column.scale >= 0 && column.scale <= 3;
    return coarse && modes.timePrecision == TimePrecision::Adaptive ? Unit::Milliseconds : Unit::Microseconds;
}

Unit unitOfTimestamp(const SourceModes& modes, const TargetColumn& column) {
    const bool coarse = column.scale >= 0 && column.scale <= 3;
    return coarse || modes.timePrecision == TimePrecision::Connect ? Unit::Milliseconds : Unit::Microseconds;
}

Unit unitOf(Semantic semantic, Unit otherwise) {
    switch (semantic) {
    case Semantic::TimeMillis:
    case Semantic::TimestampMillis:
        return Unit::Milliseconds;
    case Semantic::TimeMicros:
    case Semantic::TimestampMicros:
        return Unit::Microseconds;
    case Semantic::TimeNanos:
    case Semantic::TimestampNanos:
        return Unit::Nanoseconds;
    default:
        return otherwise;
    }
}

bool isTimestamp(Semantic semantic) {
    return semantic == Semantic::TimestampMillis || semantic == Semantic::TimestampMicros ||
           semantic == Semantic::TimestampNanos;
}

} // namespace

Cell ValueDecoder::decodeDate(Input& input) {
    if (input.type == json_type::string) {
        const std::string_view text = string(input);
        const auto days = temporal::dateFromIso(text);
        return days ? valueCell(*days) : textCell(text);
    }
    const int64_t value = integer(input);
    if (!isTimestamp(input.semantic()))
        return valueCell(temporal::dateFromUnixDays(value));
    const int64_t timestamp = temporal::timestampFromUnix(value, unitOf(input.semantic(), Unit::Microseconds));
    if (timestamp == temporal::timestampInfinity || timestamp == temporal::timestampMinusInfinity)
        return valueCell(timestamp > 0 ? temporal::dateInfinity : temporal::dateMinusInfinity);
    const int64_t days = timestamp / temporal::microsecondsPerDay - (timestamp % temporal::microsecondsPerDay < 0);
    return valueCell(days);
}

Cell ValueDecoder::decodeTime(Input& input) {
    if (input.type == json_type::string) {
        const std::string_view text = string(input);
        const auto microseconds = temporal::timeFromIso(text);
        return microseconds ? valueCell(*microseconds) : textCell(text);
    }
    return valueCell(temporal::timeOfDay(integer(input), unitOf(input.semantic(), unitOfTime(modes_, input.column))));
}

Cell ValueDecoder::decodeTimestamp(Input& input) {
    if (input.type == json_type::string) {
        const std::string_view text = string(input);
        const auto microseconds = temporal::timestampFromIso(text);
        return microseconds ? valueCell(*microseconds) : textCell(text);
    }
    const int64_t value = integer(input);
    if (input.semantic() == Semantic::Date) {
        const int32_t days = temporal::dateFromUnixDays(value);
        if (days == temporal::dateInfinity || days == temporal::dateMinusInfinity)
            return valueCell(days > 0 ? temporal::timestampInfinity : temporal::timestampMinusInfinity);
        if (days > 106741035) // 294276-12-31
            input.fail("22008", "timestamp out of range");
        return valueCell(days * temporal::microsecondsPerDay);
    }
    return valueCell(
        temporal::timestampFromUnix(value, unitOf(input.semantic(), unitOfTimestamp(modes_, input.column))));
}

} // namespace standin::cdc
