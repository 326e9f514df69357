// Writes records in Kafka transactions, for tests: transactional_producer BROKERS TOPIC commit|abort [TRANSACTIONAL_ID] < records.
// A record a line: key, tab, value.
#include <librdkafka/rdkafka.h>

#include <iostream>
#include <string>

namespace {

void check(rd_kafka_error_t* error) {
    if (!error)
        return;
    std::cerr << rd_kafka_error_string(error) << "\n";
    std::exit(1);
}

} // namespace

int main(int argc, char** argv) {
    if (argc != 4 && argc != 5)
        return 2;
    char reason[256];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", argv[1], reason, sizeof(reason));
    rd_kafka_conf_set(conf, "transactional.id", argc == 5 ? argv[4] : "transactional_producer", reason, sizeof(reason));
    rd_kafka_t* producer = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
    if (!producer)
        return 1;
    check(rd_kafka_init_transactions(producer, 30000));
    check(rd_kafka_begin_transaction(producer));
    for (std::string line; std::getline(std::cin, line);) {
        const size_t tab = line.find('\t');
        const std::string key = line.substr(0, tab);
        const std::string value = line.substr(tab + 1);
        rd_kafka_producev(producer, RD_KAFKA_V_TOPIC(argv[2]), RD_KAFKA_V_KEY(key.data(), key.size()),
                          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_END);
    }
    // Delivered before the decision: an abort must leave records in the log that readers have to skip.
    rd_kafka_flush(producer, 30000);
    check(std::string(argv[3]) == "commit" ? rd_kafka_commit_transaction(producer, 30000)
                                           : rd_kafka_abort_transaction(producer, 30000));
    rd_kafka_destroy(producer);
}
