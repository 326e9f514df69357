#include <gtest/gtest.h>

#include "base/error.h"
#include "standin/accept/payload.h"

using namespace standin::core;

namespace {
const PayloadFormat format{"pay", Field("account"), Field("amount"),
                           requiredFields(R"({"currency": "string", "lines": "array"})")};
// As Open Banking and ISO 20022 write it.
const PayloadFormat nested{"pay",
                           Field("$.debtorAccount.iban"),
                           Field("$.instructedAmount.amount"),
                           requiredFields(R"({"$.creditor.name": "string"})"),
                           Field("$.instructedAmount.currency"),
                           "EUR"};

std::string instruct(const std::string& amount, const std::string& currency = R"("EUR")") {
    return R"({"creditor":{"name":"x"},"debtorAccount":{"iban":"DE1"},"instructedAmount":{"currency":)" + currency +
           R"(,"amount":)" + amount + "}}";
}

std::string refusal(const std::string& json, const PayloadFormat& of = format) {
    try {
        readPayload(of, json);
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
    EXPECT_EQ(refusal(R"({"account":"a","amount":true,"currency":"EUR","lines":[]})"),
              "22023 amount field \"amount\" has JSON type boolean, not number or string");
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

TEST(Payload, ReadsNestedFieldsAndAmountsInStrings) {
    const Payload payload = readPayload(nested, instruct(R"("165.88")"));
    EXPECT_EQ(payload.account, "DE1");
    EXPECT_EQ(payload.amount.text(), "165.88");
    EXPECT_EQ(readPayload(nested, instruct("165.88")).amount, payload.amount);
    for (const char* amount : {R"("")", R"("1e2")", R"("12,50")", R"(" 1")", R"("+1")", R"(".5")", R"("5.")",
                               R"("1.2.3")", R"("NaN")", R"("0x10")", R"("-1")"})
        EXPECT_TRUE(refusal(instruct(amount), nested).ends_with("is not a plain decimal")) << amount;
    EXPECT_EQ(refusal(instruct(R"("0.00")"), nested), "22023 amount 0.00 is not positive");
    EXPECT_THROW(readPayload(nested, instruct(R"("0.0000000000001")")), standin::Error);
}

TEST(Payload, TakesTheCoresCurrencyOnly) {
    EXPECT_EQ(refusal(instruct("1", R"("USD")"), nested), "22023 currency \"USD\" is not the core's");
    EXPECT_EQ(refusal(instruct("1", R"("eur")"), nested), "22023 currency \"eur\" is not the core's");
    EXPECT_EQ(refusal(instruct("1", "978"), nested),
              "22023 currency field \"$.instructedAmount.currency\" has JSON type number, not string");
    EXPECT_EQ(
        refusal(R"({"creditor":{"name":"x"},"debtorAccount":{"iban":"DE1"},"instructedAmount":{"amount":1}})", nested),
        "22023 payload has no currency field \"$.instructedAmount.currency\"");
}

TEST(Payload, FindsNoFieldInWhatIsNoObject) {
    EXPECT_EQ(refusal(R"({"debtorAccount":"DE1"})", nested),
              "22023 payload has no account field \"$.debtorAccount.iban\"");
    EXPECT_EQ(refusal(R"({"debtorAccount":["DE1"]})", nested),
              "22023 payload has no account field \"$.debtorAccount.iban\"");
    EXPECT_EQ(refusal(R"({"debtorAccount.iban":"DE1","debtorAccount":null})", nested),
              "22023 payload has no account field \"$.debtorAccount.iban\"");
}

TEST(Field, IsAPathOnlyIfItSaysSo) {
    EXPECT_EQ(Field("amount").pointer(), "/amount");
    EXPECT_EQ(Field("a.b/c~").pointer(), "/a.b~1c~0");
    EXPECT_EQ(Field("$amount").pointer(), "/$amount");
    EXPECT_EQ(Field("$.a.b").pointer(), "/a/b");
    EXPECT_EQ(Field(R"($.a."b.c".d)").pointer(), "/a/b.c/d");
    EXPECT_EQ(Field(R"($."$.x")").pointer(), "/$.x");
    for (const char* path : {"$.", "$..a", "$.a.", "$.a..b", "$.a[0]", "$.\"a", "$.\"\"", "$.\"a\"b", "$.*", "$.a ?"})
        EXPECT_THROW(Field{path}, standin::Error) << path;
}

TEST(Payload, ComparesByValue) {
    EXPECT_EQ(withNumbersByValue(R"({"a": [0.10, 1.00, 100, -2.50, 0.0], "b": "0.10 \" 1.00", "c": true})"),
              R"({"a": [0.1, 1, 100, -2.5, 0], "b": "0.10 \" 1.00", "c": true})");
    EXPECT_TRUE(samePayload(nested, instruct(R"("165.80")"), instruct("165.8")));
    EXPECT_TRUE(samePayload(nested, instruct(R"("165.80")"), instruct(R"("0165.800")")));
    EXPECT_FALSE(samePayload(nested, instruct(R"("165.80")"), instruct(R"("165.81")")));
    const auto plain = [](const char* account, const char* note) {
        return std::string(R"({"lines":[],"note":)") + note + R"(,"amount":1,"account":)" + account +
               R"(,"currency":"EUR"})";
    };
    EXPECT_TRUE(samePayload(format, plain("4711", "0.10"), plain(R"("4711")", "0.1")));
    EXPECT_FALSE(samePayload(format, plain("4711", R"("0.10")"), plain("4711", R"("0.1")"))); // a text, sent as it is
    EXPECT_FALSE(samePayload(format, plain("4711", "1"), plain("4712", "1")));
    EXPECT_FALSE(samePayload(nested, plain("4711", "1"), plain("4711", "1"))); // read in another way then
}
