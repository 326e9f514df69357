#include "cdc/apply/logical_message_pg.h"

#include "cdc/failure/failure.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "pg/user_code.h"

extern "C" {
#include <catalog/pg_proc.h>
}

namespace standin::cdc {

void storeMessage(const std::string& source, const kafka::Message& record, const Event& event) {
    static pg::Statement store(
        "insert into standin_private.cdc_message as m (source, topic, partition, record_offset, prefix, content, lsn, "
        "source_at) values ($1, $2, $3, $4, $5, $6, $7, to_timestamp($8::float8 / 1000000)) "
        "on conflict (source, topic, partition, record_offset) do update set prefix = excluded.prefix, "
        "content = excluded.content, lsn = excluded.lsn, source_at = excluded.source_at");
    const LogicalMessage& message = event.message;
    store.run(source, record.topic(), record.partition(), record.offset(), message.prefix, pg::Bytea{message.content},
              message.lsn.empty() ? std::nullopt : std::optional(message.lsn),
              event.sourceMicros ? std::optional(static_cast<double>(event.sourceMicros)) : std::nullopt);
}

namespace {

struct Callee {
    Oid owner;
    char* name;
};

/// An owner of InvalidOid: there is no such function any more.
Callee calleeOf(const std::string& qualified) {
    static pg::Statement find("select standin_private.cdc_message_function($1)");
    const Oid function = find.run(qualified)[0].optional<Oid>(0).value_or(InvalidOid);
    return pg::call([function] {
        Callee callee{InvalidOid, nullptr};
        HeapTuple tuple = SearchSysCache1(PROCOID, ObjectIdGetDatum(function));
        if (!HeapTupleIsValid(tuple))
            return callee;
        const auto* form = reinterpret_cast<Form_pg_proc>(GETSTRUCT(tuple));
        callee.owner = form->proowner;
        callee.name = quote_qualified_identifier(get_namespace_name(form->pronamespace), NameStr(form->proname));
        ReleaseSysCache(tuple);
        return callee;
    });
}

} // namespace

void callMessageFunction(const std::string& function, const LogicalMessage& message) {
    const Callee callee = calleeOf(function);
    if (!OidIsValid(callee.owner))
        throw Error("42883", "function " + function + " for logical messages does not exist",
                    "It was dropped or renamed.",
                    "Make it again, or name another: standin.cdc_source_alter(..., message_function => ...).");
    pg::requireUserRole(callee.owner, // it may have become a superuser's since
                        std::string("logical messages are never handed to function ") + callee.name + " of");
    const std::string sql = std::string("SELECT ") + callee.name + "($1, $2, $3)";
    const pg::RoleScope role(callee.owner, pg::RoleScope::Rein::Free); // it is its owner's, and may do what they may
    const char* command = sql.c_str();
    const auto run = [&] {
        Oid types[] = {TEXTOID, BYTEAOID, TEXTOID};
        const auto text = [](std::string_view view) {
            return PointerGetDatum(cstring_to_text_with_len(view.data(), static_cast<int>(view.size())));
        };
        Datum values[] = {text(message.prefix), text(message.content), text(message.lsn)};
        const char nulls[] = {' ', ' ', message.lsn.empty() ? 'n' : ' ', 0};
        SPI_execute_with_args(command, 3, types, values, nulls, false, 0);
        SPI_execute("SET CONSTRAINTS ALL IMMEDIATE", false, 0); // deferred triggers run as this role too
    };
    try {
        pg::call(run);
    } catch (const pg::PgError& error) {
        if (isRecordError(error.sqlstate()) || isWorldError(error.sqlstate()))
            throw;
        throw Error("22000",
                    std::string("function ") + callee.name + " failed with " + error.sqlstate() + ": " + error.what());
    }
}

} // namespace standin::cdc
