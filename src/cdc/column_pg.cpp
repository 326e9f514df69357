#include "cdc/column_pg.h"

extern "C" {
#include <catalog/pg_attribute.h>
#include <catalog/pg_collation.h>
#include <utils/lsyscache.h>
}

namespace standin::cdc {

namespace {

ColumnType columnTypeOf(Oid type) {
    switch (type) {
    case BOOLOID:
        return ColumnType::Bool;
    case INT2OID:
        return ColumnType::Int2;
    case INT4OID:
        return ColumnType::Int4;
    case INT8OID:
        return ColumnType::Int8;
    case FLOAT4OID:
        return ColumnType::Float4;
    case FLOAT8OID:
        return ColumnType::Float8;
    case NUMERICOID:
        return ColumnType::Numeric;
    case TEXTOID:
    case VARCHAROID:
        return ColumnType::Text;
    case BPCHAROID:
        return ColumnType::Char;
    case DATEOID:
        return ColumnType::Date;
    case TIMEOID:
        return ColumnType::Time;
    case TIMESTAMPOID:
        return ColumnType::Timestamp;
    case TIMESTAMPTZOID:
        return ColumnType::Timestamptz;
    case UUIDOID:
        return ColumnType::Uuid;
    case BYTEAOID:
        return ColumnType::Bytea;
    case INTERVALOID:
        return ColumnType::Interval;
    default:
        return ColumnType::Other;
    }
}

int16_t scaleOf(ColumnType kind, int32_t typmod) {
    if (kind == ColumnType::Numeric)
        return typmod < static_cast<int32_t>(VARHDRSZ)
                   ? -1
                   : static_cast<int16_t>((((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024);
    if (kind == ColumnType::Time || kind == ColumnType::Timestamp || kind == ColumnType::Timestamptz)
        return static_cast<int16_t>(typmod);
    return -1;
}

} // namespace

bool isComparableKey(const ColumnConversion& column, Oid collation) {
    switch (column.kind) {
    case ColumnType::Other:
    case ColumnType::Interval:
    case ColumnType::Float4:
    case ColumnType::Float8:
        return false;
    case ColumnType::Text:
    case ColumnType::Char:
        return pg::call([collation] { return !OidIsValid(collation) || get_collation_isdeterministic(collation); });
    default:
        return true;
    }
}

ColumnConversion conversionOf(Form_pg_attribute attribute, MemoryContext context) {
    return pg::call([=] {
        ColumnConversion column{};
        column.attribute = attribute->attnum;
        column.type = attribute->atttypid;
        column.typmod = attribute->atttypmod;
        column.baseType = getBaseTypeAndTypmod(attribute->atttypid, &column.typmod);
        column.kind = columnTypeOf(column.baseType);
        get_typlenbyval(attribute->atttypid, &column.length, &column.byValue);
        Oid function;
        getTypeInputInfo(column.baseType, &function, &column.inputParameter);
        fmgr_info_cxt(function, &column.input, context);
        return column;
    });
}

TargetColumn targetColumnOf(Form_pg_attribute attribute, const ColumnConversion& column) {
    TargetColumn result;
    result.name = NameStr(attribute->attname);
    result.type = column.kind;
    result.scale = scaleOf(column.kind, column.typmod);
    result.writable = attribute->attgenerated == '\0';
    return result;
}

} // namespace standin::cdc
