#include "cdc/confirm_pg.h"

#include <algorithm>

#include "kernel/confirmation.h"

namespace standin::cdc {

void confirmArrivals(std::vector<std::unique_ptr<TargetTable>>& tables, const std::vector<Change>& changes,
                     const std::vector<bool>& buried) {
    for (size_t index = 0; index < tables.size(); ++index) {
        const auto isOfTable = [&](const Change& change) {
            return change.table == index && change.operation != Operation::Delete;
        };
        if (std::none_of(changes.begin(), changes.end(), isOfTable))
            continue;
        TargetTable& table = *tables[index];
        const auto confirmation = kernel::confirmationFor(table.relation());
        if (!confirmation)
            continue;
        const auto& columns = table.target().columns;
        const auto column = std::find_if(columns.begin(), columns.end(),
                                         [&](const TargetColumn& one) { return one.name == confirmation->keyColumn; });
        if (column == columns.end())
            throw Error("42703", "table " + table.name() + " has no column \"" + confirmation->keyColumn +
                                     "\" to confirm transactions by");
        const auto position = static_cast<size_t>(column - columns.begin());
        std::vector<std::string> keys;
        for (size_t i = 0; i < changes.size(); ++i)
            if (isOfTable(changes[i]) && !buried[i])
                if (auto key = cellToText(table.columns()[position], changes[i].cells[position]))
                    keys.push_back(std::move(*key));
        if (!keys.empty())
            kernel::confirm(confirmation->id, keys);
    }
}

} // namespace standin::cdc
