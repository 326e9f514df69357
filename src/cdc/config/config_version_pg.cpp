#include "cdc/config/config_version_pg.h"

#include "cdc/config/source_lock_pg.h"
#include "pg/spi.h"

extern "C" {
#include <utils/builtins.h>
}

namespace standin::cdc {

namespace {

bool isWorker = false;

} // namespace

void enterWorker() { isWorker = true; }

void requireVersion(const std::string& source, int64_t version) {
    static pg::Statement current("select version from standin_private.cdc_source where source = $1");
    lockSource(source, pg::OwnLock::Version, ShareLock);
    const pg::Rows found = current.run(source);
    if (found.empty() || found[0].get<int64_t>(0) != version)
        throw VersionChanged();
}

} // namespace standin::cdc

// (source text)
STANDIN_FUNCTION(standin_cdc_version_lock) {
    using namespace standin::cdc;
    lockSource(standin::pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); }), standin::pg::OwnLock::Version,
               ExclusiveLock);
    PG_RETURN_VOID();
}

STANDIN_FUNCTION(standin_cdc_is_worker) { PG_RETURN_BOOL(standin::cdc::isWorker); }
