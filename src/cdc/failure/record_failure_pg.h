#pragma once

#include <optional>

#include "cdc/failure/failure.h"
#include "cdc/value/value.h"
#include "kafka/kafka_pg.h"
#include "pg/guard.h"

namespace standin::cdc {

/// What the conversion of a cell raised: see column_pg.
inline bool isAboutValue(const pg::PgError& error) {
    return error.data().column_name && error.data().datatype_name && isValueError(error.sqlstate());
}

inline bool isRowsOwn(const kafka::Failure& failure) { return failure.ofValue || isRowsOwnError(failure.sqlstate); }

/// Runs `f`; a failure that is the record's own fault is returned, every other one goes on.
template <class F> std::optional<kafka::Failure> recordFailure(F&& f) {
    try {
        f();
        return std::nullopt;
    } catch (const ValueError& error) {
        if (isRecordError(error.sqlstate()))
            return kafka::Failure{error.sqlstate(), error.what(), error.column(), {}, error.hint()};
        throw;
    } catch (const Error& error) {
        if (isRecordError(error.sqlstate()))
            return kafka::Failure{error.sqlstate(), error.what(), std::nullopt, {}, error.hint()};
        throw;
    } catch (const pg::PgError& error) {
        const bool ofValue = isAboutValue(error);
        if (!ofValue && !isRecordError(error.sqlstate()))
            throw;
        const auto text = [](const char* word) { return word ? std::optional<std::string>(word) : std::nullopt; };
        const ErrorData& data = error.data();
        return kafka::Failure{error.sqlstate(),
                              error.what(),
                              text(data.column_name),
                              text(data.constraint_name).value_or(""),
                              text(data.hint).value_or(""),
                              ofValue};
    }
}

} // namespace standin::cdc
