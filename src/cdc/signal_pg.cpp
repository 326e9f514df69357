#include "cdc/signal_pg.h"

#include <algorithm>

#include "base/text.h"
#include "kernel/instance.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "pg/user_code.h"

namespace standin::cdc {

using namespace std::chrono_literals;

void SignalSender::look() {
    static pg::Statement asked(
        "select exists (select from standin_private.cdc_signal where source = $1 and sent_at is null)");
    due_ = asked.run(source_)[0].get<bool>(0);
}

std::chrono::milliseconds SignalSender::patience() const {
    if (!underWay_.empty())
        return 50ms;
    if (!due_)
        return 60s;
    return std::clamp<std::chrono::milliseconds>(clock_.left(), 1ms, 60s);
}

void SignalSender::attend() {
    try {
        if (!underWay_.empty()) {
            if (const auto report = producer_->poll())
                finish(*report);
        } else if (due_ && clock_.isDue()) {
            if (const auto signal = next())
                begin(*signal);
            else
                due_ = false;
        }
    } catch (const Error& error) {
        finish(error.what());
    } catch (const pg::PgError& error) {
        finish(error.what());
    }
}

std::optional<SignalSender::Signal> SignalSender::next() {
    static pg::Statement next(
        "select signal_id, case when signal_table is not null then "
        "coalesce(standin_private.table_named(signal_table)::oid, 0) end, " // 0: gone
        "coalesce(format('insert into %s (id, type, data) values (%L, %L, %L) on conflict do nothing', signal_table, signal_id, type, data), ''), coalesce(signal_topic, ''), key, "
        "jsonb_build_object('id', signal_id, 'type', type, 'data', data) from standin_private.cdc_signal "
        "where source = $1 and sent_at is null order by created_at, signal_id limit 1");
    return worker_.transaction([&]() -> std::optional<Signal> {
        const pg::Rows found = next.run(source_);
        if (found.empty())
            return std::nullopt;
        const pg::Row row = found[0];
        return Signal{row.get<std::string>(0), row.optional<Oid>(1),    row.get<std::string>(2),
                      row.get<std::string>(3), row.get<std::string>(4), row.get<std::string>(5)};
    });
}

void SignalSender::begin(const Signal& signal) {
    underWay_ = signal.id;
    if (signal.table) {
        insert(signal);
        finish("");
        return;
    }
    worker_.transaction([] { kernel::requireInstance(); });
    if (!producer_)
        producer_ = std::make_unique<kafka::Producer>(properties_);
    producer_->send(signal.topic, signal.key, signal.value);
}

void SignalSender::insert(const Signal& signal) {
    worker_.transaction([&] {
        kernel::requireInstance();
        const Oid owner = pg::call([&] {
            HeapTuple tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(*signal.table));
            if (!HeapTupleIsValid(tuple))
                ereport(ERROR, errcode(ERRCODE_UNDEFINED_TABLE), errmsg("the signal table does not exist any more"));
            const Oid found = reinterpret_cast<Form_pg_class>(GETSTRUCT(tuple))->relowner;
            ReleaseSysCache(tuple);
            return found;
        });
        pg::requireUserRole(owner, "signals are never written as the owner of the signal table,");
        const pg::RoleScope role(owner, pg::RoleScope::Rein::Free); // its triggers may do what they like
        pg::execute(signal.insert);
        pg::call([] { SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0); });
    });
}

/// A signal that failed stays asked for, and is sent again after a growing pause.
void SignalSender::finish(const std::string& error) {
    static pg::Statement mark("update standin_private.cdc_signal set attempts = attempts + 1, error = nullif($2, ''), "
                              "sent_at = case when $2 = '' then standin_private.clock_now() end where signal_id = $1");
    const std::string id = std::exchange(underWay_, "");
    if (error.empty())
        clock_.succeed();
    else
        clock_.fail();
    if (!id.empty())
        worker_.transaction([&] { mark.run(id, foreignText(error)); });
}

} // namespace standin::cdc
