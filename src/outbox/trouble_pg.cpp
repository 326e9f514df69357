#include "outbox/trouble_pg.h"

#include "base/text.h"
#include "pg/spi.h"

namespace standin::outbox {

void Trouble::show(const char* state, const std::string& reason, const std::string& hint) {
    note(foreignText(reason), hint);
    worker_.setError("HV000", reason);
    worker_.setState(state, reason);
}

void Trouble::over() {
    note({}, {});
    worker_.setState("running");
    worker_.recovered();
}

void Trouble::note(const std::string& reason, const std::string& hint) {
    static pg::Statement update(
        "UPDATE standin_private.outbox_progress SET reason = nullif($2, ''), hint = nullif($3, '') "
        "WHERE relay = $1");
    if (reason == reason_ && hint == hint_)
        return;
    worker_.transaction([&] { update.run(worker_.key(), reason, hint); });
    reason_ = reason;
    hint_ = hint;
}

} // namespace standin::outbox
