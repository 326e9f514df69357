#include "cdc/target/expression_pg.h"

#include "cdc/failure/failure.h"
#include "cdc/value/value.h"
#include "pg/memory.h"
#include "pg/spi.h"

extern "C" {
#include <optimizer/optimizer.h>
#include <parser/parse_coerce.h>
#include <parser/parse_node.h>
#include <utils/plancache.h>
#include <utils/uuid.h>
}

namespace standin::cdc {

namespace {

constexpr const char* eventName = "event";

} // namespace

ExpressionScope::ExpressionScope(std::vector<Name> names, const ColumnConversion* columns)
    : names_(std::move(names)), columns_(columns) {
    for (const Name& one : names_)
        hidesEvent_ = hidesEvent_ || one.name == eventName;
}

int32_t ExpressionScope::parameterOf(const char* name) const {
    for (size_t i = 0; i < names_.size(); ++i)
        if (names_[i].name == name)
            return static_cast<int32_t>(i) + 1;
    return !hidesEvent_ && strcmp(name, eventName) == 0 ? eventParameter() : 0;
}

Oid ExpressionScope::typeOf(int32_t parameter) const {
    return parameter == eventParameter() ? JSONBOID : columns_[columnOf(parameter)].type;
}

/// Called by the parser for each name that is no column of a table of the expression's own.
Node* resolveColumn(ParseState* state, ColumnRef* reference, Node* known) {
    if (known || list_length(reference->fields) != 1 || !IsA(linitial(reference->fields), String))
        return nullptr;
    auto& expression = *static_cast<Expression*>(state->p_ref_hook_state);
    const int32_t parameter = expression.scope_.parameterOf(strVal(linitial(reference->fields)));
    if (parameter == 0)
        return nullptr;
    expression.used_[static_cast<size_t>(parameter) - 1] = true;
    auto* node = makeNode(Param);
    node->paramkind = PARAM_EXTERN;
    node->paramid = parameter;
    node->paramtype = expression.scope_.typeOf(parameter);
    node->paramtypmod = -1;
    node->paramcollid = get_typcollation(node->paramtype);
    node->location = reference->location;
    return reinterpret_cast<Node*>(node);
}

namespace {

void setUpParser(ParseState* state, void* expression) {
    state->p_post_columnref_hook = resolveColumn;
    state->p_ref_hook_state = expression;
}

CachedPlanSource* sourceOf(SPIPlanPtr plan) {
    return static_cast<CachedPlanSource*>(linitial(SPI_plan_get_plan_sources(plan)));
}

/// An explicit cast to these types does what an assignment does, length included; that to others would cut texts off.
bool castsLikeAssignment(ColumnType kind) {
    return kind == ColumnType::Numeric || kind == ColumnType::Time || kind == ColumnType::Timestamp ||
           kind == ColumnType::Timestamptz;
}

std::string typeName(const ColumnConversion& column) {
    const char* name = pg::call([&] {
        const bool exact = castsLikeAssignment(column.kind) && column.typmod >= 0;
        return format_type_extended(column.baseType, exact ? column.typmod : -1,
                                    FORMAT_TYPE_FORCE_QUALIFY | FORMAT_TYPE_TYPEMOD_GIVEN);
    });
    return name;
}

} // namespace

Expression::Expression(std::string column, const std::string& source, const ExpressionScope& scope,
                       const ColumnConversion* result)
    : column_(std::move(column)), scope_(scope), result_(result), used_(static_cast<size_t>(scope.count())) {
    const std::string plain = "(" + source + "\n)";
    plan_ = prepare("SELECT " + plain);
    const Oid type = TupleDescAttr(sourceOf(plan_)->resultDesc, 0)->atttypid;
    const Oid wanted = result_ ? result_->baseType : Oid(BOOLOID);
    const bool isAssignable = pg::call([=] {
        Oid function;
        return getBaseType(type) == wanted ||
               find_coercion_pathway(wanted, type, COERCION_ASSIGNMENT, &function) != COERCION_PATH_NONE;
    });
    if (!isAssignable) {
        const char* given = pg::call([type] { return format_type_be(type); });
        const char* needed = pg::call([wanted] { return format_type_be(wanted); });
        throw Error("42804", subject() + " is of type " + needed + " but the expression is of type " + given, {},
                    "Cast the expression.");
    }
    SPIPlanPtr cast =
        prepare("SELECT CAST(" + plain + " AS " + (result_ ? typeName(*result_) : "pg_catalog.bool") + ")");
    SPI_freeplan(plan_);
    plan_ = cast;
    if (const int code = pg::call([this] { return SPI_keepplan(plan_); }); code != 0)
        throw Error("XX000", std::string("could not keep a plan: ") + SPI_result_code_string(code));
    parameters_ = pg::call([this] {
        const pg::MemoryContextScope memory(TopMemoryContext);
        return makeParamList(scope_.count());
    });
    for (int32_t i = 1; i <= scope_.count(); ++i)
        parameters_->params[i - 1] = {0, true, PARAM_FLAG_CONST, scope_.typeOf(i)};
}

Expression::~Expression() {
    if (plan_)
        SPI_freeplan(plan_);
    if (parameters_)
        pfree(parameters_);
}

void Expression::fail(const std::string& sqlstate, const std::string& what) const {
    if (column_.empty())
        throw Error(sqlstate.c_str(), "row filter: " + what);
    throw ValueError(sqlstate.c_str(), column_, what);
}

SPIPlanPtr Expression::prepare(const std::string& sql) {
    SPIPlanPtr plan = pg::call([&] {
        SPIPrepareOptions options{};
        options.parserSetup = setUpParser;
        options.parserSetupArg = this;
        options.parseMode = RAW_PARSE_DEFAULT;
        return SPI_prepare_extended(sql.c_str(), &options);
    });
    if (!plan)
        throw Error("42601", subject() + ": the expression cannot be prepared: " + SPI_result_code_string(SPI_result));
    const bool isExpression = list_length(SPI_plan_get_plan_sources(plan)) == 1 && sourceOf(plan)->resultDesc &&
                              sourceOf(plan)->resultDesc->natts == 1;
    if (!isExpression)
        throw Error("42601", subject() + ": not an expression of one value");
    return plan;
}

void Expression::requireImmutable() const {
    const bool isImmutable = pg::call([this] {
        auto* query = linitial_node(Query, sourceOf(plan_)->query_list);
        return !query->hasSubLinks && !contain_mutable_functions(reinterpret_cast<Node*>(query));
    });
    if (!isImmutable)
        throw Error("42P17", subject() + " is part of the primary key, and its expression may change its mind",
                    "It uses a function that is not immutable, or a subquery.",
                    "Rows are found again by their key: use immutable functions of the row only.");
}

bool Expression::isWithheld(const ExpressionInput& input) const {
    bool some = false, all = true;
    for (int32_t i = 1; i <= scope_.count(); ++i) {
        if (!used_[static_cast<size_t>(i) - 1])
            continue;
        if (input.keyOnly && i != scope_.eventParameter() && input.cells[scope_.columnOf(i)].kind == CellKind::Absent)
            fail("23502",
                 "the record's key does not have all that the expression needs (compute keys from fields of the "
                 "source's key only, or add fields to it with message.key.columns)");
        const bool withheld = i == scope_.eventParameter()
                                  ? input.eventIsWithheld
                                  : input.cells[scope_.columnOf(i)].kind == CellKind::Unavailable;
        some = some || withheld;
        all = all && withheld && i != scope_.eventParameter();
    }
    if (some && !(all && result_))
        fail("22004",
             "the event withholds a value that the expression needs (unchanged, TOASTed; with REPLICA IDENTITY "
             "FULL at the source it is there)");
    return some;
}

/// PostgreSQL code.
void Expression::bind(const ExpressionInput& input) {
    for (int32_t i = 1; i <= scope_.count(); ++i) {
        if (!used_[static_cast<size_t>(i) - 1])
            continue;
        ParamExternData& parameter = parameters_->params[i - 1];
        if (i == scope_.eventParameter()) {
            parameter.value = input.event;
            parameter.isnull = input.eventIsNull;
            continue;
        }
        const size_t column = scope_.columnOf(i);
        const Cell& cell = input.cells[column];
        parameter.isnull = !cell.given();
        parameter.value = parameter.isnull ? 0 : cellToDatum(input.columns[column], cell, &parameter.isnull);
    }
}

/// `take` gets the one value, in PostgreSQL code.
template <class Take> void Expression::run(const ExpressionInput& input, Take take) {
    try {
        const int code = pg::call([&] {
            bind(input);
            const int result = SPI_execute_plan_with_paramlist(plan_, parameters_, true, 2);
            if (result != SPI_OK_SELECT)
                return result;
            if (SPI_processed > 1)
                ereport(ERROR, (errcode(ERRCODE_CARDINALITY_VIOLATION), errmsg("the expression gives several rows")));
            bool isNull = true;
            const Datum value =
                SPI_processed == 1 ? SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isNull) : 0;
            take(value, isNull);
            SPI_freetuptable(SPI_tuptable);
            return result;
        });
        if (code < 0)
            throw Error("XX000", subject() + ": the expression failed: " + SPI_result_code_string(code));
    } catch (const pg::PgError& error) {
        if (!isRecordError(error.sqlstate()))
            throw;
        fail(error.sqlstate(), error.what());
    }
}

Cell Expression::evaluate(const ExpressionInput& input, Arena& arena) {
    Cell cell;
    if (isWithheld(input)) {
        cell.kind = CellKind::Unavailable;
        return cell;
    }
    run(input, [&](Datum value, bool isNull) {
        cell.kind = CellKind::Null;
        if (!isNull)
            cell = datumToCell(*result_, value, arena);
    });
    return cell;
}

bool Expression::holds(const ExpressionInput& input) {
    bool holds = false;
    isWithheld(input);
    run(input, [&](Datum value, bool isNull) { holds = !isNull && DatumGetBool(value); });
    return holds;
}

namespace {

Cell copiedCell(CellKind kind, std::string_view bytes, Arena& arena) {
    Cell cell = textCell(arena.copy(bytes));
    cell.kind = kind;
    return cell;
}

std::string_view bytesOf(Datum datum) {
    struct varlena* bytes = PG_DETOAST_DATUM_PACKED(datum);
    return {VARDATA_ANY(bytes), VARSIZE_ANY_EXHDR(bytes)};
}

std::string_view outputOf(const ColumnConversion& column, Datum datum) {
    Oid function;
    bool isVariable;
    getTypeOutputInfo(column.baseType, &function, &isVariable);
    return OidOutputFunctionCall(function, datum);
}

} // namespace

Cell datumToCell(const ColumnConversion& column, Datum datum, Arena& arena) {
    switch (column.kind) {
    case ColumnType::Bool:
    case ColumnType::Int2:
    case ColumnType::Int4:
    case ColumnType::Int8:
    case ColumnType::Float4:
    case ColumnType::Float8:
    case ColumnType::Date:
    case ColumnType::Time:
    case ColumnType::Timestamp:
    case ColumnType::Timestamptz:
        return valueCell(static_cast<int64_t>(datum));
    case ColumnType::Text:
    case ColumnType::Char:
        return copiedCell(CellKind::Text, bytesOf(datum), arena);
    case ColumnType::Bytea:
        return copiedCell(CellKind::Bytes, bytesOf(datum), arena);
    case ColumnType::Uuid:
        return copiedCell(CellKind::Bytes, {reinterpret_cast<const char*>(DatumGetUUIDP(datum)->data), UUID_LEN},
                          arena);
    default:
        break;
    }
    return copiedCell(CellKind::Text, outputOf(column, datum), arena);
}

} // namespace standin::cdc
