#include "cdc/value/column_pg.h"

extern "C" {
#include <catalog/pg_attribute.h>
#include <catalog/pg_collation.h>
#include <utils/builtins.h>
#include <utils/lsyscache.h>
#include <utils/pg_locale.h>
#include <utils/timestamp.h>
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
    case TIMETZOID:
        return ColumnType::Timetz;
    case MONEYOID:
        return ColumnType::Money;
    case BITOID:
        return ColumnType::Bit;
    case VARBITOID:
        return ColumnType::Varbit;
    case POINTOID:
        return ColumnType::Point;
    default:
        return ColumnType::Other;
    }
}

/// Where the extension's type is told by its name.
bool isHstore(Oid type) {
    const HeapTuple tuple = SearchSysCache1(TYPEOID, ObjectIdGetDatum(type));
    if (!HeapTupleIsValid(tuple))
        elog(ERROR, "cache lookup failed for type %u", type);
    const bool result = strcmp(NameStr(((Form_pg_type)GETSTRUCT(tuple))->typname), "hstore") == 0;
    ReleaseSysCache(tuple);
    return result;
}

/// Digits after the point of money, as cash.c has it.
int16_t moneyScale() {
    const int digits = PGLC_localeconv()->frac_digits;
    return static_cast<int16_t>(digits < 0 || digits > 10 ? 2 : digits);
}

int16_t scaleOf(ColumnType kind, int32_t typmod) {
    switch (kind) {
    case ColumnType::Numeric:
        // Eleven bits with a sign, since 15.
        return typmod < static_cast<int32_t>(VARHDRSZ)
                   ? -1
                   : static_cast<int16_t>((((typmod - VARHDRSZ) & 0x7ff) ^ 1024) - 1024);
    case ColumnType::Money:
        return pg::call([] { return moneyScale(); });
    case ColumnType::Time:
    case ColumnType::Timetz:
    case ColumnType::Timestamp:
    case ColumnType::Timestamptz:
        return static_cast<int16_t>(typmod);
    case ColumnType::Interval: {
        const int precision = typmod < 0 ? INTERVAL_FULL_PRECISION : INTERVAL_PRECISION(typmod);
        return precision == INTERVAL_FULL_PRECISION ? int16_t{-1} : static_cast<int16_t>(precision);
    }
    default:
        return -1;
    }
}

int32_t precisionOf(ColumnType kind, int32_t typmod) {
    if (kind == ColumnType::Numeric && typmod >= static_cast<int32_t>(VARHDRSZ))
        return ((typmod - VARHDRSZ) >> 16) & 0xffff;
    if (kind == ColumnType::Bit || kind == ColumnType::Varbit)
        return typmod;
    return -1;
}

/// PostgreSQL code. `type` may be a domain, also of arrays.
void describe(ColumnConversion& column, Oid type, int32_t typmod, MemoryContext context) {
    column.type = type;
    column.typmod = typmod;
    column.baseType = getBaseTypeAndTypmod(type, &column.typmod);
    column.kind = columnTypeOf(column.baseType);
    column.typeName = MemoryContextStrdup(context, format_type_be(type));
    get_typlenbyval(type, &column.length, &column.byValue);
    Oid function;
    getTypeInputInfo(column.baseType, &function, &column.inputParameter);
    fmgr_info_cxt(function, &column.input, context);
    if (column.kind != ColumnType::Other)
        return;
    if (const Oid element = get_base_element_type(column.baseType); OidIsValid(element)) {
        column.kind = ColumnType::Array;
        column.element = static_cast<ColumnConversion*>(MemoryContextAllocZero(context, sizeof(ColumnConversion)));
        column.element->attribute = column.attribute;
        column.element->name = column.name;
        describe(*column.element, element, column.typmod, context);
        int16 length;
        bool byValue;
        get_typlenbyvalalign(element, &length, &byValue, &column.elementAlignment);
    } else if (isHstore(column.baseType)) {
        column.kind = ColumnType::Hstore;
    }
}

TargetColumn columnOf(const ColumnConversion& column) {
    TargetColumn result;
    result.name = column.name;
    result.type = column.kind;
    result.scale = scaleOf(column.kind, column.typmod);
    result.precision = precisionOf(column.kind, column.typmod);
    if (column.element)
        result.element = std::make_shared<const TargetColumn>(columnOf(*column.element));
    return result;
}

} // namespace

bool isComparableKey(const ColumnConversion& column, Oid collation) {
    switch (column.kind) {
    case ColumnType::Bool:
    case ColumnType::Int2:
    case ColumnType::Int4:
    case ColumnType::Int8:
    case ColumnType::Numeric:
    case ColumnType::Date:
    case ColumnType::Time:
    case ColumnType::Timestamp:
    case ColumnType::Timestamptz:
    case ColumnType::Uuid:
    case ColumnType::Bytea:
        return true;
    case ColumnType::Text:
    case ColumnType::Char:
        return pg::call([collation] { return !OidIsValid(collation) || get_collation_isdeterministic(collation); });
    default:
        return false;
    }
}

ColumnConversion conversionOf(Form_pg_attribute attribute, MemoryContext context) {
    return pg::call([=] {
        ColumnConversion column{};
        column.attribute = attribute->attnum;
        column.name = MemoryContextStrdup(context, NameStr(attribute->attname));
        describe(column, attribute->atttypid, attribute->atttypmod, context);
        return column;
    });
}

TargetColumn targetColumnOf(Form_pg_attribute attribute, const ColumnConversion& column) {
    TargetColumn result = columnOf(column);
    result.writable = attribute->attgenerated == '\0';
    result.identity = attribute->attidentity == ATTRIBUTE_IDENTITY_ALWAYS;
    return result;
}

} // namespace standin::cdc
