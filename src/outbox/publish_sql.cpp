#include <array>

#include "kernel/wake.h"
#include "outbox/published_pg.h"
#include "outbox/topic_pg.h"
#include "pg/own_table.h"
#include "pg/owner.h"

extern "C" {
#include <tcop/utility.h>
#include <utils/fmgrprotos.h>
#include <utils/jsonb.h>
#include <utils/numeric.h>
#include <utils/uuid.h>
}

using namespace standin;

namespace {

enum Argument {
    topicArgument,
    keyArgument,
    payloadArgument,
    headersArgument,
    idArgument,
    typeArgument,
    partitionArgument
};

/// What a record costs besides what its publisher gave: the header `id`, lengths, times.
constexpr int64_t recordOverhead = 100;

std::string_view viewOf(Datum varlena) {
    struct Bytes {
        const char* data;
        size_t size;
    };
    const Bytes bytes = pg::call([&] {
        struct varlena* plain = PG_DETOAST_DATUM_PACKED(varlena);
        return Bytes{VARDATA_ANY(plain), static_cast<size_t>(VARSIZE_ANY_EXHDR(plain))};
    });
    return {bytes.data, bytes.size};
}

std::optional<std::string_view> textArgument(FunctionCallInfo fcinfo, int number) {
    return PG_ARGISNULL(number) ? std::nullopt : std::optional(viewOf(PG_GETARG_DATUM(number)));
}

[[noreturn]] void refuseHeaders(const std::string& detail) {
    throw Error("22023", "headers of an event must be an object of texts, numbers, booleans and nulls", detail);
}

void checkName(const JsonbValue& key) {
    const std::string_view name(key.val.string.val, static_cast<size_t>(key.val.string.len));
    if (name == "id" || name == "eventType")
        throw Error("22023", "header \"" + std::string(name) + "\" is made by outbox_publish", {},
                    "Give event_id or event_type.");
}

/// As a record has it: a text, or null.
JsonbValue textOf(const JsonbValue& value) {
    if (value.type == jbvString || value.type == jbvNull)
        return value;
    JsonbValue text{};
    text.type = jbvString;
    char* written = value.type == jbvBool
                        ? pstrdup(value.val.boolean ? "true" : "false")
                        : DatumGetCString(DirectFunctionCall1(numeric_out, NumericGetDatum(value.val.numeric)));
    text.val.string.val = written;
    text.val.string.len = static_cast<int>(strlen(written));
    return text;
}

/// The object with texts for its scalars, null if it is empty. Throws unless it is an object of scalars with names that
/// are not ours.
Jsonb* headersOf(Jsonb* given) {
    if (!JB_ROOT_IS_OBJECT(given))
        refuseHeaders("They are an array or a single value.");
    if (JB_ROOT_COUNT(given) == 0)
        return nullptr;
    JsonbIterator* iterator = pg::call([&] { return JsonbIteratorInit(&given->root); });
    JsonbParseState* state = nullptr;
    JsonbValue* result = nullptr;
    while (true) {
        JsonbValue value;
        const JsonbIteratorToken token = pg::call([&] { return JsonbIteratorNext(&iterator, &value, true); });
        if (token == WJB_DONE)
            return pg::call([&] { return JsonbValueToJsonb(result); });
        if (token == WJB_VALUE && value.type == jbvBinary)
            refuseHeaders("One of them is an object or an array.");
        if (token == WJB_KEY)
            checkName(value);
        pg::call([&] {
            JsonbValue text = token == WJB_VALUE ? textOf(value) : value;
            result = pushJsonbValue(&state, token, token == WJB_KEY || token == WJB_VALUE ? &text : nullptr);
        });
    }
}

/// Version 7: those made one after the other are near each other in the index.
pg_uuid_t newEventId() {
    constexpr int64_t postgresEpoch = 946684800000; // milliseconds since 1970
    pg_uuid_t id;
    if (!pg_strong_random(id.data, UUID_LEN))
        throw Error("XX000", "could not generate random values");
    const int64_t milliseconds = GetCurrentTimestamp() / 1000 + postgresEpoch;
    for (int i = 0; i < 6; ++i)
        id.data[i] = static_cast<unsigned char>(milliseconds >> (8 * (5 - i)));
    id.data[6] = (id.data[6] & 0x0f) | 0x70;
    id.data[8] = (id.data[8] & 0x3f) | 0x80;
    return id;
}

struct Event {
    std::string_view topic;
    std::optional<std::string_view> key;
    std::optional<std::string_view> payload;
    Jsonb* headers; // null if there are none
    pg_uuid_t id;
    std::optional<std::string_view> type;
    std::optional<int32_t> partition;

    int64_t bytes() const {
        return static_cast<int64_t>(key.value_or("").size() + payload.value_or("").size() + type.value_or("").size() +
                                    (headers ? VARSIZE(headers) : 0)) +
               recordOverhead;
    }
};

Event eventOf(FunctionCallInfo fcinfo, std::optional<std::string_view> payload) {
    const auto topic = textArgument(fcinfo, topicArgument);
    if (!topic)
        throw Error("22004", "argument \"topic\" must not be null");
    Event event{.topic = *topic,
                .key = textArgument(fcinfo, keyArgument),
                .payload = payload,
                .headers = nullptr,
                .id = {},
                .type = textArgument(fcinfo, typeArgument),
                .partition =
                    PG_ARGISNULL(partitionArgument) ? std::nullopt : std::optional(PG_GETARG_INT32(partitionArgument))};
    if (!event.key && !event.payload)
        throw Error("22004", "an event must have a key or a payload", {},
                    "A null payload is a tombstone, for its key.");
    if (event.key && event.key->empty())
        throw Error("22023", "key of an event must not be empty", {}, "Give null for no key.");
    if (event.partition && *event.partition < 0)
        throw Error("22023", "partition must not be negative", {}, "Give null to let the key decide.");
    if (!PG_ARGISNULL(headersArgument))
        event.headers = headersOf(pg::call([&] { return PG_GETARG_JSONB_P(headersArgument); }));
    event.id = PG_ARGISNULL(idArgument) ? newEventId() : *PG_GETARG_UUID_P(idArgument);
    return event;
}

void store(const Event& event, const outbox::Place& place) {
    static pg::OwnTable messages(
        "outbox_message", {"batch", "n", "event_id", "topic", "key", "payload", "headers", "event_type", "partition"});
    const auto payload = event.payload ? std::optional(pg::Bytea{*event.payload}) : std::nullopt;
    messages.insert(place.batch, place.n, pg::Typed{UUIDOID, UUIDPGetDatum(&event.id)}, event.topic, event.key, payload,
                    pg::Typed{JSONBOID, PointerGetDatum(event.headers), event.headers == nullptr}, event.type,
                    event.partition);
}

Datum publish(FunctionCallInfo fcinfo, std::optional<std::string_view> payload) {
    const Event event = eventOf(fcinfo, payload);
    pg::call([] { PreventCommandIfReadOnly("outbox_publish()"); });
    {
        const Oid caller = GetUserId();
        const pg::OwnerScope owner;
        const outbox::Topic& topic = outbox::topicFor(event.topic, caller);
        const int64_t bytes = event.bytes();
        if (bytes > topic.maxBytes)
            throw Error("54000", "event is too large for topic \"" + std::string(event.topic) + "\"",
                        "It has " + std::to_string(bytes) + " bytes, the topic takes " +
                            std::to_string(topic.maxBytes) + ".",
                        "Publish where the content is kept, or raise max.message.bytes of the topic in Kafka and then "
                        "max_bytes with standin.outbox_topic_alter.");
        store(event, outbox::notePublished(topic.relay, bytes));
        kernel::wakeAtCommit(kernel::Channel::outbox);
    }
    auto* id = static_cast<pg_uuid_t*>(pg::call([] { return palloc(sizeof(pg_uuid_t)); }));
    *id = event.id;
    return UUIDPGetDatum(id);
}

} // namespace

STANDIN_FUNCTION(standin_outbox_publish_text) { return publish(fcinfo, textArgument(fcinfo, payloadArgument)); }

STANDIN_FUNCTION(standin_outbox_publish_bytea) { return publish(fcinfo, textArgument(fcinfo, payloadArgument)); }

STANDIN_FUNCTION(standin_outbox_publish_jsonb) {
    if (PG_ARGISNULL(payloadArgument))
        return publish(fcinfo, std::nullopt);
    const char* json = pg::call([&] {
        Jsonb* payload = PG_GETARG_JSONB_P(payloadArgument);
        return JsonbToCString(nullptr, &payload->root, VARSIZE(payload));
    });
    return publish(fcinfo, std::string_view(json));
}
