#include "cdc/event/naming.h"

#include <algorithm>
#include <cctype>

namespace standin::cdc {

namespace {

bool differsByCaseOnly(std::string_view left, std::string_view right) {
    const auto lower = [](char letter) { return std::tolower(static_cast<unsigned char>(letter)); };
    return left != right && std::equal(left.begin(), left.end(), right.begin(), right.end(),
                                       [&](char one, char other) { return lower(one) == lower(other); });
}

std::string hintFor(const std::string& column, std::string_view field) {
    return "The table has a column \"" + column + "\", and names match by case: let it take the field \"" +
           std::string(field) + "\" with standin.cdc_column_map.";
}

} // namespace

std::string hintOfOtherCase(const Target& target, std::string_view field) {
    for (const TargetColumn& column : target.columns)
        if (!column.computed() && differsByCaseOnly(column.fieldName(), field))
            return hintFor(column.name, field);
    return {};
}

std::string hintOfOtherCase(const TargetColumn& column, const TopicForm::Plan* plan) {
    for (size_t i = 0; plan && i < plan->fields.size(); ++i)
        if (differsByCaseOnly(column.fieldName(), plan->fields[i].name))
            return hintFor(column.name, plan->fields[i].name);
    return {};
}

} // namespace standin::cdc
