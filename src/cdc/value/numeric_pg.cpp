#include "cdc/value/numeric_pg.h"

extern "C" {
#include <libpq/pqformat.h>
#include <utils/fmgrprotos.h>
}

namespace standin::cdc {

namespace {

// The short form of a stored numeric: one header of flag, sign, display scale and weight, then the digits. It is what
// pg_upgrade carries over unchanged since 9.1, though numeric.c keeps the names to itself.
constexpr uint16_t shortFlag = 0x8000;
constexpr uint16_t shortNegative = 0x2000;
constexpr int shortScaleShift = 7;
constexpr int shortMaxScale = 63;
constexpr uint16_t shortNegativeWeight = 0x0040;
constexpr uint16_t shortWeightMask = 0x003f;

bool fitsShort(const DecimalCell& cell) {
    return (cell.sign == Decimal::Sign::Positive || cell.sign == Decimal::Sign::Negative) &&
           cell.displayScale <= shortMaxScale && cell.weight >= -64 && cell.weight <= 63;
}

Datum shortForm(const DecimalCell& cell) {
    const size_t digits = cell.count * sizeof(int16_t);
    const size_t size = VARHDRSZ + sizeof(uint16_t) + digits;
    auto* numeric = static_cast<char*>(palloc(size));
    SET_VARSIZE(numeric, size);
    const auto header = static_cast<uint16_t>(
        shortFlag | (cell.sign == Decimal::Sign::Negative ? shortNegative : 0) | cell.displayScale << shortScaleShift |
        (cell.weight < 0 ? shortNegativeWeight : 0) | (cell.weight & shortWeightMask));
    memcpy(VARDATA(numeric), &header, sizeof(header));
    memcpy(VARDATA(numeric) + sizeof(header), cell.digits(), digits);
    return PointerGetDatum(numeric);
}

} // namespace

/// Everything but the short form goes by way of numeric's binary input, the public door for exact digits.
Datum numericDatum(const DecimalCell& cell) {
    if (fitsShort(cell))
        return shortForm(cell);
    StringInfoData wire;
    initStringInfo(&wire);
    pq_sendint16(&wire, cell.count);
    pq_sendint16(&wire, static_cast<uint16_t>(cell.weight));
    pq_sendint16(&wire, static_cast<uint16_t>(cell.sign));
    pq_sendint16(&wire, cell.displayScale);
    for (int i = 0; i < cell.count; ++i)
        pq_sendint16(&wire, static_cast<uint16_t>(cell.digits()[i]));
    const Datum result =
        DirectFunctionCall3(numeric_recv, PointerGetDatum(&wire), ObjectIdGetDatum(InvalidOid), Int32GetDatum(-1));
    pfree(wire.data);
    return result;
}

} // namespace standin::cdc
