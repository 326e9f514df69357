#pragma once

#include <simdjson.h>

#include <optional>
#include <string_view>

#include "base/arena.h"

namespace standin::cdc {

/// What a `source` block says of where in its database's log an event is, and when it was written there.
class SourceBlock {
public:
    /// One field and its value as it stands in the record. Fields of no interest are left alone.
    void take(std::string_view key, std::string_view token);

    /// The time at the source in microseconds since 1970; 0 if it does not say, or says what no clock does.
    int64_t micros() const { return micros_; }
    /// PostgreSQL's place of the event, as pg_lsn shows it; empty for other connectors.
    std::string_view lsnText(Arena& arena) const;

    struct Place {
        std::string_view origin;
        std::string_view position;
        uint8_t segment = 0; ///< so many bytes of the position name a log file; see PositionMarks
    };
    /// Empty for what has no comparable place. `isMessage`: a logical message, which PostgreSQL sends outside the order
    /// of commits if it belongs to no transaction.
    Place place(bool isMessage, Arena& arena) const;

private:
    enum class Connector : uint8_t { Other, Postgres, Binlog, Lsn };

    Place inPostgres(Arena& arena) const;
    Place inBinlog(Arena& arena) const;
    Place inLsnLog(Arena& arena) const;

    Connector connector_ = Connector::Other;
    bool snapshot_ = false;
    bool inTransaction_ = false;
    int64_t micros_ = 0;
    std::optional<int64_t> lsn_, pos_, row_, serverId_, serial_;
    // Raw texts, escapes and all, of the document.
    std::string_view name_, database_, sequence_, file_, commitLsn_, changeLsn_;
};

/// What the source says of its clock is partly only shown: a time that PostgreSQL cannot show (beyond the year 9999) is
/// none.
int64_t plausibleMicros(int64_t number, int64_t unit);

} // namespace standin::cdc
