#include "cdc/evolution/native_type.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "cdc/evolution/column_type.h"

namespace standin::cdc {

namespace {

struct TypeName {
    std::string_view from;
    std::string_view sql;
};

/// Of one meaning in all databases, and without more to say.
constexpr std::array plainTypes{
    TypeName{"TINYINT", "smallint"},
    TypeName{"SMALLINT", "smallint"},
    TypeName{"MEDIUMINT", "integer"},
    TypeName{"INT", "integer"},
    TypeName{"INTEGER", "integer"},
    TypeName{"YEAR", "integer"},
    TypeName{"BIGINT", "bigint"},
    TypeName{"BOOL", "boolean"},
    TypeName{"BOOLEAN", "boolean"},
    TypeName{"MONEY", "numeric(19,4)"},
    TypeName{"SMALLMONEY", "numeric(10,4)"},
    TypeName{"DECFLOAT", "numeric"},
    TypeName{"REAL", "real"},
    TypeName{"BINARY_FLOAT", "real"},
    TypeName{"FLOAT", "double precision"},
    TypeName{"DOUBLE", "double precision"},
    TypeName{"DOUBLE PRECISION", "double precision"},
    TypeName{"BINARY_DOUBLE", "double precision"},
    TypeName{"DATE", "date"},
    TypeName{"SMALLDATETIME", "timestamp(0)"},
    TypeName{"DATETIMEOFFSET", "timestamptz"},
    TypeName{"TIMESTAMP WITH TIME ZONE", "timestamptz"},
    TypeName{"TIMESTAMP WITH LOCAL TIME ZONE", "timestamptz"},
    TypeName{"INTERVAL YEAR TO MONTH", "interval"},
    TypeName{"INTERVAL DAY TO SECOND", "interval"},
    TypeName{"TINYTEXT", "text"},
    TypeName{"TEXT", "text"},
    TypeName{"MEDIUMTEXT", "text"},
    TypeName{"LONGTEXT", "text"},
    TypeName{"NTEXT", "text"},
    TypeName{"CLOB", "text"},
    TypeName{"NCLOB", "text"},
    TypeName{"DBCLOB", "text"},
    TypeName{"LONG", "text"},
    TypeName{"ROWID", "text"},
    TypeName{"ENUM", "text"},
    TypeName{"SET", "text"},
    TypeName{"INET4", "text"},
    TypeName{"INET6", "text"},
    TypeName{"UUID", "text"},
    TypeName{"UNIQUEIDENTIFIER", "uuid"},
    TypeName{"JSON", "json"},
    TypeName{"XML", "xml"},
    TypeName{"XMLTYPE", "xml"},
    TypeName{"BINARY", "bytea"},
    TypeName{"VARBINARY", "bytea"},
    TypeName{"TINYBLOB", "bytea"},
    TypeName{"BLOB", "bytea"},
    TypeName{"MEDIUMBLOB", "bytea"},
    TypeName{"LONGBLOB", "bytea"},
    TypeName{"IMAGE", "bytea"},
    TypeName{"RAW", "bytea"},
    TypeName{"LONG RAW", "bytea"},
    TypeName{"CHAR FOR BIT DATA", "bytea"},
    TypeName{"VARCHAR FOR BIT DATA", "bytea"},
    TypeName{"LONG VARCHAR FOR BIT DATA", "bytea"},
};

bool isOneOf(std::string_view word, std::initializer_list<std::string_view> words) {
    return std::find(words.begin(), words.end(), word) != words.end();
}

/// A type's name in capitals, without what is in brackets ("TIMESTAMP(6) WITH TIME ZONE", "VARCHAR () FOR BIT DATA")
/// and without what does not change what a column holds.
struct Type {
    explicit Type(const SourceColumn& column) {
        int depth = 0;
        for (const char character : column.typeName) {
            depth += character == '(' ? 1 : 0;
            if (depth == 0 && character != ' ')
                name += static_cast<char>(toupper(static_cast<unsigned char>(character)));
            else if (depth == 0 && !name.empty() && name.back() != ' ')
                name += ' ';
            depth -= character == ')' ? 1 : 0;
        }
        for (const std::string_view word : {" ", " IDENTITY", " ZEROFILL", " SIGNED"})
            drop(word);
        isUnsigned = drop(" UNSIGNED");
        if (const size_t bracket = column.typeName.find('('); bracket != std::string::npos) {
            int32_t number = 0;
            const char* const at = column.typeName.data() + bracket + 1;
            if (std::from_chars(at, column.typeName.data() + column.typeName.size(), number).ec == std::errc())
                inBrackets = number;
        }
    }

    std::string name;
    bool isUnsigned = false;
    std::optional<int32_t> inBrackets;

private:
    bool drop(std::string_view end) {
        if (!name.ends_with(end))
            return false;
        name.resize(name.size() - end.size());
        return true;
    }
};

/// Precision and scale decide how bytes are read that come without a schema, so they are the source's in any case.
std::string numeric(std::optional<int32_t> precision, int32_t scale) {
    if (!precision || *precision < 1 || *precision > 1000 || scale < -1000 || scale > 1000)
        return "numeric";
    return "numeric(" + std::to_string(*precision) + "," + std::to_string(scale) + ")";
}

std::string withLength(const char* type, std::optional<int32_t> length) {
    constexpr int32_t longest = 10485760;
    return length && *length >= 1 && *length <= longest ? type + ("(" + std::to_string(*length) + ")") : "text";
}

/// NUMBER as OracleValueConverters sends it: as an integer if it is whole and of up to 18 digits.
std::string oracleNumber(const SourceColumn& column) {
    if (!column.scale)
        return "numeric";
    const int32_t digits = column.length.value_or(38) - *column.scale;
    if (*column.scale > 0 || digits > 18)
        return numeric(column.length.value_or(38), *column.scale);
    return digits < 5 ? "smallint" : digits < 10 ? "integer" : "bigint";
}

std::optional<std::string> mysqlType(const Type& type, const SourceColumn& column) {
    if (type.isUnsigned && type.name == "SMALLINT")
        return "integer";
    if (type.isUnsigned && isOneOf(type.name, {"INT", "INTEGER"}))
        return "bigint";
    if (type.isUnsigned && type.name == "BIGINT")
        return "numeric(20,0)";
    if (type.name == "FLOAT" && column.length.value_or(0) <= 24)
        return "real";
    if (type.name == "REAL")
        return "double precision";
    if (type.name == "BIT")
        return column.length.value_or(1) == 1 ? "boolean" : "bit varying(" + std::to_string(*column.length) + ")";
    if (type.name == "TIMESTAMP")
        return "timestamptz";
    return std::nullopt;
}

std::optional<std::string> ownType(const std::string& connector, const Type& type, const SourceColumn& column) {
    if (connector == "mysql" || connector == "mariadb")
        return mysqlType(type, column);
    if (connector == "oracle") {
        if (type.name == "NUMBER")
            return oracleNumber(column);
        if (type.name == "FLOAT")
            return "numeric"; // each value with a scale of its own
        if (type.name == "DATE")
            return "timestamp(0)"; // it has a time of day
    }
    if (connector == "sqlserver") {
        if (type.name == "BIT")
            return "boolean";
        if (type.name == "DATETIME")
            return "timestamp(3)";
    }
    return std::nullopt;
}

/// Digits of a second, as far as PostgreSQL keeps them.
std::string digitsOf(const std::string& connector, const Type& type, const SourceColumn& column) {
    const bool byLength = connector == "mysql" || connector == "mariadb" || (connector == "oracle" && !column.scale);
    const auto digits = type.inBrackets ? type.inBrackets : byLength ? column.length : column.scale;
    const int32_t usual = connector == "oracle" || connector == "db2" ? 6 : 0;
    return "(" + std::to_string(std::clamp(digits.value_or(usual), 0, 6)) + ")";
}

} // namespace

std::string columnTypeOf(const std::string& connector, const SourceColumn& column) {
    const Type type(column);
    if (const auto own = ownType(connector, type, column))
        return *own;
    if (isOneOf(type.name, {"DECIMAL", "NUMERIC", "DEC", "FIXED"}))
        return numeric(column.length, column.scale.value_or(0));
    if (isOneOf(type.name, {"VARCHAR", "VARCHAR2", "NVARCHAR", "NVARCHAR2", "VARGRAPHIC"}))
        return withLength("varchar", column.length);
    if (isOneOf(type.name, {"CHAR", "NCHAR", "CHARACTER", "GRAPHIC"}))
        return withLength("char", column.length.value_or(1));
    if (isOneOf(type.name, {"DATETIME", "DATETIME2", "TIMESTAMP"}))
        return "timestamp" + digitsOf(connector, type, column);
    if (type.name == "TIME")
        return "time" + digitsOf(connector, type, column);
    const auto known =
        std::find_if(plainTypes.begin(), plainTypes.end(), [&](const TypeName& one) { return one.from == type.name; });
    if (known == plainTypes.end())
        throw NoColumn("0A000",
                       "no column type is known for column \"" + column.name + "\" of the source's type " +
                           column.typeName,
                       "", "Create the table, or add the column, by hand.");
    return std::string(known->sql);
}

} // namespace standin::cdc
