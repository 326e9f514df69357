#include "standin/accept/key_digest_pg.h"

#include "pg/guard.h"
#include "pg/spi.h"

extern "C" {
#include <utils/fmgrprotos.h>
#include <utils/jsonb.h>
}

namespace standin::core {

namespace {

/// SHA-256 over operation and payload.
std::string sha256Of(const std::string& operation, const std::string& payload) {
    const std::string text = operation + '\n' + payload;
    const Datum digest = pg::call([&] {
        return DirectFunctionCall1(
            sha256_bytea, PointerGetDatum(cstring_to_text_with_len(text.data(), static_cast<int>(text.size()))));
    });
    return {VARDATA_ANY(DatumGetPointer(digest)), VARSIZE_ANY_EXHDR(DatumGetPointer(digest))};
}

} // namespace

std::string digestOf(const std::string& operation, const std::string& payload) {
    return sha256Of(operation, withNumbersByValue(payload));
}

bool asksForTheSame(const std::string& core, const std::string& key, const std::string& operation,
                    const PayloadFormat& format, const std::string& payload) {
    static pg::Statement statement("SELECT k.digest = $3, p.operation, p.payload::text"
                                   "  FROM standin_private.transaction_key k LEFT JOIN"
                                   "       standin_private.pending_transaction p"
                                   "         ON p.ticket = k.ticket AND p.account = k.account"
                                   " WHERE k.core = $1 AND k.key = $2",
                                   pg::Plan::ByIndex);
    const pg::Rows rows = statement.run(core, key, pg::Bytea{sha256Of(operation, payload)});
    if (rows.empty())
        return false;
    const pg::Row row = rows[0];
    return row.get<bool>(0) || (!row.isNull(1) && row.get<std::string>(1) == operation &&
                                samePayload(format, row.get<std::string>(2), payload));
}

} // namespace standin::core

// (operation text, payload jsonb): for the view that compares keys with what is queued under them
STANDIN_FUNCTION(standin_payload_digest) {
    namespace pg = standin::pg;
    const std::string operation = pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
    const std::string payload =
        pg::call([&] { return DatumGetCString(DirectFunctionCall1(jsonb_out, PG_GETARG_DATUM(1))); });
    const std::string digest = standin::core::digestOf(operation, payload);
    return pg::call([&] {
        auto* bytes = static_cast<bytea*>(palloc(VARHDRSZ + digest.size()));
        SET_VARSIZE(bytes, VARHDRSZ + digest.size());
        memcpy(VARDATA(bytes), digest.data(), digest.size());
        return PointerGetDatum(bytes);
    });
}

// (field text): refuses what is no field
STANDIN_FUNCTION(standin_field_pointer) {
    namespace pg = standin::pg;
    const standin::core::Field field(std::string(pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); })));
    return pg::call([&] { return PointerGetDatum(cstring_to_text(field.pointer().c_str())); });
}
