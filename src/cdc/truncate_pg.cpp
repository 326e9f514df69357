#include "cdc/truncate_pg.h"

#include "pg/owner.h"
#include "pg/spi.h"

namespace standin::cdc {

void truncateTarget(const TargetTable& table) {
    const pg::RoleScope role(table.role(), pg::RoleScope::Rein::Free); // its triggers may do what they like
    try {
        pg::inSubtransaction([&] { pg::execute("TRUNCATE " + table.name()); });
    } catch (const pg::PgError& error) {
        if (!error.is(ERRCODE_INSUFFICIENT_PRIVILEGE) && !error.is(ERRCODE_FEATURE_NOT_SUPPORTED))
            throw;
        pg::execute("DELETE FROM " + table.name());
    }
    pg::call([] { SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0); });
}

} // namespace standin::cdc
