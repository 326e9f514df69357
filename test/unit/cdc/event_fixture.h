#pragma once

#include <gtest/gtest.h>

#include "cdc/event/event.h"
#include "cdc/value_fixture.h"

namespace standin::cdc {

inline Target accounts() {
    Target target;
    target.name = "pgbench_accounts";
    target.columns = {{"aid", ColumnType::Int4},
                      {"bid", ColumnType::Int4},
                      {"abalance", ColumnType::Int4},
                      {"filler", ColumnType::Char}};
    target.key = {0};
    return target;
}

inline const std::string source =
    R"("source":{"version":"3.6.1.Final","connector":"postgresql","name":"core","ts_ms":1732400000123,"snapshot":"false","db":"core","sequence":"[\"1\",\"2\"]","ts_us":1732400000123456,"ts_ns":1732400000123456000,"schema":"public","table":"pgbench_accounts","txId":700,"lsn":123,"xmin":null})";

inline std::string envelope(const std::string& before, const std::string& after, const std::string& op) {
    return R"({"before":)" + before + R"(,"after":)" + after + "," + source + R"(,"transaction":null,"op":")" + op +
           R"(","ts_ms":1732400000200,"ts_us":1732400000200111,"ts_ns":1732400000200111222})";
}

inline std::string rowSchema(const std::string& fields, const std::string& image) {
    return R"({"type":"struct","fields":[)" + fields + R"(],"optional":true,"name":"core.public.t.Value","field":")" +
           image + R"("})";
}

inline std::string withSchema(const std::string& fields, const std::string& payload) {
    return R"({"schema":{"type":"struct","fields":[)" + rowSchema(fields, "before") + "," + rowSchema(fields, "after") +
           R"(,{"type":"string","optional":false,"field":"op"}],"optional":false,"name":"core.public.t.Envelope","version":2},"payload":)" +
           payload + "}";
}

class EventTest : public testing::Test {
protected:
    Event decode(std::optional<std::string_view> key, std::optional<std::string_view> value) {
        return decoder.decode(table, {key, value});
    }
    std::string row(const Event& event) {
        std::string text;
        for (size_t i = 0; i < table.target.columns.size(); ++i)
            text += (i ? "|" : "") + show(event.cells[i], table.target.columns[i]);
        return text;
    }
    SourceModes modes;
    Arena arena;
    TableDecoder table{accounts()};
    EventDecoder decoder{modes, arena};
};

} // namespace standin::cdc
