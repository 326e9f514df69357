#include <string_view>

#include "cdc/event/event.h"
#include "cdc/event/duplicates.h"

using namespace standin;
using namespace standin::cdc;

namespace {

Target everything(bool withKey) {
    Target target;
    target.name = "t";
    constexpr int last = static_cast<int>(ColumnType::Other);
    for (int type = 0; type <= last; ++type)
        target.columns.push_back({std::string(1, static_cast<char>('a' + type)), static_cast<ColumnType>(type)});
    target.columns.push_back({"id", ColumnType::Int8});
    if (withKey)
        target.key = {static_cast<uint16_t>(last + 1)};
    return target;
}

} // namespace

/// The first byte chooses the modes and the target; then the key up to a zero byte, then the value.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
    if (size == 0)
        return 0;
    SourceModes modes;
    modes.format = static_cast<MessageFormat>(data[0] % 3);
    modes.decimals = static_cast<DecimalMode>(data[0] / 3 % 3);
    modes.binary = static_cast<BinaryMode>(data[0] / 9 % 3);
    std::string_view value(reinterpret_cast<const char*>(data) + 1, size - 1);
    Record record;
    if (const size_t end = value.find('\0'); end != std::string_view::npos) {
        record.key = value.substr(0, end);
        value.remove_prefix(end + 1);
    }
    record.value = value;
    Arena arena;
    EventDecoder decoder(modes, arena);
    TableDecoder table(everything(data[0] & 128));
    PositionMarks marks;
    // Twice: what was learnt from the first time must not mislead the second. Then as its own tombstone.
    for (int turn = 0; turn < 2; ++turn)
        try {
            const Event event = decoder.decode(table, record);
            marks.judge(event);
            const bool row = event.kind == EventKind::Row;
            if (row && !event.cells)
                __builtin_trap();
            for (const uint16_t column : table.target.key)
                if (row && event.cells[column].kind <= CellKind::Null)
                    __builtin_trap();
        } catch (const Error&) {
            marks.judge(decoder.place(table, record));
        }
    record.value.reset();
    try {
        decoder.decode(table, record);
    } catch (const Error&) { // a tombstone whose key is none
    }
    return 0;
}
