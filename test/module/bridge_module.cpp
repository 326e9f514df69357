#include <malloc.h>

#include <boost/container/flat_map.hpp>
#include <boost/container/small_vector.hpp>

#include "pg/memory.h"
#include "pg/owner.h"
#include "pg/spi.h"

extern "C" {
PG_MODULE_MAGIC;
}

// Functions that drive the bridge between C++ and PostgreSQL through its corners, for test/sql/bridge.sql.

using namespace standin;

namespace {

int liveProbes = 0;

struct Probe {
    std::string heap = std::string(100, 'x'); // long enough to be allocated: a skipped destructor leaks it
    Probe() { ++liveProbes; }
    ~Probe() { --liveProbes; }
};

void runStatement(const char* sql) {
    const Probe outer;
    const pg::Spi spi;
    const Probe inner;
    pg::execute(sql);
}

} // namespace

STANDIN_FUNCTION(bridge_execute) {
    char* sql = pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
    runStatement(sql);
    PG_RETURN_VOID();
}

// The error passes two guards and an entry on its way: C++ -> SPI -> this function again -> C++ -> SPI.
STANDIN_FUNCTION(bridge_rethrow) {
    char* sql = pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
    try {
        runStatement(sql);
    } catch (const pg::PgError& error) {
        const Probe probe;
        throw;
    }
    PG_RETURN_VOID();
}

STANDIN_FUNCTION(bridge_throw) {
    const Probe probe;
    const int which = PG_GETARG_INT32(0);
    if (which == 0)
        throw std::bad_alloc();
    if (which == 1)
        throw Error("22012", "engine says no", "a detail", "a hint");
    if (which == 2)
        throw std::runtime_error("standard exception");
    throw 42;
}

STANDIN_FUNCTION(bridge_allocator) {
    boost::container::small_vector<int64_t, 4, pg::Allocator<int64_t>> numbers;
    boost::container::flat_map<int, int, std::less<int>, pg::Allocator<std::pair<int, int>>> map;
    for (int i = 0; i < 1000; ++i) {
        numbers.push_back(i);
        map[i] = i;
    }
    int64_t sum = 0;
    for (const int64_t number : numbers)
        sum += number + map[static_cast<int>(number)];
    if (PG_GETARG_BOOL(0)) // more than palloc gives: bad_alloc, not a longjmp past numbers and map
        pg::Allocator<char>().allocate(size_t{1} << 60);
    PG_RETURN_INT64(sum);
}

// Whether the error of a statement is survived when its subtransaction is rolled back.
STANDIN_FUNCTION(bridge_subtransaction) {
    char* sql = pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); });
    const pg::Spi spi;
    std::string sqlstate = "00000";
    try {
        pg::inSubtransaction([&] { pg::execute(sql); });
    } catch (const pg::PgError& error) {
        sqlstate = error.sqlstate();
    }
    return pg::call([&] {
        // The text must outlive SPI_finish.
        MemoryContext inner = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
        const Datum value = CStringGetTextDatum(sqlstate.c_str());
        MemoryContextSwitchTo(inner);
        return value;
    });
}

STANDIN_FUNCTION(bridge_types) {
    const pg::Spi spi;
    static pg::Statement statement(
        "SELECT $1::bool AND $2 = 2::int2 AND $3 = 3 AND $4 = 4::int8 AND $5 = 0.5::float8 AND $6 = 'six' "
        "AND $7 IS NULL AND $8 = '\\x00ff'::bytea AND $9->>'a' = 'b' AND $10 = ARRAY['x', 'y'] "
        "AND $11 = ARRAY[1, 2]::int8[] AND $12 = '2000-01-01 00:00:01Z'::timestamptz");
    const pg::Rows rows =
        statement.run(true, int16_t{2}, int32_t{3}, int64_t{4}, 0.5, "six", std::optional<std::string>(),
                      pg::Bytea{std::string_view("\0\xff", 2)}, pg::Jsonb{R"({"a": "b"})"},
                      std::vector<std::string>{"x", "y"}, std::vector<int64_t>{1, 2}, pg::Timestamptz{1000000});
    PG_RETURN_BOOL(rows[0].get<bool>(0));
}

STANDIN_FUNCTION(bridge_owner) {
    const pg::Spi spi;
    std::string seen;
    {
        const pg::OwnerScope owner;
        seen = pg::execute("SELECT current_user || ' ' || current_setting('search_path')")[0].get<std::string>(0);
    }
    seen +=
        " then " + pg::execute("SELECT current_user || ' ' || current_setting('search_path')")[0].get<std::string>(0);
    return pg::call([&] {
        MemoryContext inner = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
        const Datum value = CStringGetTextDatum(seen.c_str());
        MemoryContextSwitchTo(inner);
        return value;
    });
}

STANDIN_FUNCTION(bridge_live_probes) { PG_RETURN_INT32(liveProbes); }

STANDIN_FUNCTION(bridge_heap_bytes) { PG_RETURN_INT64(static_cast<int64_t>(mallinfo2().uordblks)); }
