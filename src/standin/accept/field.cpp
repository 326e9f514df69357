#include "standin/accept/field.h"

#include "base/error.h"

namespace standin::core {

namespace {

[[noreturn]] void noPath(std::string_view path) {
    throw Error("22023", "\"" + std::string(path) + "\" is not a path to a field", {},
                "A path is $ and the names of fields, like $.instructedAmount.amount; a name with a dot stands in "
                "double quotes. What does not begin with \"$.\" is the name of one field.");
}

void append(std::string& pointer, std::string_view name) {
    pointer += '/';
    for (const char c : name)
        pointer += c == '~' ? "~0" : c == '/' ? "~1" : std::string(1, c);
}

/// Takes the next name off the rest of a path.
std::string_view takeName(std::string_view& rest, std::string_view path) {
    std::string_view name;
    if (rest.starts_with('"')) {
        const size_t end = rest.find('"', 1);
        if (end == std::string_view::npos)
            noPath(path);
        name = rest.substr(1, end - 1);
        rest.remove_prefix(end + 1);
    } else {
        const size_t end = rest.find('.');
        name = rest.substr(0, end);
        rest.remove_prefix(name.size());
        if (name.find_first_of("\"[]*?@ ") != std::string_view::npos)
            noPath(path);
    }
    if (name.empty())
        noPath(path);
    return name;
}

} // namespace

Field::Field(std::string_view name) : name_(name) {
    if (!name.starts_with("$.")) {
        append(pointer_, name);
        return;
    }
    std::string_view rest = name.substr(1);
    while (!rest.empty()) {
        if (!rest.starts_with('.'))
            noPath(name);
        rest.remove_prefix(1);
        append(pointer_, takeName(rest, name));
    }
}

} // namespace standin::core
