#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/arena.h"
#include "cdc/value/column_pg.h"
#include "pg/guard.h"

extern "C" {
#include <nodes/params.h>
}

namespace standin::cdc {

/// The names that an expression may use: columns by their names and `event`, the row as it came (jsonb).
class ExpressionScope {
public:
    struct Name {
        std::string name;
        size_t column; ///< of the target
    };

    /// `columns` outlives the scope.
    ExpressionScope(std::vector<Name> names, const ColumnConversion* columns);

    int32_t parameterOf(const char* name) const; ///< from 1 on; 0: there is none
    Oid typeOf(int32_t parameter) const;
    int32_t count() const { return static_cast<int32_t>(names_.size()) + 1; }
    int32_t eventParameter() const { return count(); }
    size_t columnOf(int32_t parameter) const { return names_[static_cast<size_t>(parameter) - 1].column; }

private:
    std::vector<Name> names_;
    const ColumnConversion* columns_;
    bool hidesEvent_ = false; ///< a column of that name
};

/// What an expression is evaluated over.
struct ExpressionInput {
    const Cell* cells;
    ColumnConversion* columns;
    Datum event; ///< jsonb
    bool eventIsNull;
    bool eventIsWithheld; ///< some field of it carries the placeholder of a value that was not sent
    bool keyOnly;         ///< nothing is known but the key: what else is asked for must not be taken for null
};

/// A user's SQL expression, prepared once. Everything here runs in the scope of the role it belongs to
/// (pg::RoleScope), with SPI connected: parsing and planning may call user code as well as evaluation.
class Expression {
public:
    /// Throws what PostgreSQL has to say about the text; 42804 if its type does not go into the column by assignment.
    /// Without a column (no name, no `result`) it is the row filter.
    Expression(std::string column, const std::string& source, const ExpressionScope& scope,
               const ColumnConversion* result);
    ~Expression();
    Expression(const Expression&) = delete;
    Expression& operator=(const Expression&) = delete;

    /// Throws 42P17 unless equal rows always give equal results: only such a column can be part of a key.
    void requireImmutable() const;
    bool usesEvent() const { return used_.back(); }

    /// Needs an active snapshot. Errors of the expression itself name the column. Unavailable if all that it uses is
    /// withheld; 22004 if only some of that is.
    Cell evaluate(const ExpressionInput& input, Arena& arena);
    bool holds(const ExpressionInput& input);

    friend Node* resolveColumn(ParseState*, ColumnRef*, Node*);

private:
    std::string subject() const { return column_.empty() ? "the row filter" : "column \"" + column_ + "\""; }
    SPIPlanPtr prepare(const std::string& sql);
    bool isWithheld(const ExpressionInput& input) const;
    void bind(const ExpressionInput& input);
    template <class Take> void run(const ExpressionInput& input, Take take);

    [[noreturn]] void fail(const std::string& sqlstate, const std::string& what) const;

    const std::string column_;
    const ExpressionScope& scope_;
    const ColumnConversion* result_;
    std::vector<bool> used_; ///< by parameter, from 0 on
    SPIPlanPtr plan_ = nullptr;
    ParamListInfo parameters_ = nullptr;
};

/// A value of the column's base type as a cell, copied into the arena; in the form in which keys compare, where the
/// type has one. PostgreSQL code.
Cell datumToCell(const ColumnConversion& column, Datum datum, Arena& arena);

} // namespace standin::cdc
