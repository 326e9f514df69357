#include "kafka/transactional_producer.h"

#include <memory>

#include "base/error.h"
#include "kafka/client.h"

namespace standin::kafka {

namespace {

// What a call waits at most. Of commit_transaction: 0 ends the whole process in librdkafka 2.0.2 by an assertion, 1
// may, and -1 waits for as long as the broker is silent. What was not done in time is resumed by the next call.
constexpr int callPatience = 200;
constexpr size_t failuresKept = 16;

using ErrorHandle = std::unique_ptr<rd_kafka_error_t, decltype(&rd_kafka_error_destroy)>;
using HeadersHandle = std::unique_ptr<rd_kafka_headers_t, decltype(&rd_kafka_headers_destroy)>;

HeadersHandle headersOf(const RecordHeaders& headers) {
    HeadersHandle list(rd_kafka_headers_new(headers.size()), rd_kafka_headers_destroy);
    for (const auto& [name, value] : headers)
        rd_kafka_header_add(list.get(), name.data(), static_cast<ssize_t>(name.size()), value ? value->data() : nullptr,
                            value ? static_cast<ssize_t>(value->size()) : 0);
    return list;
}

void* bytesOf(const std::optional<std::string_view>& text) {
    static char empty = 0; // null is something else
    return !text ? nullptr : text->empty() ? &empty : const_cast<char*>(text->data());
}

} // namespace

TransactionalProducer::TransactionalProducer(const Properties& properties, const std::string& transactionalId,
                                             ProducerLimits limits) {
    ClientConfig conf(properties, {{"linger.ms", "1"},
                                   {"message.max.bytes", std::to_string(limits.messageBytes)},
                                   {"batch.size", std::to_string(limits.batchBytes)},
                                   {"queue.buffering.max.kbytes", "65536"}});
    conf.set("transactional.id", transactionalId);
    conf.set("enable.idempotence", "true");
    conf.set("acks", "all");
    conf.set("partitioner", "murmur2_random");
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), onReport);
    rd_kafka_conf_set_error_cb(conf.get(), onError);
    conf.set("log.queue", "true"); // else a thread of the library calls
    rd_kafka_conf_set_log_cb(conf.get(), onLog);
    const SignalMask mask;
    client_ = conf.create(RD_KAFKA_PRODUCER);
    rd_kafka_set_log_queue(client_, nullptr);
    rd_kafka_queue_t* queue = rd_kafka_queue_get_main(client_);
    rd_kafka_queue_io_event_enable(queue, wakeup_.writeEnd(), "", 1);
    rd_kafka_queue_destroy(queue);
}

void TransactionalProducer::requireAlive() {
    char reason[512] = "";
    if (const auto code = rd_kafka_fatal_error(client_, reason, sizeof(reason)); code != RD_KAFKA_RESP_ERR_NO_ERROR)
        throw ProducerDead("HV000",
                           std::string("the Kafka producer is dead: ") + rd_kafka_err2name(code) + ": " + reason);
}

TransactionalProducer::Progress TransactionalProducer::progress(rd_kafka_error_t* raw, const char* what) {
    requireAlive();
    if (!raw)
        return Progress::Done;
    const ErrorHandle error(raw, rd_kafka_error_destroy);
    lastError_ = std::string("could not ") + what + ": " + explained(rd_kafka_error_string(error.get()));
    if (rd_kafka_error_txn_requires_abort(error.get()))
        return Progress::Failed;
    if (rd_kafka_error_is_retriable(error.get()))
        return Progress::Again;
    throw ProducerDead("HV000", lastError_);
}

TransactionalProducer::Progress TransactionalProducer::init() {
    const SignalMask mask;
    return progress(rd_kafka_init_transactions(client_, callPatience), "become the producer of its transactional.id");
}

void TransactionalProducer::begin() {
    const SignalMask mask;
    failures_.clear();
    if (progress(rd_kafka_begin_transaction(client_), "begin a transaction") != Progress::Done)
        throw ProducerDead("HV000", lastError_);
}

TransactionalProducer::Offer TransactionalProducer::offer(const OutgoingRecord& record) {
    const SignalMask mask;
    const std::string topic(record.topic);
    HeadersHandle headers = record.headers && !record.headers->empty()
                                ? headersOf(*record.headers)
                                : HeadersHandle(nullptr, rd_kafka_headers_destroy);
    const rd_kafka_vu_t parts[] = {
        {.vtype = RD_KAFKA_VTYPE_TOPIC, .u = {.cstr = topic.c_str()}},
        {.vtype = RD_KAFKA_VTYPE_PARTITION, .u = {.i32 = record.partition.value_or(RD_KAFKA_PARTITION_UA)}},
        {.vtype = RD_KAFKA_VTYPE_KEY, .u = {.mem = {bytesOf(record.key), record.key ? record.key->size() : 0}}},
        {.vtype = RD_KAFKA_VTYPE_VALUE, .u = {.mem = {bytesOf(record.value), record.value ? record.value->size() : 0}}},
        {.vtype = RD_KAFKA_VTYPE_MSGFLAGS, .u = {.i = RD_KAFKA_MSG_F_COPY}},
        {.vtype = RD_KAFKA_VTYPE_OPAQUE, .u = {.ptr = reinterpret_cast<void*>(record.number)}},
        {.vtype = RD_KAFKA_VTYPE_HEADERS, .u = {.headers = headers.get()}},
    };
    const size_t count = std::size(parts) - (headers ? 0 : 1);
    const ErrorHandle error(rd_kafka_produceva(client_, parts, count), rd_kafka_error_destroy);
    if (!error) {
        headers.release(); // the message's now
        return Offer::Taken;
    }
    const auto code = rd_kafka_error_code(error.get());
    if (code == RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return Offer::Full;
    requireAlive();
    failures_.push_back({record.number, code, rd_kafka_error_string(error.get())});
    return Offer::Refused;
}

size_t TransactionalProducer::poll() {
    const SignalMask mask;
    wakeup_.drain();
    rd_kafka_poll(client_, 0);
    requireAlive();
    const auto underWay = static_cast<size_t>(rd_kafka_outq_len(client_));
    if (underWay > 0 && failures_.empty())
        noticeAbortable();
    return underWay;
}

/// A transaction that has failed as a whole (a partition that it may not write to) sends nothing more and says nothing
/// about its records either, until they time out. Producing nothing asks for the state alone.
void TransactionalProducer::noticeAbortable() {
    const ErrorHandle error(rd_kafka_produceva(client_, nullptr, 0), rd_kafka_error_destroy);
    if (error && rd_kafka_error_code(error.get()) == RD_KAFKA_RESP_ERR__STATE)
        failures_.push_back({-1, RD_KAFKA_RESP_ERR__STATE, lastError_});
}

TransactionalProducer::Progress TransactionalProducer::commit() {
    const SignalMask mask;
    return progress(rd_kafka_commit_transaction(client_, callPatience), "commit a transaction");
}

TransactionalProducer::Progress TransactionalProducer::abort() {
    const SignalMask mask;
    return progress(rd_kafka_abort_transaction(client_, callPatience), "abort a transaction");
}

// All run inside a call of the caller's thread; nothing may escape into librdkafka's C frames.
void TransactionalProducer::onReport(rd_kafka_t*, const rd_kafka_message_t* message, void* self) noexcept {
    try {
        auto* producer = static_cast<TransactionalProducer*>(self);
        const bool purged =
            message->err == RD_KAFKA_RESP_ERR__PURGE_QUEUE || message->err == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
        if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR || producer->failures_.size() >= failuresKept ||
            (purged && !producer->failures_.empty())) // because of what failed before
            return;
        producer->failures_.push_back({static_cast<int64_t>(reinterpret_cast<intptr_t>(message->_private)),
                                       message->err, rd_kafka_err2str(message->err)});
    } catch (...) {
    }
}

void TransactionalProducer::onError(rd_kafka_t*, int, const char* reason, void* self) noexcept {
    try {
        static_cast<TransactionalProducer*>(self)->lastError_ = explained(reason);
    } catch (...) {
    }
}

void TransactionalProducer::onLog(const rd_kafka_t* client, int level, const char*, const char* text) noexcept {
    constexpr int errors = 3; // of syslog, and what is graver
    try {
        if (level <= errors)
            static_cast<TransactionalProducer*>(rd_kafka_opaque(client))->lastError_ = explained(text);
    } catch (...) {
    }
}

} // namespace standin::kafka
