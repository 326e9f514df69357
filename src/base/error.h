#pragma once

#include <stdexcept>
#include <string>

namespace standin {

/// An engine's way to say what went wrong, in PostgreSQL's terms but without its headers. The SQL boundary turns it
/// into an ereport(ERROR) with the same SQLSTATE, DETAIL and HINT.
class Error : public std::runtime_error {
public:
    Error(const char* sqlstate, const std::string& message, std::string detail = {}, std::string hint = {})
        : std::runtime_error(message), sqlstate_(sqlstate), detail_(std::move(detail)), hint_(std::move(hint)) {}

    const std::string& sqlstate() const noexcept { return sqlstate_; }
    const std::string& detail() const noexcept { return detail_; }
    const std::string& hint() const noexcept { return hint_; }

private:
    std::string sqlstate_;
    std::string detail_;
    std::string hint_;
};

} // namespace standin
