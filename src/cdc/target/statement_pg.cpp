#include "cdc/target/statement_pg.h"

#include "pg/spi.h"

extern "C" {
#include <access/genam.h>
#include <catalog/pg_operator.h>
#include <utils/rel.h>
}

namespace standin::cdc {

TargetStatement::TargetStatement(TargetTable& table, std::vector<uint16_t> columns, const std::string& sql,
                                 std::span<const Oid> further)
    : columns_(std::move(columns)) {
    plan_ = pg::call([&] {
        auto* types = static_cast<Oid*>(palloc(sizeof(Oid) * (columns_.size() + further.size() + 1)));
        int count = 0;
        for (const uint16_t column : columns_)
            types[count++] = table.columns()[column].type;
        for (const Oid type : further)
            types[count++] = type;
        SPIPlanPtr prepared = SPI_prepare(sql.c_str(), count, types);
        if (prepared)
            SPI_keepplan(prepared);
        return prepared;
    });
    if (!plan_)
        throw Error("XX000", "could not prepare a statement for table " + table.name(), sql);
}

TargetStatement::~TargetStatement() {
    if (plan_)
        SPI_freeplan(plan_);
}

TargetStatement::TargetStatement(TargetStatement&& other) noexcept
    : plan_(std::exchange(other.plan_, nullptr)), columns_(std::move(other.columns_)) {}

TargetStatement& TargetStatement::operator=(TargetStatement&& other) noexcept {
    std::swap(plan_, other.plan_);
    std::swap(columns_, other.columns_);
    return *this;
}

uint64_t TargetStatement::execute(TargetTable& table, const Cell* cells, std::span<const Datum> further) const {
    const int code = pg::call([&] {
        const size_t count = columns_.size() + further.size();
        auto* values = static_cast<Datum*>(palloc(sizeof(Datum) * (count + 1)));
        auto* nulls = static_cast<char*>(palloc(count + 1));
        size_t i = 0;
        for (const uint16_t column : columns_) {
            bool isNull;
            values[i] = cellToDatum(table.columns()[column], cells[column], &isNull);
            nulls[i++] = isNull ? 'n' : ' ';
        }
        for (const Datum value : further) {
            values[i] = value;
            nulls[i++] = ' ';
        }
        return SPI_execute_plan(plan_, values, nulls, false, 0);
    });
    if (code < 0)
        throw Error("XX000", "could not apply a change to table " + table.name() + ": " + SPI_result_code_string(code));
    return SPI_processed;
}

std::string quoted(const std::string& name) {
    return pg::call([&] { return quote_identifier(name.c_str()); });
}

std::string quotedLiteral(const std::string& text) {
    return pg::call([&] { return quote_literal_cstr(text.c_str()); });
}

std::string parameterAt(size_t index) { return "$" + std::to_string(index + 1); }

std::string operatorName(Oid op) {
    const char* text = pg::call([=] {
        HeapTuple tuple = SearchSysCache1(OPEROID, ObjectIdGetDatum(op));
        if (!HeapTupleIsValid(tuple))
            elog(ERROR, "cache lookup failed for operator %u", op);
        const auto* form = reinterpret_cast<Form_pg_operator>(GETSTRUCT(tuple));
        char* name = psprintf("OPERATOR(%s.%s)", quote_identifier(get_namespace_name(form->oprnamespace)),
                              NameStr(form->oprname));
        ReleaseSysCache(tuple);
        return name;
    });
    return text;
}

std::string keyCondition(TargetTable& table, const std::function<std::string(size_t)>& value) {
    const Target& target = table.target();
    std::string condition;
    const Relation index = pg::call([&] { return index_open(table.keyIndex(), AccessShareLock); });
    for (size_t i = 0; i < target.key.size(); ++i) {
        const Oid type = index->rd_opcintype[i];
        const Oid op = get_opfamily_member(index->rd_opfamily[i], type, type, BTEqualStrategyNumber);
        condition += (i ? " AND t." : "t.") + quoted(target.columns[target.key[i]].name) + " " + operatorName(op) +
                     " " + value(i);
    }
    pg::call([index] { index_close(index, NoLock); });
    return condition;
}

std::string insertStatement(TargetTable& table, std::span<const uint16_t> columns) {
    if (columns.empty())
        return "INSERT INTO " + table.name() + " DEFAULT VALUES";
    std::string names, values;
    for (size_t i = 0; i < columns.size(); ++i) {
        names += (i ? ", " : "") + quoted(table.target().columns[columns[i]].name);
        values += (i ? ", " : "") + parameterAt(i);
    }
    return "INSERT INTO " + table.name() + " (" + names + ") OVERRIDING SYSTEM VALUE SELECT " + values;
}

} // namespace standin::cdc
