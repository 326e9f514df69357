#include <boost/container/small_vector.hpp>

#include "cdc/value/input.h"

namespace standin::cdc {

using simdjson::ondemand::json_type;

Cell ValueDecoder::arrayCell(const Cell* cells, size_t count) {
    auto* copy = reinterpret_cast<Cell*>(arena_.allocate(count * sizeof(Cell), alignof(Cell)));
    std::memcpy(copy, cells, count * sizeof(Cell));
    Cell cell;
    cell.kind = CellKind::Array;
    cell.size = static_cast<uint32_t>(count);
    cell.data = reinterpret_cast<const char*>(copy);
    return cell;
}

Cell ValueDecoder::decodeElement(simdjson::ondemand::value value, const TargetColumn& column,
                                 const FieldSchema* schema) {
    Input input{value, json_type::null, column, schema};
    if (value.type().get(input.type) != simdjson::SUCCESS)
        input.fail("22P02", "malformed JSON value");
    if (input.is(json_type::array))
        input.fail("22P02", "arrays of more than one dimension are not supported");
    if (!input.is(json_type::null))
        return decodeByType(input);
    if (!value.is_null())
        input.fail("22P02", "malformed JSON value");
    Cell cell;
    cell.kind = CellKind::Null;
    return cell;
}

/// The labels of a MySQL SET: no label has a comma.
Cell ValueDecoder::arrayOfLabels(Input& input, std::string_view text) {
    const ColumnType type = input.column.element->type;
    if (type != ColumnType::Text && type != ColumnType::Other && type != ColumnType::Char)
        input.fail("22P02", "not an array");
    boost::container::small_vector<Cell, 16> cells;
    while (!text.empty()) {
        const size_t comma = std::min(text.find(','), text.size());
        cells.push_back(textCell(text.substr(0, comma)));
        text.remove_prefix(std::min(comma + 1, text.size()));
    }
    return arrayCell(cells.data(), cells.size());
}

Cell ValueDecoder::decodeArray(Input& input) {
    if (input.is(json_type::string)) {
        const std::string_view text = string(input);
        if (input.schema && input.semantic() != Semantic::EnumSet)
            input.fail("22P02", "not an array");
        return arrayOfLabels(input, text);
    }
    simdjson::ondemand::array array;
    if (!input.is(json_type::array) || input.json.get_array().get(array) != simdjson::SUCCESS)
        input.fail("22P02", "not an array");
    const FieldSchema* items = nullptr;
    if (input.schema) {
        if (input.wire() != WireType::Array || input.schema->items.empty())
            input.fail("22P02", "not an array");
        items = &input.schema->items.front();
    }
    boost::container::small_vector<Cell, 16> cells;
    for (auto next : array) {
        simdjson::ondemand::value value;
        if (std::move(next).get(value) != simdjson::SUCCESS)
            input.fail("22P02", "malformed JSON array");
        cells.push_back(decodeElement(value, *input.column.element, items));
    }
    return arrayCell(cells.data(), cells.size());
}

} // namespace standin::cdc
