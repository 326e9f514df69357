#pragma once

#include <optional>

#include "cdc/failure.h"
#include "cdc/value.h"
#include "kafka/kafka_pg.h"
#include "pg/guard.h"

namespace standin::cdc {

/// Runs `f`; a failure that is the record's own fault is returned, every other one goes on.
template <class F> std::optional<kafka::Failure> recordFailure(F&& f) {
    try {
        f();
        return std::nullopt;
    } catch (const ValueError& error) {
        if (isRecordError(error.sqlstate()))
            return kafka::Failure{error.sqlstate(), error.what(), error.column()};
        throw;
    } catch (const Error& error) {
        if (isRecordError(error.sqlstate()))
            return kafka::Failure{error.sqlstate(), error.what(), std::nullopt};
        throw;
    } catch (const pg::PgError& error) {
        if (!isRecordError(error.sqlstate()))
            throw;
        const char* column = error.data().column_name;
        const char* constraint = error.data().constraint_name;
        return kafka::Failure{error.sqlstate(), error.what(),
                              column ? std::optional<std::string>(column) : std::nullopt, constraint ? constraint : ""};
    }
}

} // namespace standin::cdc
