#include <algorithm>

#include "cdc/target/row_mapper_pg.h"
#include "cdc/target/target_pg.h"
#include "pg/owner.h"
#include "pg/spi.h"
#include "pg/user_code.h"

extern "C" {
#include <access/relation.h>
#include <access/table.h>
#include <catalog/pg_attribute.h>
#include <parser/parse_coerce.h>
#include <utils/array.h>
#include <utils/rel.h>
}

namespace standin::cdc {

namespace {

/// A target as mappings are checked against it, before anything is applied.
struct Columns {
    std::vector<TargetColumn> described;
    std::vector<ColumnConversion> conversions;

    explicit Columns(Oid relation) {
        const Relation table = pg::call([relation] { return table_open(relation, AccessShareLock); });
        const TupleDesc descriptor = RelationGetDescr(table);
        for (int i = 0; i < descriptor->natts; ++i) {
            const Form_pg_attribute attribute = TupleDescAttr(descriptor, i);
            if (attribute->attisdropped)
                continue;
            conversions.push_back(conversionOf(attribute, CurrentMemoryContext));
            described.push_back(targetColumnOf(attribute, conversions.back()));
        }
        pg::call([table] { table_close(table, NoLock); });
    }

    size_t find(const std::string& name) const {
        const auto found = std::find_if(described.begin(), described.end(),
                                        [&](const TargetColumn& column) { return column.name == name; });
        if (found == described.end())
            throw Error("42703", "column \"" + name + "\" does not exist");
        return static_cast<size_t>(found - described.begin());
    }

    std::vector<ExpressionScope::Name> namesBut(const std::vector<std::string>& computed) const {
        std::vector<ExpressionScope::Name> names;
        for (size_t i = 0; i < described.size(); ++i)
            if (described[i].writable &&
                std::find(computed.begin(), computed.end(), described[i].name) == computed.end())
                names.push_back({described[i].name, i});
        return names;
    }
};

std::vector<std::string> textArray(Datum array) {
    struct Elements {
        Datum* values;
        int count;
    };
    const Elements elements = pg::call([array] {
        Elements found;
        deconstruct_array(DatumGetArrayTypeP(array), TEXTOID, -1, false, TYPALIGN_INT, &found.values, nullptr,
                          &found.count);
        return found;
    });
    std::vector<std::string> texts;
    for (int i = 0; i < elements.count; ++i)
        texts.push_back(pg::call([&] { return TextDatumGetCString(elements.values[i]); }));
    return texts;
}

std::string textArgument(FunctionCallInfo fcinfo, int index) {
    return pg::call([=] { return text_to_cstring(PG_GETARG_TEXT_PP(index)); });
}

/// Throws what is wrong with a value that is to be stored in the column, by way of its type's input function.
void checkLiteral(ColumnConversion& column, const std::string& literal) {
    pg::call([&] {
        bool isNull;
        cellToDatum(column, textCell(literal), &isNull);
    });
}

void checkMask(ColumnConversion& column, const std::string& name, const std::string& pattern) {
    const Mask mask(pattern);
    if (pattern.starts_with("text:"))
        checkLiteral(column, *mask.apply("")); // its length is checked too
    else if (pattern != "null" && pg::call([&] { return TypeCategory(column.baseType); }) != TYPCATEGORY_STRING)
        throw Error("42804",
                    "column \"" + name + "\" is not of a text type and cannot store what mask \"" + pattern +
                        "\" leaves",
                    {}, "Mask it with null or text:..., or make the column text.");
}

void checkHash(const ColumnConversion& column, const std::string& name) {
    constexpr int hexLength = 64;
    const bool isText = column.kind == ColumnType::Text || column.kind == ColumnType::Char;
    if (!(isText && (column.typmod < 0 || column.typmod - VARHDRSZ >= hexLength)) && column.kind != ColumnType::Bytea)
        throw Error("42804", "column \"" + name + "\" cannot store a hash", {},
                    "Make it bytea (32 bytes) or text (64 hexadecimal digits).");
}

void checkMetadata(const TargetColumn& column, const std::string& word, bool mustBeStable) {
    const auto metadata = metadataByName(word);
    if (!metadata)
        throw Error("22023", "there is no metadata \"" + word + "\"", {},
                    "It is one of: topic, partition, offset, timestamp, op, source_ts, debezium_ts, origin, position.");
    if (!fits(*metadata, column.type))
        throw Error(
            "42804", "column \"" + column.name + "\" cannot store the metadata \"" + word + "\"", {},
            "partition and offset go into integers, numeric and text; timestamp, source_ts and debezium_ts into "
            "timestamptz and timestamp; the others into text, position also into bytea.");
    if (mustBeStable && !isStable(*metadata))
        throw Error("42P17",
                    "column \"" + column.name + "\" is part of the primary key, and \"" + word +
                        "\" differs from event to event",
                    "Rows are found again by their key.", "Such a key is for a target of kind => 'history'.");
}

} // namespace

} // namespace standin::cdc

// (target regclass, is_history boolean): raises why foreign keys of the table cannot be skipped.
STANDIN_FUNCTION(standin_cdc_skip_check) {
    using namespace standin;
    const Oid target = PG_GETARG_OID(0);
    const Relation relation = pg::call([target] { return table_open(target, AccessShareLock); });
    cdc::requireSkippable(relation, PG_GETARG_BOOL(1));
    pg::call([relation] { table_close(relation, NoLock); });
    PG_RETURN_VOID();
}

// (target regclass, role name, column text, kind text, argument text, computed text[], is_key boolean): raises what is
// wrong with the mapping of a column, or with a row filter (column null).
STANDIN_FUNCTION(standin_cdc_mapping_check) {
    using namespace standin;
    using namespace standin::cdc;
    const Oid relation = PG_GETARG_OID(0);
    const std::string roleName = pg::call([=] { return pstrdup(NameStr(*PG_GETARG_NAME(1))); });
    const std::string column = PG_ARGISNULL(2) ? "" : textArgument(fcinfo, 2);
    const std::string kind = textArgument(fcinfo, 3);
    const std::string argument = PG_ARGISNULL(4) ? "" : textArgument(fcinfo, 4);
    const std::vector<std::string> computed = textArray(PG_GETARG_DATUM(5));
    const bool isKey = PG_GETARG_BOOL(6);

    const Oid role = pg::call([&] { return get_role_oid(roleName.c_str(), false); });
    pg::requireUserRole(role, "expressions are never run as");
    const pg::Spi spi;
    Columns columns(relation);
    const pg::RoleScope scope(role);
    const ExpressionScope names(columns.namesBut(computed), columns.conversions.data());
    if (kind == "filter") {
        Expression("", argument, names, nullptr);
        PG_RETURN_VOID();
    }
    const size_t place = columns.find(column);
    ColumnConversion& conversion = columns.conversions[place];
    if (kind == "expression") {
        const Expression expression(column, argument, names, &conversion);
        if (isKey)
            expression.requireImmutable();
    } else if (kind == "constant") {
        checkLiteral(conversion, argument);
    } else if (kind == "mask") {
        checkMask(conversion, column, argument);
    } else if (kind == "hash") {
        checkHash(conversion, column);
    } else if (kind == "metadata") {
        checkMetadata(columns.described[place], argument, isKey);
    }
    PG_RETURN_VOID();
}
