#include <exception>

#include "pg/spi.h"

extern "C" {
#include <jit/jit.h>
#include <nodes/parsenodes.h>
#include <optimizer/cost.h>
}

namespace standin::pg {

namespace {

[[noreturn]] void throwSpiError(int code, const char* sql) {
    throw Error("XX000", std::string("statement failed: ") + SPI_result_code_string(code), sql);
}

/// While it lives, the planner has nothing but indexes and nested loops, and compiles nothing: a small table without an
/// index counts as endlessly dear. The variables behind the settings are changed,
/// not the settings: nobody sees it, and no transaction undoes it halfway.
class IndexesOnly {
public:
    IndexesOnly() {
        for (size_t i = 0; i < std::size(switches); ++i) {
            before_[i] = *switches[i];
            *switches[i] = false;
        }
    }
    ~IndexesOnly() {
        for (size_t i = 0; i < std::size(switches); ++i)
            *switches[i] = before_[i];
    }
    IndexesOnly(const IndexesOnly&) = delete;
    IndexesOnly& operator=(const IndexesOnly&) = delete;

private:
    static constexpr bool* switches[] = {&enable_seqscan,   &enable_bitmapscan, &enable_sort, &enable_hashjoin,
                                         &enable_mergejoin, &enable_material,   &jit_enabled};
    bool before_[std::size(switches)];
};

} // namespace

Spi::Spi(int options) : exceptions_(std::uncaught_exceptions()) {
    call([options] { SPI_connect_ext(options); });
}

Spi::~Spi() {
    if (std::uncaught_exceptions() == exceptions_)
        SPI_finish();
}

bool Row::isNull(int column) const {
    bool null = false;
    SPI_getbinval(table_->vals[index_], table_->tupdesc, column + 1, &null);
    return null;
}

Datum Row::datum(int column) const {
    bool null = false;
    const Datum value = SPI_getbinval(table_->vals[index_], table_->tupdesc, column + 1, &null);
    if (null)
        throw Error("22004", std::string("column ") + std::to_string(column) + " is unexpectedly null");
    return value;
}

template <> bool Row::get<bool>(int column) const { return DatumGetBool(datum(column)); }
template <> int16_t Row::get<int16_t>(int column) const { return DatumGetInt16(datum(column)); }
template <> int32_t Row::get<int32_t>(int column) const { return DatumGetInt32(datum(column)); }
template <> int64_t Row::get<int64_t>(int column) const { return DatumGetInt64(datum(column)); }
template <> Oid Row::get<Oid>(int column) const { return DatumGetObjectId(datum(column)); }
template <> double Row::get<double>(int column) const { return DatumGetFloat8(datum(column)); }
template <> Timestamptz Row::get<Timestamptz>(int column) const { return {DatumGetTimestampTz(datum(column))}; }
template <> ItemPointerData Row::get<ItemPointerData>(int column) const {
    return *reinterpret_cast<ItemPointer>(DatumGetPointer(datum(column)));
}
template <> std::string Row::get<std::string>(int column) const {
    datum(column);
    char* text = call([&] { return SPI_getvalue(table_->vals[index_], table_->tupdesc, column + 1); });
    std::string copy(text);
    pfree(text);
    return copy;
}

std::string bytesOf(const Row& row, int column) {
    const Datum value = row.datum(column);
    bytea* bytes = call([&] { return DatumGetByteaPP(value); });
    return {VARDATA_ANY(bytes), static_cast<size_t>(VARSIZE_ANY_EXHDR(bytes))};
}

Rows Statement::execute(const Parameter* parameters, int count) {
    if (!plan_) {
        const int code = call([&] {
            Oid types[FUNC_MAX_ARGS];
            for (int i = 0; i < count; ++i)
                types[i] = parameters[i].type;
            const int options = planning_ == Plan::ByIndex ? CURSOR_OPT_GENERIC_PLAN : 0;
            SPIPlanPtr plan = SPI_prepare_cursor(sql_, count, types, options);
            if (!plan)
                return SPI_result;
            if (const int kept = SPI_keepplan(plan); kept != 0)
                return kept;
            plan_ = plan;
            return 0;
        });
        if (!plan_)
            throwSpiError(code, sql_);
    }
    std::optional<IndexesOnly> indexesOnly;
    if (planning_ == Plan::ByIndex)
        indexesOnly.emplace();
    const int code = call([&] {
        Datum values[FUNC_MAX_ARGS];
        char nulls[FUNC_MAX_ARGS];
        for (int i = 0; i < count; ++i) {
            nulls[i] = parameters[i].null ? 'n' : ' ';
            values[i] = parameters[i].null ? 0 : toDatum(parameters[i]);
        }
        return SPI_execute_plan(plan_, values, nulls, readOnly_, 0);
    });
    if (code < 0)
        throwSpiError(code, sql_);
    return Rows(SPI_tuptable, SPI_processed);
}

Rows execute(const std::string& sql, bool readOnly) {
    const char* text = sql.c_str();
    const int code = call([text, readOnly] { return SPI_execute(text, readOnly, 0); });
    if (code < 0)
        throwSpiError(code, text);
    return Rows(SPI_tuptable, SPI_processed);
}

} // namespace standin::pg
