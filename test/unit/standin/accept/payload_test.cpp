#include <gtest/gtest.h>

#include "base/error.h"
#include "standin/accept/payload.h"

using namespace standin::core;

namespace {
const PayloadFormat format{"pay", "account", "amount", R"({"currency": "string", "lines": "array"})"};

std::string refusal(const std::string& json) {
    try {
        readPayload(format, json);
        return "";
    } catch (const standin::Error& error) {
        EXPECT_FALSE(error.hint().empty()) << error.what();
        return error.sqlstate() + " " + error.what();
    }
}
} // namespace

TEST(Payload, ReadsAccountAndExactAmount) {
    const Payload payload =
        readPayload(format, R"({"lines":[], "amount": 12345678901234567.05 , "account":"DE 1", "currency":"EUR"})");
    EXPECT_EQ(payload.account, "DE 1");
    EXPECT_EQ(payload.amountText, "12345678901234567.05");
    EXPECT_EQ(payload.amount.text(), "12345678901234567.05");
    EXPECT_EQ(readPayload(format, R"({"amount":1,"account":4711,"currency":"EUR","lines":[1]})").account, "4711");
}

TEST(Payload, NamesWhatIsWrong) {
    EXPECT_EQ(refusal(R"([1])"), "22023 payload is not a JSON object");
    EXPECT_EQ(refusal(R"("text")"), "22023 payload is not a JSON object");
    EXPECT_EQ(refusal(R"({"amount":1,"currency":"EUR","lines":[]})"), "22023 payload has no account field \"account\"");
    EXPECT_EQ(refusal(R"({"account":"","amount":1,"currency":"EUR","lines":[]})"),
              "22023 account field \"account\" must have 1 to 255 bytes");
    EXPECT_EQ(refusal(R"({"account":null,"amount":1,"currency":"EUR","lines":[]})"),
              "22023 account field \"account\" has JSON type null");
    EXPECT_EQ(refusal(R"({"account":1.5,"amount":1,"currency":"EUR","lines":[]})"),
              "22023 account \"1.5\" is not a whole number");
    EXPECT_EQ(refusal(R"({"account":"a","currency":"EUR","lines":[]})"),
              "22023 payload has no amount field \"amount\"");
    EXPECT_EQ(refusal(R"({"account":"a","amount":"1","currency":"EUR","lines":[]})"),
              "22023 amount field \"amount\" has JSON type string, not number");
    EXPECT_EQ(refusal(R"({"account":"a","amount":-5,"currency":"EUR","lines":[]})"), "22023 amount -5 is not positive");
    EXPECT_EQ(refusal(R"({"account":"a","amount":0.00,"currency":"EUR","lines":[]})"),
              "22023 amount 0.00 is not positive");
    EXPECT_EQ(refusal(R"({"account":"a","amount":1,"lines":[]})"), "22023 payload has no field \"currency\"");
    EXPECT_EQ(refusal(R"({"account":"a","amount":1,"currency":5,"lines":[]})"),
              "22023 field \"currency\" has JSON type number, not string");
    EXPECT_EQ(refusal(R"({"account":"a","amount":1,"currency":"EUR","lines":{}})"),
              "22023 field \"lines\" has JSON type object, not array");
}

TEST(Payload, RefusesAmountsThatAreNotExact) {
    for (const char* amount : {"1e3", "0.00000000000001", "1000000000000000000000000"}) {
        const std::string json =
            std::string(R"({"account":"a","amount":)") + amount + R"(,"currency":"EUR","lines":[]})";
        EXPECT_THROW(readPayload(format, json), standin::Error) << amount;
    }
}

TEST(Payload, SurvivesEveryCut) {
    const std::string json = R"({"account":"a\"b\u00e4","amount":1.25,"currency":"EUR","lines":[1,{"x":null}]})";
    EXPECT_EQ(readPayload(format, json).account, "a\"b\u00e4");
    for (size_t length = 0; length < json.size(); ++length)
        try {
            readPayload(format,
                        json.substr(0, length)); // jsonb is never cut; what counts is that no read runs over the end
        } catch (const standin::Error&) {
        }
}
