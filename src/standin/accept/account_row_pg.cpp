#include "standin/accept/account_row_pg.h"

#include <charconv>

#include "base/error.h"
#include "pg/own_table.h"
#include "pg/spi.h"

#define ACCOUNT_COLUMNS                                                                                                \
    "SELECT held, episode, episode_total, coalesce(business_day::text, ''), day_total, ctid, episode_count, "          \
    "day_count,"                                                                                                       \
    " array_to_string(recent, ' ') FROM standin_private.account WHERE account = $2 AND core = $1"

namespace standin::core {

namespace {

std::vector<int64_t> numbers(const std::string& text) {
    std::vector<int64_t> found;
    const char* const end = text.data() + text.size();
    for (const char* at = text.data(); at < end; ++at) {
        int64_t value = 0;
        at = std::from_chars(at, end, value).ptr;
        found.push_back(value);
    }
    return found;
}

std::optional<AccountRow> rowOf(const pg::Rows& rows) {
    if (rows.empty())
        return std::nullopt;
    const pg::Row row = rows[0];
    AccountRow account{.row = row.get<ItemPointerData>(5),
                       .held = Decimal::parse(row.get<std::string>(0)),
                       .episode = row.optional<int64_t>(1),
                       .episodeTotal = Decimal::parse(row.get<std::string>(2)),
                       .businessDay = row.get<std::string>(3),
                       .dayTotal = Decimal::parse(row.get<std::string>(4)),
                       .episodeCount = row.get<int64_t>(6),
                       .dayCount = row.get<int64_t>(7),
                       .recent = {}};
    if (!row.isNull(8))
        account.recent = numbers(row.get<std::string>(8));
    return account;
}

std::optional<AccountRow> lockAccount(const std::string& core, const std::string& account) {
    static pg::Statement statement(ACCOUNT_COLUMNS " FOR UPDATE", pg::Plan::ByIndex);
    return rowOf(statement.run(core, account));
}

/// The last times with this one: as many, and as long, as any rule looks back.
std::vector<int64_t> recentWith(const AccountRow& account, const AcceptConfig& config, int64_t now) {
    std::vector<int64_t> recent;
    for (const int64_t at : account.recent)
        if (at > now - config.needs.recentMicroseconds)
            recent.push_back(at);
    recent.push_back(now);
    const auto most = static_cast<size_t>(config.needs.recentCount);
    if (recent.size() > most)
        recent.erase(recent.begin(), recent.end() - static_cast<std::ptrdiff_t>(most));
    return recent;
}

} // namespace

AccountRow lockOrCreateAccount(const std::string& core, const std::string& account) {
    static pg::Statement create(
        "INSERT INTO standin_private.account (core, account) VALUES ($1, $2) ON CONFLICT DO NOTHING");
    if (auto row = lockAccount(core, account))
        return *row;
    create.run(core, account);
    if (auto row = lockAccount(core, account))
        return *row;
    throw Error("40001", "could not lock account \"" + account + "\"", {}, "Retry the transaction.");
}

AccountRow peekAccount(const std::string& core, const std::string& account) {
    static pg::Statement statement(ACCOUNT_COLUMNS, pg::Plan::ByIndex);
    return rowOf(statement.run(core, account)).value_or(AccountRow{});
}

void charge(const AccountRow& account, const AcceptConfig& config, const std::string& amount, bool promised,
            const std::string& today, int64_t now) {
    static pg::OwnTable holds("account", {"held"});
    static pg::OwnTable limits(
        "account", {"held", "episode", "episode_total", "business_day", "day_total", "episode_count", "day_count"});
    static pg::OwnTable limitsAndTimes("account", {"held", "episode", "episode_total", "business_day", "day_total",
                                                   "episode_count", "day_count", "recent"});
    const pg::Added added{amount};
    const pg::Written first{NUMERICOID, amount};
    if (!promised) {
        holds.update(account.row, added);
        return;
    }
    const bool sameEpisode = config.episode && account.episode == config.episode;
    const bool sameDay = account.businessDay >= today;
    const pg::Parameter episodeTotal = sameEpisode ? pg::parameter(added) : pg::parameter(first);
    const pg::Parameter dayTotal = sameDay ? pg::parameter(added) : pg::parameter(first);
    const pg::Written day{DATEOID, sameDay ? account.businessDay : today};
    const int64_t episodeCount = sameEpisode ? account.episodeCount + 1 : 1;
    const int64_t dayCount = sameDay ? account.dayCount + 1 : 1;
    if (config.needs.recentCount == 0)
        limits.update(account.row, added, config.episode, episodeTotal, day, dayTotal, episodeCount, dayCount);
    else
        limitsAndTimes.update(account.row, added, config.episode, episodeTotal, day, dayTotal, episodeCount, dayCount,
                              recentWith(account, config, now));
}

} // namespace standin::core
