#include <charconv>

#include "cdc/column_pg.h"

extern "C" {
#include <libpq/pqformat.h>
#include <utils/date.h>
#include <utils/fmgrprotos.h>
#include <utils/timestamp.h>
#include <utils/uuid.h>
}

namespace standin::cdc {

namespace {

/// Through the type's own input function, with the column's typmod.
Datum throughInput(ColumnConversion& column, std::string_view text) {
    char* copy = pnstrdup(text.data(), text.size());
    return InputFunctionCall(&column.input, copy, column.inputParameter, column.typmod);
}

bool isAscii(std::string_view text) {
    for (const char character : text)
        if (static_cast<signed char>(character) < 0)
            return false;
    return true;
}

Datum textDatum(ColumnConversion& column, std::string_view text) {
    const int length = static_cast<int>(text.size());
    const int limit = column.typmod - VARHDRSZ;
    if (column.kind == ColumnType::Text && (column.typmod < 0 || length <= limit))
        return PointerGetDatum(cstring_to_text_with_len(text.data(), length));
    if (column.kind == ColumnType::Char && column.typmod >= 0 && length <= limit && isAscii(text)) {
        auto* padded = static_cast<char*>(palloc(static_cast<size_t>(column.typmod)));
        SET_VARSIZE(padded, column.typmod);
        memcpy(VARDATA(padded), text.data(), text.size());
        memset(VARDATA(padded) + length, ' ', static_cast<size_t>(limit - length));
        return PointerGetDatum(padded);
    }
    return throughInput(column, text);
}

/// By way of numeric's binary input: the one public door for exact digits.
Datum numericDatum(ColumnConversion& column, const DecimalCell& cell) {
    StringInfoData wire;
    initStringInfo(&wire);
    pq_sendint16(&wire, cell.count);
    pq_sendint16(&wire, static_cast<uint16_t>(cell.weight));
    pq_sendint16(&wire, static_cast<uint16_t>(cell.sign));
    pq_sendint16(&wire, cell.displayScale);
    for (int i = 0; i < cell.count; ++i)
        pq_sendint16(&wire, static_cast<uint16_t>(cell.digits()[i]));
    const Datum result = DirectFunctionCall3(numeric_recv, PointerGetDatum(&wire), ObjectIdGetDatum(InvalidOid),
                                             Int32GetDatum(column.typmod));
    pfree(wire.data);
    return result;
}

Datum valueDatum(ColumnConversion& column, int64_t value) {
    const Datum datum = static_cast<Datum>(value);
    if (column.typmod < 0)
        return datum;
    switch (column.kind) {
    case ColumnType::Time:
        return DirectFunctionCall2(time_scale, datum, Int32GetDatum(column.typmod));
    case ColumnType::Timestamp:
        return DirectFunctionCall2(timestamp_scale, datum, Int32GetDatum(column.typmod));
    case ColumnType::Timestamptz:
        return DirectFunctionCall2(timestamptz_scale, datum, Int32GetDatum(column.typmod));
    default:
        return datum;
    }
}

Datum bytesDatum(ColumnConversion& column, std::string_view bytes) {
    if (column.kind == ColumnType::Uuid) {
        auto* uuid = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
        memcpy(uuid->data, bytes.data(), UUID_LEN);
        return UUIDPGetDatum(uuid);
    }
    return PointerGetDatum(cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size())));
}

Datum baseDatum(ColumnConversion& column, const Cell& cell) {
    switch (cell.kind) {
    case CellKind::Value:
        return valueDatum(column, cell.value);
    case CellKind::Text:
        return textDatum(column, cell.bytes());
    case CellKind::Bytes:
        return bytesDatum(column, cell.bytes());
    default:
        return numericDatum(column, *reinterpret_cast<const DecimalCell*>(cell.data));
    }
}

} // namespace

Datum cellToDatum(ColumnConversion& column, const Cell& cell, bool* isNull) {
    *isNull = cell.kind == CellKind::Null;
    const Datum datum = *isNull ? 0 : baseDatum(column, cell);
    if (column.type != column.baseType)
        domain_check(datum, *isNull, column.type, &column.domainState, column.input.fn_mcxt);
    return datum;
}

std::optional<std::string> cellToText(ColumnConversion& column, const Cell& cell) {
    if (cell.kind <= CellKind::Null)
        return std::nullopt;
    if (cell.kind == CellKind::Text && column.kind == ColumnType::Text)
        return std::string(cell.bytes());
    const char* text = pg::call([&] {
        Oid function;
        bool isVariable;
        getTypeOutputInfo(column.baseType, &function, &isVariable);
        return OidOutputFunctionCall(function, baseDatum(column, cell)); // no domain's CHECK: it may be user code
    });
    return text;
}

} // namespace standin::cdc
