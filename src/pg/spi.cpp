#include <exception>

#include "pg/spi.h"

extern "C" {
#include <catalog/pg_type_d.h>
#include <utils/array.h>
#include <utils/jsonb.h>
}

namespace standin::pg {

namespace {

[[noreturn]] void throwSpiError(int code, const char* sql) {
    throw Error("XX000", std::string("statement failed: ") + SPI_result_code_string(code), sql);
}

Datum textArray(const std::vector<std::string>& values) {
    auto* elements = static_cast<Datum*>(palloc(sizeof(Datum) * (values.size() + 1)));
    for (size_t i = 0; i < values.size(); ++i)
        elements[i] = PointerGetDatum(cstring_to_text_with_len(values[i].data(), static_cast<int>(values[i].size())));
    return PointerGetDatum(
        construct_array(elements, static_cast<int>(values.size()), TEXTOID, -1, false, TYPALIGN_INT));
}

Datum int8Array(const std::vector<int64_t>& values) {
    auto* elements = static_cast<Datum*>(palloc(sizeof(Datum) * (values.size() + 1)));
    for (size_t i = 0; i < values.size(); ++i)
        elements[i] = Int64GetDatum(values[i]);
    return PointerGetDatum(
        construct_array(elements, static_cast<int>(values.size()), INT8OID, 8, true, TYPALIGN_DOUBLE));
}

Datum toDatum(const Parameter& parameter) {
    const int length = static_cast<int>(parameter.text.size());
    switch (parameter.form) {
    case Parameter::Form::Text:
    case Parameter::Form::Bytea:
        return PointerGetDatum(cstring_to_text_with_len(parameter.text.data(), length));
    case Parameter::Form::Jsonb: {
        char* copy = pnstrdup(parameter.text.data(), parameter.text.size());
        return DirectFunctionCall1(jsonb_in, CStringGetDatum(copy));
    }
    case Parameter::Form::TextArray:
        return textArray(*static_cast<const std::vector<std::string>*>(parameter.array));
    case Parameter::Form::Int8Array:
        return int8Array(*static_cast<const std::vector<int64_t>*>(parameter.array));
    case Parameter::Form::Value:
        break;
    }
    return parameter.value;
}

} // namespace

Spi::Spi(int options) : exceptions_(std::uncaught_exceptions()) {
    call([options] { SPI_connect_ext(options); });
}

Spi::~Spi() {
    if (std::uncaught_exceptions() == exceptions_)
        SPI_finish();
}

Parameter parameter(bool value) { return {.type = BOOLOID, .value = BoolGetDatum(value)}; }
Parameter parameter(int16_t value) { return {.type = INT2OID, .value = Int16GetDatum(value)}; }
Parameter parameter(int32_t value) { return {.type = INT4OID, .value = Int32GetDatum(value)}; }
Parameter parameter(int64_t value) { return {.type = INT8OID, .value = Int64GetDatum(value)}; }
Parameter parameter(Oid value) { return {.type = OIDOID, .value = ObjectIdGetDatum(value)}; }
Parameter parameter(double value) { return {.type = FLOAT8OID, .value = Float8GetDatum(value)}; }
Parameter parameter(std::string_view value) { return {.type = TEXTOID, .form = Parameter::Form::Text, .text = value}; }
Parameter parameter(Timestamptz value) {
    return {.type = TIMESTAMPTZOID, .value = TimestampTzGetDatum(value.microseconds)};
}
Parameter parameter(Bytea value) { return {.type = BYTEAOID, .form = Parameter::Form::Bytea, .text = value.bytes}; }
Parameter parameter(Jsonb value) { return {.type = JSONBOID, .form = Parameter::Form::Jsonb, .text = value.text}; }
Parameter parameter(Typed value) { return {.type = value.type, .null = value.null, .value = value.value}; }
Parameter parameter(const std::vector<std::string>& value) {
    return {.type = TEXTARRAYOID, .form = Parameter::Form::TextArray, .array = &value};
}
Parameter parameter(const std::vector<int64_t>& value) {
    return {.type = INT8ARRAYOID, .form = Parameter::Form::Int8Array, .array = &value};
}

bool Row::isNull(int column) const {
    bool null = false;
    SPI_getbinval(table_->vals[index_], table_->tupdesc, column + 1, &null);
    return null;
}

Datum Row::datum(int column) const {
    bool null = false;
    const Datum value = SPI_getbinval(table_->vals[index_], table_->tupdesc, column + 1, &null);
    if (null)
        throw Error("22004", std::string("column ") + std::to_string(column) + " is unexpectedly null");
    return value;
}

template <> bool Row::get<bool>(int column) const { return DatumGetBool(datum(column)); }
template <> int16_t Row::get<int16_t>(int column) const { return DatumGetInt16(datum(column)); }
template <> int32_t Row::get<int32_t>(int column) const { return DatumGetInt32(datum(column)); }
template <> int64_t Row::get<int64_t>(int column) const { return DatumGetInt64(datum(column)); }
template <> Oid Row::get<Oid>(int column) const { return DatumGetObjectId(datum(column)); }
template <> double Row::get<double>(int column) const { return DatumGetFloat8(datum(column)); }
template <> Timestamptz Row::get<Timestamptz>(int column) const { return {DatumGetTimestampTz(datum(column))}; }
template <> std::string Row::get<std::string>(int column) const {
    datum(column);
    char* text = call([&] { return SPI_getvalue(table_->vals[index_], table_->tupdesc, column + 1); });
    std::string copy(text);
    pfree(text);
    return copy;
}

std::string bytesOf(const Row& row, int column) {
    const Datum value = row.datum(column);
    bytea* bytes = call([&] { return DatumGetByteaPP(value); });
    return {VARDATA_ANY(bytes), static_cast<size_t>(VARSIZE_ANY_EXHDR(bytes))};
}

Rows Statement::execute(const Parameter* parameters, int count) {
    if (!plan_) {
        const int code = call([&] {
            Oid types[FUNC_MAX_ARGS];
            for (int i = 0; i < count; ++i)
                types[i] = parameters[i].type;
            SPIPlanPtr plan = SPI_prepare(sql_, count, types);
            if (!plan)
                return SPI_result;
            if (const int kept = SPI_keepplan(plan); kept != 0)
                return kept;
            plan_ = plan;
            return 0;
        });
        if (!plan_)
            throwSpiError(code, sql_);
    }
    const int code = call([&] {
        Datum values[FUNC_MAX_ARGS];
        char nulls[FUNC_MAX_ARGS];
        for (int i = 0; i < count; ++i) {
            nulls[i] = parameters[i].null ? 'n' : ' ';
            values[i] = parameters[i].null ? 0 : toDatum(parameters[i]);
        }
        return SPI_execute_plan(plan_, values, nulls, readOnly_, 0);
    });
    if (code < 0)
        throwSpiError(code, sql_);
    return Rows(SPI_tuptable, SPI_processed);
}

Rows execute(const std::string& sql, bool readOnly) {
    const char* text = sql.c_str();
    const int code = call([text, readOnly] { return SPI_execute(text, readOnly, 0); });
    if (code < 0)
        throwSpiError(code, text);
    return Rows(SPI_tuptable, SPI_processed);
}

} // namespace standin::pg
