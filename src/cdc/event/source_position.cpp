#include "cdc/event/source_position.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <utility>

#include "base/base64.h"
#include "base/digits.h"
#include "base/hash.h"
#include "cdc/value/json.h"

namespace standin::cdc {

namespace {

bool isDigit(char character) { return character >= '0' && character <= '9'; }

std::optional<int64_t> numberOf(std::string_view token) {
    const std::string_view digits = token.starts_with('"') ? unquoted(token) : token;
    if (const auto plain = plainNumber(digits))
        return plain;
    int64_t number = 0;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size())
        return std::nullopt;
    return number;
}

/// One past what it wrote.
char* writeBigEndian(char* at, uint64_t number, int size = 8) {
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
        *at++ = static_cast<char>(number >> shift);
    return at;
}

void appendBigEndian(std::string& bytes, uint64_t number, int size = 8) {
    char place[8];
    bytes.append(place, writeBigEndian(place, number, size));
}

/// "00000027:00000ac0:0007": groups of hexadecimal digits.
bool appendLsn(std::string& bytes, std::string_view text) {
    size_t groups = 0;
    while (!text.empty()) {
        const size_t length = std::min(text.find(':'), text.size());
        uint64_t number = 0;
        const auto parsed = std::from_chars(text.data(), text.data() + length, number, 16);
        if (parsed.ec != std::errc() || parsed.ptr != text.data() + length || ++groups > 8)
            return false;
        appendBigEndian(bytes, number);
        text.remove_prefix(std::min(length + 1, text.size()));
    }
    return groups > 0;
}

} // namespace

int64_t plausibleMicros(int64_t number, int64_t unit) {
    constexpr int64_t limit = 253402300800000000;
    return number > 0 && number < limit / unit ? number * unit : 0;
}

SourceBlock::Field SourceBlock::fieldOf(std::string_view key) {
    constexpr std::pair<std::string_view, Field> names[] = {{"connector", Field::Connector},
                                                            {"name", Field::Name},
                                                            {"db", Field::Database},
                                                            {"snapshot", Field::Snapshot},
                                                            {"ts_us", Field::Micros},
                                                            {"ts_ms", Field::Millis},
                                                            {"sequence", Field::Sequence},
                                                            {"lsn", Field::Lsn},
                                                            {"txId", Field::Transaction},
                                                            {"file", Field::File},
                                                            {"pos", Field::Pos},
                                                            {"row", Field::Row},
                                                            {"server_id", Field::Server},
                                                            {"commit_lsn", Field::CommitLsn},
                                                            {"change_lsn", Field::ChangeLsn},
                                                            {"event_serial_no", Field::Serial},
                                                            {"commit_scn", Field::CommitScn},
                                                            {"redo_thread", Field::RedoThread},
                                                            {"txSeq", Field::SequenceInTransaction},
                                                            {"rs_id", Field::RedoRecord},
                                                            {"row_id", Field::RowId},
                                                            {"commit_ts_ms", Field::CommitMillis},
                                                            {"lcr_position", Field::LcrPosition}};
    for (const auto& [name, field] : names)
        if (key == name)
            return field;
    return Field::Other;
}

std::string_view SourceBlock::text(Field field) const { return unquoted(token(field)); }

std::optional<int64_t> SourceBlock::number(Field field) const { return numberOf(token(field)); }

SourceBlock::Connector SourceBlock::connector() const {
    const std::string_view name = text(Field::Connector);
    return name == "postgresql"                   ? Connector::Postgres
           : name == "mysql" || name == "mariadb" ? Connector::Binlog
           : name == "sqlserver" || name == "db2" ? Connector::Lsn
           : name == "oracle"                     ? Connector::Oracle
                                                  : Connector::Other;
}

int64_t SourceBlock::micros() const {
    if (!token(Field::CommitMillis).empty())
        if (const int64_t commit = plausibleMicros(number(Field::CommitMillis).value_or(0), 1000))
            return commit;
    const int64_t micros = plausibleMicros(number(Field::Micros).value_or(0), 1);
    return micros != 0 ? micros : plausibleMicros(number(Field::Millis).value_or(0), 1000);
}

std::string_view SourceBlock::lsnText(Arena& arena) const {
    const auto lsn = number(Field::Lsn);
    if (connector() != Connector::Postgres || !lsn)
        return {};
    char text[32];
    const int size = std::snprintf(text, sizeof text, "%X/%X", static_cast<unsigned>(*lsn >> 32),
                                   static_cast<unsigned>(*lsn & 0xffffffff));
    return arena.copy({text, static_cast<size_t>(size)});
}

SourceBlock::Place SourceBlock::place(bool isMessage, Arena& arena) const {
    const std::string_view snapshot = token(Field::Snapshot);
    if (!snapshot.empty() && snapshot != "null" && snapshot != "false" && snapshot != "\"false\"")
        return {};
    switch (connector()) {
    case Connector::Postgres:
        return isMessage && !number(Field::Transaction) ? Place{} : inPostgres(arena);
    case Connector::Binlog:
        return inBinlog(arena);
    case Connector::Lsn:
        return inLsnLog(arena);
    case Connector::Oracle:
        return text(Field::LcrPosition).empty() ? inRedoThread(arena) : inLcrStream(arena);
    case Connector::Other:
        break;
    }
    return {};
}

/// Where one database has one log. Composed in place: it is asked for with each event.
std::string_view SourceBlock::databaseOrigin(Arena& arena) const {
    const std::string_view name = text(Field::Name), database = text(Field::Database);
    const size_t size = name.size() + 1 + database.size();
    char* const origin = arena.allocate(size, 1);
    *std::copy(name.begin(), name.end(), origin) = '/';
    std::copy(database.begin(), database.end(), origin + name.size() + 1);
    return {origin, size};
}

/// `sequence` is the commit before this transaction and the event's own LSN, ["24023119","24023128"]. The LSN alone
/// falls from one transaction to the next: they are sent in the order of their commits. Before the first commit that a
/// connector sees there is null.
SourceBlock::Place SourceBlock::inPostgres(Arena& arena) const {
    constexpr size_t size = 2 * sizeof(uint64_t);
    char* const position = arena.allocate(size, 1);
    std::string_view rest = token(Field::Sequence);
    for (char* at = position; at < position + size;) {
        while (!rest.empty() && !isDigit(rest.front())) {
            if (rest.front() == 'n')
                return {};
            rest.remove_prefix(1);
        }
        size_t digits = 0;
        while (digits < rest.size() && isDigit(rest[digits]))
            ++digits;
        const auto number = numberOf(rest.substr(0, digits));
        if (!number)
            return {};
        at = writeBigEndian(at, static_cast<uint64_t>(*number));
        rest.remove_prefix(digits);
    }
    return {databaseOrigin(arena), {position, size}, 0};
}

/// Files count up by their numeric suffix. Another server (a failover) has files of its own: what it wrote itself is of
/// another origin, what it had replicated is told by its time; only GTIDs could compare these.
SourceBlock::Place SourceBlock::inBinlog(Arena& arena) const {
    const std::string_view file = text(Field::File);
    const size_t dot = file.rfind('.');
    const auto pos = number(Field::Pos);
    const auto fileNumber = dot == std::string_view::npos ? std::nullopt : numberOf(file.substr(dot + 1));
    if (!fileNumber || *fileNumber < 0 || !pos || *pos < 0)
        return {};
    std::string position;
    appendBigEndian(position, static_cast<uint64_t>(*fileNumber));
    appendBigEndian(position, static_cast<uint64_t>(*pos));
    appendBigEndian(position, static_cast<uint64_t>(number(Field::Row).value_or(0)), 4);
    const std::string origin = std::string(text(Field::Name)) + "/" +
                               std::to_string(number(Field::Server).value_or(0)) + "/" +
                               std::string(file.substr(0, dot));
    return {arena.copy(origin), arena.copy(position), 8};
}

/// SQL Server and Db2: the commit, the change within it, and for SQL Server the number of the event of that change.
SourceBlock::Place SourceBlock::inLsnLog(Arena& arena) const {
    std::string position;
    if (!appendLsn(position, text(Field::CommitLsn)) || !appendLsn(position, text(Field::ChangeLsn)))
        return {};
    appendBigEndian(position, static_cast<uint64_t>(number(Field::Serial).value_or(0)));
    return {databaseOrigin(arena), arena.copy(position), 0};
}

/// Oracle by LogMiner. A transaction is sent when it commits, and of one redo thread none whose commit is before that
/// of another already sent (CommitScn.hasEventScnBeenHandled). Transactions may share the SCN of their commit, and
/// large objects can turn the order within one around (TransactionCommitConsumer): only the commit's SCN orders.
/// Connectors before 3.3 give no number in the transaction, and up to 3.1 the SCN of the commit before in place of the
/// event's own.
SourceBlock::Place SourceBlock::inRedoThread(Arena& arena) const {
    const auto commit = number(Field::CommitScn), thread = number(Field::RedoThread);
    const auto sequence = number(Field::SequenceInTransaction);
    const std::string_view transaction = text(Field::Transaction), record = text(Field::RedoRecord);
    if (!commit || *commit <= 0 || !thread || !sequence || transaction.empty() || record.empty())
        return {};
    std::string position;
    appendBigEndian(position, static_cast<uint64_t>(*commit));
    appendBigEndian(position, static_cast<uint64_t>(*sequence));
    appendBigEndian(position, hashBytes(hashBytes(hashBytes(1, transaction), record), text(Field::RowId)));
    const std::string origin = std::string(databaseOrigin(arena)) + "/" + std::to_string(*thread);
    return {arena.copy(origin), arena.copy(position), 0, 2 * sizeof(uint64_t), true};
}

/// Oracle by XStream: each change has a position of its own, a longer one is a later one (LcrPosition.compareTo).
SourceBlock::Place SourceBlock::inLcrStream(Arena& arena) const {
    const std::string_view hex = text(Field::LcrPosition);
    std::string position(1 + hex.size() / 2, static_cast<char>(hex.size() / 2));
    if (hex.size() % 2 != 0 || hex.size() / 2 > UINT8_MAX ||
        !hexDecode(hex, reinterpret_cast<uint8_t*>(position.data() + 1)))
        return {};
    return {databaseOrigin(arena), arena.copy(position), 0, 0, true};
}

} // namespace standin::cdc
