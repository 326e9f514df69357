#include "pg/parameter.h"

extern "C" {
#include <catalog/pg_type_d.h>
#include <utils/array.h>
#include <utils/jsonb.h>
}

namespace standin::pg {

namespace {

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

} // namespace

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
    case Parameter::Form::Written:
    case Parameter::Form::Added: {
        Oid input, element;
        getTypeInputInfo(parameter.type, &input, &element);
        return OidInputFunctionCall(input, pnstrdup(parameter.text.data(), parameter.text.size()), element, -1);
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
Parameter parameter(Written value) {
    return {.type = value.type, .form = Parameter::Form::Written, .text = value.text};
}
Parameter parameter(Added value) {
    return {.type = NUMERICOID, .form = Parameter::Form::Added, .text = value.number};
}
Parameter parameter(const std::vector<std::string>& value) {
    return {.type = TEXTARRAYOID, .form = Parameter::Form::TextArray, .array = &value};
}
Parameter parameter(const std::vector<int64_t>& value) {
    return {.type = INT8ARRAYOID, .form = Parameter::Form::Int8Array, .array = &value};
}

} // namespace standin::pg
