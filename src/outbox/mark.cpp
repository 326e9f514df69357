#include "outbox/mark.h"

#include <simdjson.h>

namespace standin::outbox {

namespace {

constexpr int64_t version = 1;

/// All of it is ours but for what a stranger wrote, which is only read.
std::string jsonText(std::string_view text) {
    std::string result = "\"";
    for (const char c : text) {
        if (c == '"' || c == '\\')
            result += '\\';
        if (static_cast<unsigned char>(c) >= 0x20)
            result += c;
    }
    return result + '"';
}

Verdict fenced(std::string reason) { return {Verdict::Kind::Fenced, {}, std::move(reason)}; }

} // namespace

std::string shown(const kernel::CommitPlace& place) {
    return std::to_string(place.timeline) + "/" + std::to_string(place.seq);
}

std::string Mark::json() const {
    return "{\"v\":" + std::to_string(version) + ",\"system\":" + jsonText(system) +
           ",\"timeline\":" + std::to_string(place.timeline) + ",\"seq\":" + std::to_string(place.seq) +
           ",\"events\":" + std::to_string(events) + ",\"lsn\":" + jsonText(lsn) + ",\"claim\":" + jsonText(claim) +
           ",\"at\":" + jsonText(at) + "}";
}

std::optional<Mark> Mark::parse(std::string_view json) {
    simdjson::dom::parser parser;
    simdjson::dom::object object;
    int64_t found = 0, timeline = 0;
    std::string_view system, claim, lsn, at;
    Mark mark;
    if (parser.parse(json.data(), json.size()).get(object) || object["v"].get(found) || found != version ||
        object["system"].get(system) || object["timeline"].get(timeline) || object["seq"].get(mark.place.seq) ||
        object["events"].get(mark.events) || object["claim"].get(claim) || object["lsn"].get(lsn) ||
        object["at"].get(at) || timeline < 0 || timeline > INT32_MAX || mark.place.seq < 0 || mark.events < 0)
        return std::nullopt;
    mark.place.timeline = static_cast<int32_t>(timeline);
    mark.system = system;
    mark.claim = claim;
    mark.lsn = lsn;
    mark.at = at;
    return mark;
}

Verdict judge(const std::optional<std::string>& text, const Here& here) {
    if (here.adopted && *here.adopted == text.value_or("") && !(here.everMarked && !text))
        return {};
    if (!text) {
        if (here.everMarked)
            return {Verdict::Kind::Diverged,
                    {},
                    "the mark is gone from Kafka: nothing tells what was sent; last known here: " +
                        shown(here.sending)};
        return {};
    }
    const std::optional<Mark> mark = Mark::parse(*text);
    if (!mark)
        return fenced("the mark topic has a record that is no mark");
    const std::string by = "the mark " + shown(mark->place) + " of " + mark->at;
    if (!here.claimKnown)
        return fenced(by + " was made by another server, or by a copy of this database (system identifier " +
                      mark->system + ", claim " + mark->claim + ")");
    if (mark->system != here.system)
        return fenced(by + " was made on system identifier " + mark->system + ", this server has " + here.system);
    if (mark->place.timeline > here.timeline)
        return fenced(by + " is of timeline " + std::to_string(mark->place.timeline) + ", this server is on " +
                      std::to_string(here.timeline));
    if (mark->place > here.sending)
        return {Verdict::Kind::Diverged,
                {},
                by + " is beyond what this server knows of, " + shown(here.sending) +
                    ": events are in Kafka that were lost here"};
    if (mark->place < here.sent)
        return {Verdict::Kind::Diverged,
                {},
                by + " is behind what Kafka had, " + shown(here.sent) + ": Kafka has lost records"};
    return {Verdict::Kind::GoOn, mark->place, {}};
}

} // namespace standin::outbox
