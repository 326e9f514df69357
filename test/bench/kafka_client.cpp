// What benchmarks need of Kafka at the speed of librdkafka:
//   kafka_client produce BROKERS TOPIC [RATE]  records from standard input, a line each (key, tab, value, which is null
//   if
//                                              empty); RATE a second, each sent at once, or as fast as it goes
//   kafka_client consume BROKERS TOPIC COUNT   reads and forgets so many records; prints the seconds from the client's
//                                              making to the last record
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <iostream>
#include <string>
#include <thread>
#include <vector>

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void fail(const std::string& reason) {
    std::cerr << reason << "\n";
    std::exit(1);
}

rd_kafka_t* client(rd_kafka_type_t type, const std::vector<std::pair<std::string, std::string>>& settings) {
    char reason[256];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    for (const auto& [name, value] : settings)
        if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof(reason)) != RD_KAFKA_CONF_OK)
            fail(reason);
    rd_kafka_t* made = rd_kafka_new(type, conf, reason, sizeof(reason));
    if (!made)
        fail(reason);
    return made;
}

void send(rd_kafka_t* producer, const char* topic, const std::string& line) {
    const size_t tab = line.find('\t');
    if (tab == std::string::npos)
        fail("a line without a tab");
    const size_t size = line.size() - tab - 1;
    char* value = size == 0 ? nullptr : const_cast<char*>(line.data()) + tab + 1;
    for (;;) {
        const auto error =
            rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(topic), RD_KAFKA_V_KEY(line.data(), tab),
                              RD_KAFKA_V_VALUE(value, size), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
        if (error == RD_KAFKA_RESP_ERR_NO_ERROR)
            return;
        if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
            fail(rd_kafka_err2str(error));
        rd_kafka_poll(producer, 100);
    }
}

int produce(const char* brokers, const char* topic, int rate) {
    rd_kafka_t* producer = client(RD_KAFKA_PRODUCER, {{"bootstrap.servers", brokers},
                                                      {"linger.ms", rate ? "0" : "50"},
                                                      {"batch.size", "1000000"},
                                                      {"message.max.bytes", "200000000"},
                                                      {"queue.buffering.max.kbytes", "262144"}});
    const auto began = Clock::now();
    int64_t sent = 0;
    for (std::string line; std::getline(std::cin, line); ++sent) {
        if (rate)
            std::this_thread::sleep_until(began + std::chrono::microseconds(sent * 1000000 / rate));
        send(producer, topic, line);
        if (sent % 100 == 0)
            rd_kafka_poll(producer, 0);
    }
    if (rd_kafka_flush(producer, 120000) != RD_KAFKA_RESP_ERR_NO_ERROR)
        fail("not all records were delivered");
    rd_kafka_destroy(producer);
    return 0;
}

int consume(const char* brokers, const char* topic, int64_t count) {
    const auto began = Clock::now();
    rd_kafka_t* consumer = client(
        RD_KAFKA_CONSUMER, {{"bootstrap.servers", brokers},
                            {"group.id", "kafka_client"},
                            {"enable.auto.commit", "false"},
                            {"fetch.message.max.bytes", "4194304"}}); // as the worker, which would else be faster
    rd_kafka_poll_set_consumer(consumer);
    rd_kafka_topic_partition_list_t* assignment = rd_kafka_topic_partition_list_new(1);
    rd_kafka_topic_partition_list_add(assignment, topic, 0)->offset = RD_KAFKA_OFFSET_BEGINNING;
    rd_kafka_assign(consumer, assignment);
    rd_kafka_topic_partition_list_destroy(assignment);
    rd_kafka_queue_t* queue = rd_kafka_queue_get_consumer(consumer);
    std::vector<rd_kafka_message_t*> messages(10000);
    int64_t read = 0;
    while (read < count) {
        const ssize_t got = rd_kafka_consume_batch_queue(queue, 10000, messages.data(), messages.size());
        if (got <= 0)
            fail("no more records after " + std::to_string(read));
        for (ssize_t i = 0; i < got; ++i) {
            rd_kafka_message_t* message = messages[static_cast<size_t>(i)];
            if (message->err)
                fail(rd_kafka_message_errstr(message));
            ++read;
            rd_kafka_message_destroy(message);
        }
    }
    std::cout << std::chrono::duration<double>(Clock::now() - began).count() << "\n";
    rd_kafka_queue_destroy(queue);
    rd_kafka_destroy(consumer);
    return 0;
}

} // namespace

int main(int argc, char** argv) {
    const std::string verb = argc > 1 ? argv[1] : "";
    if (verb == "produce" && (argc == 4 || argc == 5))
        return produce(argv[2], argv[3], argc == 5 ? std::stoi(argv[4]) : 0);
    if (verb == "consume" && argc == 5)
        return consume(argv[2], argv[3], std::stoll(argv[4]));
    std::cerr << "kafka_client produce BROKERS TOPIC [RATE] | consume BROKERS TOPIC COUNT\n";
    return 2;
}
