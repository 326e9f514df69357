#pragma once

#include "cdc/event/event.h"

namespace standin::cdc {

/// What a record's envelope says, read by a parser or by a template.
struct EventDecoder::Envelope {
    explicit Envelope(Event& made) : event(made) {}

    Event& event;
    char op = 0;
    bool isObject = false; ///< one of the envelope's own objects is there
    bool hasAfter = false;
    std::string_view before;
    SourceBlock source;
};

} // namespace standin::cdc
