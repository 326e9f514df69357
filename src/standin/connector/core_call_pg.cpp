#include "standin/connector/core_call_pg.h"

#include <list>

#include "pg/guard.h"
#include "standin/connector/connection_slot_pg.h"

extern "C" {
#include <storage/ipc.h>
}

namespace standin::core {

struct CoreCall::Line {
    std::optional<ConnectionSlot> slot; // given back after the connection is closed
    CoreConfig config;
    std::unique_ptr<Connector> connector;
    bool settled = false;
};

// The lines of this session, one a core. They are not on the stack: a session that is terminated runs no destructor.
struct Lines {
    static std::list<CoreCall::Line>& all() {
        static auto& lines = *new std::list<CoreCall::Line>();
        return lines;
    }

    static CoreCall::Line* kept(const std::string& core) {
        for (CoreCall::Line& line : all())
            if (line.config.core == core)
                return &line;
        return nullptr;
    }

    static CoreCall add(const CoreConfig& config, std::optional<ConnectionSlot> slot) {
        static bool registered = false;
        if (!registered)
            pg::call([] { before_shmem_exit(closeAll, 0); });
        registered = true;
        CoreCall::Line& line = all().emplace_back();
        if (slot)
            line.slot.emplace(std::move(*slot));
        line.config = config;
        return CoreCall(&line);
    }

    static void close(CoreCall::Line* line) {
        all().remove_if([line](const CoreCall::Line& each) { return &each == line; });
    }

    static void closeAll(int, Datum) { all().clear(); }
};

std::optional<CoreCall> CoreCall::begin(const CoreConfig& config) {
    if (Line* line = Lines::kept(config.core))
        return CoreCall(line);
    if (config.synchronous()) // no connection of ours
        return Lines::add(config, std::nullopt);
    std::optional<ConnectionSlot> slot =
        ConnectionSlot::take(config.core, config.sessionConnections(), config.callTimeout);
    if (!slot)
        return std::nullopt;
    return Lines::add(config, std::move(slot));
}

Connector& CoreCall::connector(const CoreConfig& config) {
    line_->settled = false;
    if (!line_->connector || line_->config != config) {
        line_->connector.reset();
        line_->config = config;
        line_->connector = makeConnector(config);
    }
    return *line_->connector;
}

void CoreCall::settle() { line_->settled = true; }

CoreCall::~CoreCall() {
    if (!line_)
        return;
    const bool connected = line_->connector && line_->connector->socket() >= 0;
    if (!line_->slot || !connected || !line_->settled || !line_->slot->mayStay(line_->config.sessionConnections()))
        Lines::close(line_);
}

} // namespace standin::core
