#include <librdkafka/rdkafka.h>

#include "pg/guard.h"

STANDIN_FUNCTION(standin_librdkafka_version) {
    return standin::pg::call([] { return CStringGetTextDatum(rd_kafka_version_str()); });
}
