#pragma once

#include <string_view>

namespace standin::cdc {

/// Whether an error is about the record (it becomes a dead letter) or about the world around it (the batch is tried
/// again).
bool isRecordError(std::string_view sqlstate);

/// For the user's own code, which may raise any code it likes: the errors that surely are the world's.
bool isWorldError(std::string_view sqlstate);
/// Whether an error of a type's input function, or of a domain's CHECK, is about the value: types raise what they like.
bool isValueError(std::string_view sqlstate);
/// Whether an error that is not the record's may be the table's own trouble, with which others can go on: objects that
/// are missing, rights that are lacking.
bool isTableError(std::string_view sqlstate);
/// Whether a record's error is about its row alone, whatever other rows there are and in whatever order they come.
bool isRowsOwnError(std::string_view sqlstate);

/// What a record error says where its own words could quote a value that nobody may see.
std::string_view discreetMessage(std::string_view sqlstate);

} // namespace standin::cdc
