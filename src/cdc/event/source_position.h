#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "base/arena.h"

namespace standin::cdc {

/// What a `source` block says of where in its database's log an event is, and when it was written there. It is read
/// when it is asked for: the texts taken have to live as long.
class SourceBlock {
public:
    enum class Field : uint8_t {
        Connector,
        Name,
        Database,
        Snapshot,
        Micros,
        Millis,
        Sequence, // PostgreSQL
        Lsn,
        Transaction,
        File, // MySQL, MariaDB
        Pos,
        Row,
        Server,
        CommitLsn, // SQL Server, Db2
        ChangeLsn,
        Serial,
        CommitScn, // Oracle
        RedoThread,
        SequenceInTransaction,
        RedoRecord,
        RowId,
        CommitMillis,
        LcrPosition,
        Other ///< of no interest
    };
    static Field fieldOf(std::string_view key);

    /// One field and its value as it stands in the record.
    void take(Field field, std::string_view token) { tokens_[static_cast<size_t>(field)] = token; }
    void take(std::string_view key, std::string_view token) { take(fieldOf(key), token); }

    /// The time at the source in microseconds since 1970, that of the commit if it says both; 0 if it does not say, or
    /// says what no clock does.
    int64_t micros() const;
    /// PostgreSQL's place of the event, as pg_lsn shows it; empty for other connectors.
    std::string_view lsnText(Arena& arena) const;

    struct Place {
        std::string_view origin;
        std::string_view position;
        uint8_t segment = 0; ///< so many bytes of the position name a log file; see PositionMarks
        uint8_t tail = 0;    ///< so many bytes at its end order nothing: they only tell its event from others
        bool unique = false; ///< one change of one row alone has this position
    };
    /// Empty for what has no comparable place. `isMessage`: a logical message, which PostgreSQL sends outside the order
    /// of commits if it belongs to no transaction.
    Place place(bool isMessage, Arena& arena) const;

private:
    enum class Connector : uint8_t { Other, Postgres, Binlog, Lsn, Oracle };

    Place inPostgres(Arena& arena) const;
    Place inBinlog(Arena& arena) const;
    Place inLsnLog(Arena& arena) const;
    Place inRedoThread(Arena& arena) const;
    Place inLcrStream(Arena& arena) const;
    std::string_view databaseOrigin(Arena& arena) const;

    Connector connector() const;
    std::string_view token(Field field) const { return tokens_[static_cast<size_t>(field)]; }
    std::string_view text(Field field) const;
    std::optional<int64_t> number(Field field) const;

    std::array<std::string_view, static_cast<size_t>(Field::Other) + 1> tokens_;
};

/// What the source says of its clock is partly only shown: a time that PostgreSQL cannot show (beyond the year 9999) is
/// none.
int64_t plausibleMicros(int64_t number, int64_t unit);

} // namespace standin::cdc
