#include "standin/mode/mode_pg.h"

#include <algorithm>
#include <vector>

#include "base/assert.h"
#include "kernel/clock.h"
#include "kernel/lock_wait_pg.h"
#include "kernel/log_line.h"
#include "kernel/wake.h"
#include "kernel/worker.h"
#include "pg/spi.h"
#include "standin/mode/mode_lock_pg.h"

namespace standin::core {

namespace {

constexpr int64_t reportEvery = 1000000; // microseconds between writes that say nothing but "still good"

struct ModeRow {
    std::string core;
    std::string capability;
    int32_t id;
    int64_t epoch;
    std::optional<int64_t> episode;
    int64_t probedAt;
    ModeState state;
    ModeSettings settings;
};

std::vector<ModeRow> lockModes(const std::string& core, const std::optional<std::string>& capability,
                               const std::optional<std::vector<int64_t>>& ids) {
    static pg::Statement statement(
        "SELECT m.capability, m.id, m.mode, m.epoch, m.good, m.bad, m.since, m.episode, c.rise, c.fall,"
        "       (extract(epoch FROM c.minimum_dwell) * 1000000)::bigint, coalesce(m.probed_at, "
        "'-infinity'::timestamptz),"
        "       (SELECT count(*) FROM standin_private.episode e WHERE e.core = m.core AND e.capability = m.capability"
        "                                                         AND e.opened_at > $3 - interval '1 hour')::integer"
        "  FROM standin_private.core_mode m JOIN standin_private.core c USING (core)"
        " WHERE m.core = $1 AND ($2 IS NULL OR m.capability = $2) AND ($4 IS NULL OR m.id = ANY ($4))"
        " ORDER BY m.id FOR UPDATE OF m");
    const int64_t now = kernel::now();
    std::vector<ModeRow> modes;
    for (const pg::Row row : statement.run(core, capability, pg::Timestamptz{now}, ids)) {
        ModeRow mode{.core = core,
                     .capability = row.get<std::string>(0),
                     .id = row.get<int32_t>(1),
                     .epoch = row.get<int64_t>(3),
                     .episode = row.optional<int64_t>(7),
                     .probedAt = row.get<pg::Timestamptz>(11).microseconds,
                     .state = {},
                     .settings = {}};
        mode.state = {.mode = modeByName(row.get<std::string>(2)),
                      .good = row.get<int32_t>(4),
                      .bad = row.get<int32_t>(5),
                      .sinceChange = std::chrono::microseconds(now - row.get<pg::Timestamptz>(6).microseconds),
                      .recentEpisodes = row.get<int32_t>(12)};
        mode.settings = {.rise = row.get<int32_t>(8),
                         .fall = row.get<int32_t>(9),
                         .minimumDwell = std::chrono::microseconds(row.get<int64_t>(10))};
        modes.push_back(std::move(mode));
    }
    return modes;
}

/// An operator may idle in the transaction of his switch: who only counts probes does not wait for him.
std::vector<ModeRow> lockFreeModes(const std::string& core) {
    static pg::Statement statement("SELECT id FROM standin_private.core_mode WHERE core = $1 FOR UPDATE SKIP LOCKED");
    std::vector<int64_t> free;
    for (const pg::Row row : statement.run(core))
        free.push_back(row.get<int32_t>(0));
    return free.empty() ? std::vector<ModeRow>() : lockModes(core, std::nullopt, free);
}

void updateEpisode(ModeRow& row, Regime next, int64_t epoch, const std::string& reason) {
    static pg::Statement open(
        "INSERT INTO standin_private.episode (core, capability, opened_at, opened_epoch, opened_because)"
        " VALUES ($1, $2, $3, $4, $5) RETURNING episode");
    static pg::Statement close(
        "UPDATE standin_private.episode SET closed_at = $3, closed_epoch = $4, closed_because = $5"
        " WHERE core = $1 AND capability = $2 AND closed_at IS NULL");
    const pg::Timestamptz now{kernel::now()};
    if (next == Regime::core) {
        if (row.episode)
            close.run(row.core, row.capability, now, epoch, reason);
        row.episode.reset();
    } else if (!row.episode) {
        row.episode = open.run(row.core, row.capability, now, epoch, reason)[0].get<int64_t>(0);
    }
}

/// Returns the epoch after the change.
int64_t change(ModeRow& row, Mode mode, const std::string& reason) {
    static pg::Statement update("UPDATE standin_private.core_mode SET mode = $3, epoch = $4, since = $5, episode = $6, "
                                "reason = $7, good = $8, bad = $9"
                                " WHERE core = $1 AND capability = $2");
    static pg::Statement log("INSERT INTO standin_private.core_mode_change (core, capability, mode_before, mode_after, "
                             "epoch, reason, changed_at)"
                             " VALUES ($1, $2, $3, $4, $5, $6, $7)");
    const Regime next = regime(mode);
    const bool answersChange = next != regime(row.state.mode);
    const int64_t epoch = row.epoch + (answersChange ? 1 : 0);
    STANDIN_ASSERT(epoch >= row.epoch); // it only rises
    STANDIN_ASSERT(!answersChange || epoch > row.epoch);
    const pg::Timestamptz now{kernel::now()};
    updateEpisode(row, next, epoch, reason);
    log.run(row.core, row.capability, name(row.state.mode), name(mode), epoch, reason, now);
    update.run(row.core, row.capability, name(mode), epoch, now, row.episode, reason, row.state.good, row.state.bad);
    kernel::logAtCommit("pg_standin core \"" + row.core + "\" changed mode of \"" + row.capability + "\" from " +
                        name(row.state.mode) + " to " + name(mode) + ": " + reason);
    row.state.mode = mode;
    row.epoch = epoch;
    if (answersChange)
        noteSwitch(row.id);
    kernel::wakeAtCommit(kernel::Channel::prober);
    kernel::wakeAtCommit(kernel::Channel::replay);
    return epoch;
}

} // namespace

bool observeCore(const std::string& core, bool good, std::string_view failure) {
    static pg::Statement count(
        "UPDATE standin_private.core_mode SET good = $3, bad = $4, probed_at = $5, probe_failure = nullif($6, '')"
        " WHERE core = $1 AND capability = $2");
    bool changed = false;
    for (ModeRow& row : lockFreeModes(core)) {
        const int64_t now = kernel::now();
        const bool nothingNew = good && row.state.bad == 0 && row.state.good >= row.settings.rise &&
                                regime(row.state.mode) == Regime::core && now >= row.probedAt &&
                                now - row.probedAt < reportEvery;
        const std::optional<ModeChange> next = observe(row.state, row.settings, good);
        if (nothingNew && !next)
            continue;
        count.run(core, row.capability, row.state.good, row.state.bad, pg::Timestamptz{now}, failure);
        if (next) {
            change(row, next->mode, failure.empty() ? next->reason : next->reason + ": " + std::string(failure));
            changed = true;
        }
    }
    return changed;
}

void observeCall(const std::string& core, const Answer& answer) {
    if (answer.coreFault) {
        observeCore(core, false, answer.message);
        return;
    }
    const bool answered = answer.outcome == Outcome::posted || answer.outcome == Outcome::rejected;
    if (!answered || kernel::workerRuns("prober", core))
        return;
    static pg::Statement doubted("SELECT EXISTS (SELECT FROM standin_private.core_mode WHERE core = $1 AND (bad > 0 OR "
                                 "mode = 'suspect'))");
    if (doubted.run(core)[0].get<bool>(0))
        observeCore(core, true, "");
}

bool finishRecovery(const std::string& core) {
    // Only accounts that could be sent now or in a moment, as those that met the core's end (see firstDelay): one in
    // trouble of its own, which is tried ever less often, keeps nobody else in recovery.
    static pg::Statement waiting(
        "SELECT EXISTS (SELECT FROM standin_private.account_queue q"
        "                WHERE core = $1 AND capability = $2 AND state = 'accepted' AND NOT EXISTS ("
        "                  SELECT FROM standin_private.confirmation c WHERE c.core = $1 AND c.account = q.account))"
        "    OR EXISTS (SELECT FROM standin_private.account_queue"
        "                WHERE core = $1 AND capability = $2 AND state = 'in_flight')"
        "    OR EXISTS (SELECT FROM standin_private.account_queue"
        "                WHERE core = $1 AND capability = $2 AND state = 'retry_wait' AND due_at <= $3)",
        pg::Plan::ByIndex);
    constexpr int64_t moment = 1500000; // microseconds
    bool changed = false;
    for (ModeRow& row : lockFreeModes(core)) {
        const std::optional<ModeChange> next = drained(row.state);
        if (!next || waiting.run(core, row.capability, pg::Timestamptz{kernel::now() + moment})[0].get<bool>(0))
            continue;
        change(row, next->mode, next->reason);
        changed = true;
    }
    return changed;
}

std::string modeHolders(const std::string& core) {
    static pg::Statement held(
        "SELECT count(*) > (SELECT count(*) FROM (SELECT FROM standin_private.core_mode WHERE core = $1"
        "                                          FOR UPDATE SKIP LOCKED) free)"
        "  FROM standin_private.core_mode WHERE core = $1");
    static pg::Statement table("SELECT 'standin_private.core_mode'::regclass::oid::bigint");
    if (!held.run(core)[0].get<bool>(0))
        return {};
    return kernel::lockHolders({table.run()[0].get<int64_t>(0)}, kernel::noOwnTables);
}

int64_t switchCore(const std::string& core, Mode mode, const std::string& reason,
                   const std::optional<std::string>& capability) {
    if (reason.empty())
        throw Error("22023", "a switch needs a reason");
    if (mode == Mode::suspect)
        throw Error("22023", "mode suspect is the prober's, not an operator's", {},
                    "Use online, stand_in, recovering, forced_online or forced_stand_in.");
    std::vector<ModeRow> modes = lockModes(core, capability, std::nullopt);
    if (modes.empty())
        throw Error("42704", "core \"" + core + "\" has no such capability", {}, "See view standin.core_status.");
    int64_t epoch = 0;
    for (ModeRow& row : modes) {
        row.state.good = row.state.bad = 0; // what was counted under the mode before says nothing about this one
        epoch = std::max(epoch, row.state.mode == mode ? row.epoch : change(row, mode, reason));
    }
    return epoch;
}

} // namespace standin::core
