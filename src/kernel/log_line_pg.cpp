#include "kernel/log_line.h"

#include <algorithm>
#include <vector>

#include "kernel/commit_hook.h"
#include "pg/guard.h"

namespace standin::kernel {

namespace {

struct Line {
    SubTransactionId subtransaction;
    std::string text;
};

// Never freed: a process that exits ends no object that a callback may still look at.
std::vector<Line>& lines() {
    static auto& kept = *new std::vector<Line>();
    return kept;
}

void onSubtransactionEnd(SubXactEvent event, SubTransactionId own, SubTransactionId parent, void*) {
    if (event == SUBXACT_EVENT_ABORT_SUB)
        std::erase_if(lines(), [own](const Line& line) { return line.subtransaction == own; });
    else if (event == SUBXACT_EVENT_COMMIT_SUB)
        for (Line& line : lines())
            if (line.subtransaction == own)
                line.subtransaction = parent;
}

void onEnd(TransactionEnd end) noexcept {
    if (end == TransactionEnd::Commit)
        for (const Line& line : lines())
            ereport(LOG_SERVER_ONLY,
                    (errmsg_internal("%s", line.text.c_str()), errhidestmt(true), errhidecontext(true)));
    lines().clear();
}

} // namespace

void logAtCommit(std::string line) {
    std::replace_if(line.begin(), line.end(), [](char c) { return c == '\n' || c == '\r'; }, ' ');
    lines().push_back({GetCurrentSubTransactionId(), std::move(line)});
}

void initLogLines() {
    onTransactionEnd(onEnd);
    RegisterSubXactCallback(onSubtransactionEnd, nullptr);
}

} // namespace standin::kernel

using namespace standin;

STANDIN_FUNCTION(standin_log_at_commit) {
    kernel::logAtCommit(pg::call([&] { return text_to_cstring(PG_GETARG_TEXT_PP(0)); }));
    PG_RETURN_VOID();
}
