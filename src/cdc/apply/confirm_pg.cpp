#include "cdc/apply/confirm_pg.h"

#include <algorithm>

#include "kernel/confirmation.h"
#include "pg/user_code.h"

namespace standin::cdc {

namespace {

/// The place of a column that confirms transactions.
size_t placeOf(TargetTable& table, uint32_t index, const std::string& name) {
    const auto& columns = table.target().columns;
    const auto column =
        std::find_if(columns.begin(), columns.end(), [&](const TargetColumn& one) { return one.name == name; });
    if (column == columns.end())
        throw TableStopped(index, "42703",
                           "table " + table.name() + " has no column \"" + name + "\" to confirm transactions by", {});
    const auto place = static_cast<size_t>(column - columns.begin());
    if (!pg::isBuiltIn(table.columns()[place].type)) // its owner may have changed it since
        throw TableStopped(index, "42804",
                           "column \"" + name + "\" of table " + table.name() +
                               ", which confirms transactions, is not of a built-in type",
                           "ALTER TABLE ... ALTER COLUMN ... TYPE.");
    return place;
}

} // namespace

void confirmArrivals(std::vector<std::unique_ptr<TargetTable>>& tables, const std::vector<Change>& changes,
                     const std::vector<bool>& buried) {
    for (uint32_t index = 0; index < tables.size(); ++index) {
        const auto isOfTable = [&](const Change& change) {
            return change.table == index && change.operation != Operation::Delete;
        };
        if (std::none_of(changes.begin(), changes.end(), isOfTable))
            continue;
        TargetTable& table = *tables[index];
        const auto confirmation = kernel::confirmationFor(table.relation());
        if (!confirmation)
            continue;
        const auto place = [&](const std::optional<std::string>& name) {
            return name ? std::optional(placeOf(table, index, *name)) : std::nullopt;
        };
        const size_t key = placeOf(table, index, confirmation->keyColumn);
        const auto account = place(confirmation->accountColumn), amount = place(confirmation->amountColumn);
        std::vector<kernel::Arrival> arrivals;
        for (size_t i = 0; i < changes.size(); ++i) {
            if (!isOfTable(changes[i]) || buried[i])
                continue;
            const auto textOf = [&](std::optional<size_t> column) {
                return column ? table.textOf(*column, changes[i].cells) : std::nullopt;
            };
            if (auto text = textOf(key))
                arrivals.push_back({std::move(*text), textOf(account), textOf(amount)});
        }
        kernel::confirm(confirmation->id, arrivals);
    }
}

} // namespace standin::cdc
