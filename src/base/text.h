#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace standin {

/// What is kept of a text that somebody else wrote: a core's message, a library's or a registry's error.
constexpr size_t foreignTextMaximum = 8192;

/// The text, at most `most` bytes of it, cut between characters; bytes that are no UTF-8, and control characters that
/// are no white space, become question marks, so that it can be stored, dumped and shown.
std::string foreignText(std::string_view text, size_t most = foreignTextMaximum);

} // namespace standin
