#include "cdc/dead_letter/limit_pg.h"

#include "pg/spi.h"

namespace standin::cdc {

bool pauseIfTooManyLetters(const std::string& source) {
    static pg::Statement pause(
        "update standin_private.kafka_consumer c set paused = true, changed_at = standin_private.clock_now(), "
        "changed_by = current_user, pause_reason = format('more than %s dead letters within %s', s.dead_letter_limit, "
        "s.dead_letter_window) from standin_private.cdc_source s, (select standin_private.clock_now()) now (at) where "
        "c.consumer = $1 and s.source = $1 and not "
        "c.paused "
        "and (select count(*) from standin_private.kafka_dead_letter d where d.consumer = $1 and d.created_at > "
        "greatest(now.at - s.dead_letter_window, case when c.changed_at <= now.at then c.changed_at end) "
        "and d.created_at <= now.at) > s.dead_letter_limit"); // later ones are of a clock that was put back
    return pause.run(source).affected() != 0;
}

} // namespace standin::cdc
