#include "cdc/position.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>

#include "cdc/json.h"

namespace standin::cdc {

namespace {

std::optional<int64_t> numberOf(std::string_view token) {
    int64_t number = 0;
    const std::string_view digits = token.starts_with('"') ? unquoted(token) : token;
    const auto parsed = std::from_chars(digits.data(), digits.data() + digits.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != digits.data() + digits.size())
        return std::nullopt;
    return number;
}

void appendBigEndian(std::string& bytes, uint64_t number, int size = 8) {
    for (int shift = (size - 1) * 8; shift >= 0; shift -= 8)
        bytes.push_back(static_cast<char>(number >> shift));
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

void SourceBlock::take(std::string_view key, std::string_view token) {
    switch (key.empty() ? '\0' : key[0]) {
    case 'c':
        if (key == "connector") {
            const std::string_view name = unquoted(token);
            connector_ = name == "postgresql"                   ? Connector::Postgres
                         : name == "mysql" || name == "mariadb" ? Connector::Binlog
                         : name == "sqlserver" || name == "db2" ? Connector::Lsn
                                                                : Connector::Other;
        } else if (key == "commit_lsn") {
            commitLsn_ = unquoted(token);
        } else if (key == "change_lsn") {
            changeLsn_ = unquoted(token);
        }
        break;
    case 'd':
        if (key == "db")
            database_ = unquoted(token);
        break;
    case 'e':
        if (key == "event_serial_no")
            serial_ = numberOf(token);
        break;
    case 'f':
        if (key == "file")
            file_ = unquoted(token);
        break;
    case 'l':
        if (key == "lsn")
            lsn_ = numberOf(token);
        break;
    case 'n':
        if (key == "name")
            name_ = unquoted(token);
        break;
    case 'p':
        if (key == "pos")
            pos_ = numberOf(token);
        break;
    case 'r':
        if (key == "row")
            row_ = numberOf(token);
        break;
    case 's':
        if (key == "sequence")
            sequence_ = unquoted(token);
        else if (key == "snapshot")
            snapshot_ = token != "null" && token != "false" && token != "\"false\"";
        else if (key == "server_id")
            serverId_ = numberOf(token);
        break;
    case 't':
        if (key == "ts_us")
            micros_ = plausibleMicros(numberOf(token).value_or(0), 1);
        else if (key == "ts_ms" && micros_ == 0)
            micros_ = plausibleMicros(numberOf(token).value_or(0), 1000);
        else if (key == "txId")
            inTransaction_ = numberOf(token).has_value();
        break;
    default:
        break;
    }
}

std::string_view SourceBlock::lsnText(Arena& arena) const {
    if (connector_ != Connector::Postgres || !lsn_)
        return {};
    char text[32];
    const int size = std::snprintf(text, sizeof text, "%X/%X", static_cast<unsigned>(*lsn_ >> 32),
                                   static_cast<unsigned>(*lsn_ & 0xffffffff));
    return arena.copy({text, static_cast<size_t>(size)});
}

SourceBlock::Place SourceBlock::place(bool isMessage, Arena& arena) const {
    if (snapshot_)
        return {};
    switch (connector_) {
    case Connector::Postgres:
        return isMessage && !inTransaction_ ? Place{} : inPostgres(arena);
    case Connector::Binlog:
        return inBinlog(arena);
    case Connector::Lsn:
        return inLsnLog(arena);
    case Connector::Other:
        // Oracle among them: commit_scn is that of a redo thread's last commit, transactions may share one, and event
        // SCNs of transactions overlap (CommitScn.java, LogMiner's commit handling): no order of the stream follows.
        break;
    }
    return {};
}

/// `sequence` is the commit before this transaction and the event's own LSN, ["24023119","24023128"]. The LSN alone
/// falls from one transaction to the next: they are sent in the order of their commits. Before the first commit that a
/// connector sees there is null.
SourceBlock::Place SourceBlock::inPostgres(Arena& arena) const {
    uint64_t numbers[2];
    std::string_view rest = sequence_;
    for (uint64_t& number : numbers) {
        const size_t start = rest.find_first_of("0123456789n");
        if (start == std::string_view::npos)
            return {};
        const auto parsed = std::from_chars(rest.data() + start, rest.data() + rest.size(), number);
        if (parsed.ec != std::errc())
            return {};
        rest.remove_prefix(static_cast<size_t>(parsed.ptr - rest.data()));
    }
    std::string position;
    appendBigEndian(position, numbers[0]);
    appendBigEndian(position, numbers[1]);
    return {arena.copy(std::string(name_) + "/" + std::string(database_)), arena.copy(position), 0};
}

/// Files count up by their numeric suffix. Another server (a failover) has files of its own: what it wrote itself is of
/// another origin, what it had replicated is told by its time; only GTIDs could compare these.
SourceBlock::Place SourceBlock::inBinlog(Arena& arena) const {
    const size_t dot = file_.rfind('.');
    uint64_t number = 0;
    if (dot == std::string_view::npos || !pos_ || *pos_ < 0)
        return {};
    const std::string_view suffix = file_.substr(dot + 1);
    const auto parsed = std::from_chars(suffix.data(), suffix.data() + suffix.size(), number);
    if (parsed.ec != std::errc() || parsed.ptr != suffix.data() + suffix.size())
        return {};
    std::string position;
    appendBigEndian(position, number);
    appendBigEndian(position, static_cast<uint64_t>(*pos_));
    appendBigEndian(position, static_cast<uint64_t>(row_.value_or(0)), 4);
    const std::string origin =
        std::string(name_) + "/" + std::to_string(serverId_.value_or(0)) + "/" + std::string(file_.substr(0, dot));
    return {arena.copy(origin), arena.copy(position), 8};
}

/// SQL Server and Db2: the commit, the change within it, and for SQL Server the number of the event of that change.
SourceBlock::Place SourceBlock::inLsnLog(Arena& arena) const {
    std::string position;
    if (!appendLsn(position, commitLsn_) || !appendLsn(position, changeLsn_))
        return {};
    appendBigEndian(position, static_cast<uint64_t>(serial_.value_or(0)));
    return {arena.copy(std::string(name_) + "/" + std::string(database_)), arena.copy(position), 0};
}

} // namespace standin::cdc
