#include "outbox/record.h"

#include <gtest/gtest.h>

#include "base/error.h"

namespace standin::outbox {
namespace {

TEST(Headers, AreTextsAndNulls) {
    const kafka::RecordHeaders expected{{"a", "x\"y"}, {"b", std::nullopt}, {"c", ""}};
    EXPECT_EQ(headersOf(R"({"a": "x\"y", "b": null, "c": ""})"), expected);
    EXPECT_THROW(headersOf(R"({"a": 1})"), Error);
    EXPECT_TRUE(headersOf("{}").empty());
    EXPECT_TRUE(headersOf("").empty());
    EXPECT_THROW(headersOf("[]"), Error);
}

TEST(Fault, IsTheRecordsOrTheWorlds) {
    for (const auto code : {RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE, RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART,
                            RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION}) {
        EXPECT_TRUE(faultOf(code, "t").own);
        EXPECT_NE(faultOf(code, "t").remedy, "");
    }
    for (const auto code : {RD_KAFKA_RESP_ERR__MSG_TIMED_OUT, RD_KAFKA_RESP_ERR__PURGE_QUEUE, RD_KAFKA_RESP_ERR__STATE,
                            RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS})
        EXPECT_FALSE(faultOf(code, "t").own);
}

} // namespace
} // namespace standin::outbox
