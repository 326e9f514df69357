#include "cdc/value/column_pg.h"

#include "base/temporal.h"

extern "C" {
#include <utils/array.h>
#include <utils/date.h>
#include <utils/fmgrprotos.h>
#include <utils/timestamp.h>
#include <utils/uuid.h>
}

#include "cdc/value/numeric_pg.h"

namespace standin::cdc {

namespace {

/// Gives errors raised below it the names of column and type: by both together they are known to be about the value.
/// Not a guard with a destructor: a longjmp would skip it, and the boundary restores the stack.
class ErrorColumn {
public:
    explicit ErrorColumn(ColumnConversion& column) : callback_{error_context_stack, name, &column} {
        error_context_stack = &callback_;
    }
    void leave() { error_context_stack = callback_.previous; }

private:
    static void name(void* converted) {
        const auto* column = static_cast<const ColumnConversion*>(converted);
        err_generic_string(PG_DIAG_COLUMN_NAME, column->name);
        err_generic_string(PG_DIAG_DATATYPE_NAME, column->typeName);
    }
    ErrorContextCallback callback_;
};

/// Through the type's own input function, with the column's typmod.
Datum throughInput(ColumnConversion& column, std::string_view text) {
    char* copy = pnstrdup(text.data(), text.size());
    ErrorColumn errors(column);
    const Datum datum = InputFunctionCall(&column.input, copy, column.inputParameter, column.typmod);
    errors.leave();
    return datum;
}

/// Without a way out of the loop, so that it is done many bytes at a time.
bool isAscii(std::string_view text) {
    unsigned char all = 0;
    for (const char character : text)
        all |= static_cast<unsigned char>(character);
    return all < 0x80;
}

/// Fields and digits that the column does not have: those are a second's digits, which the decoder has limited, or
/// whole fields (INTERVAL YEAR TO MONTH), whose loss no rounding covers.
Datum fittedInterval(ColumnConversion& column, ::Interval* interval) {
    if (column.typmod < 0)
        return IntervalPGetDatum(interval);
    const Datum fitted = DirectFunctionCall2(interval_scale, IntervalPGetDatum(interval), Int32GetDatum(column.typmod));
    if (memcmp(DatumGetIntervalP(fitted), interval, sizeof(::Interval)) != 0) {
        ErrorColumn errors(column);
        ereport(ERROR, (errcode(ERRCODE_INTERVAL_FIELD_OVERFLOW),
                        errmsg("column \"%s\": an interval with fields that the column cannot hold", column.name)));
    }
    return fitted;
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

Datum moneyDatum(ColumnConversion& column, const DecimalCell& cell) {
    ErrorColumn errors(column);
    const Datum money = DirectFunctionCall1(numeric_cash, numericDatum(cell));
    errors.leave();
    return money;
}

Datum intervalDatum(ColumnConversion& column, std::string_view bytes) {
    static_assert(sizeof(standin::Interval) == sizeof(::Interval) &&
                  offsetof(standin::Interval, days) == offsetof(::Interval, day) &&
                  offsetof(standin::Interval, months) == offsetof(::Interval, month));
    auto* interval = static_cast<::Interval*>(palloc(sizeof(::Interval)));
    memcpy(interval, bytes.data(), sizeof(::Interval));
    return fittedInterval(column, interval);
}

Datum bytesDatum(ColumnConversion& column, std::string_view bytes) {
    if (column.kind == ColumnType::Uuid) {
        auto* uuid = static_cast<pg_uuid_t*>(palloc(sizeof(pg_uuid_t)));
        memcpy(uuid->data, bytes.data(), UUID_LEN);
        return UUIDPGetDatum(uuid);
    }
    if (column.kind == ColumnType::Interval)
        return intervalDatum(column, bytes);
    return PointerGetDatum(cstring_to_text_with_len(bytes.data(), static_cast<int>(bytes.size())));
}

Datum arrayDatum(ColumnConversion& column, const Cell& cell) {
    ColumnConversion& element = *column.element;
    if (cell.size == 0)
        return PointerGetDatum(construct_empty_array(element.type));
    const auto* cells = reinterpret_cast<const Cell*>(cell.data);
    auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * cell.size));
    auto* nulls = static_cast<bool*>(palloc(sizeof(bool) * cell.size));
    for (uint32_t i = 0; i < cell.size; ++i)
        values[i] = cellToDatum(element, cells[i], &nulls[i]);
    int dimension = static_cast<int>(cell.size);
    int lowerBound = 1;
    return PointerGetDatum(construct_md_array(values, nulls, 1, &dimension, &lowerBound, element.type, element.length,
                                              element.byValue, column.elementAlignment));
}

/// The decoder has given values their column's precision; those of the record and of expressions have their own.
Datum valueDatum(ColumnConversion& column, int64_t value) {
    const auto datum = static_cast<Datum>(value);
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

/// Numerics come from the decoder only, which has given them their column's scale and precision.
Datum baseDatum(ColumnConversion& column, const Cell& cell) {
    switch (cell.kind) {
    case CellKind::Value:
        return valueDatum(column, cell.value);
    case CellKind::Text:
        return textDatum(column, cell.bytes());
    case CellKind::Bytes:
        return bytesDatum(column, cell.bytes());
    case CellKind::Array:
        return arrayDatum(column, cell);
    default: {
        const auto& decimal = *reinterpret_cast<const DecimalCell*>(cell.data);
        return column.kind == ColumnType::Money ? moneyDatum(column, decimal) : numericDatum(decimal);
    }
    }
}

/// A domain's CHECK may be user code that names a column itself, which an error context may not overwrite.
void checkDomain(ColumnConversion& column, Datum datum, bool isNull) {
    const MemoryContext context = CurrentMemoryContext;
    PG_TRY();
    { domain_check(datum, isNull, column.type, &column.domainState, column.input.fn_mcxt); }
    PG_CATCH();
    {
        MemoryContextSwitchTo(context);
        ErrorData* error = CopyErrorData();
        FlushErrorState();
        if (!error->column_name)
            error->column_name = pstrdup(column.name);
        if (!error->datatype_name)
            error->datatype_name = pstrdup(column.typeName);
        ReThrowError(error);
    }
    PG_END_TRY();
}

} // namespace

Datum cellToDatum(ColumnConversion& column, const Cell& cell, bool* isNull) {
    *isNull = cell.kind == CellKind::Null;
    const Datum datum = *isNull ? 0 : baseDatum(column, cell);
    if (column.type != column.baseType)
        checkDomain(column, datum, *isNull);
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
