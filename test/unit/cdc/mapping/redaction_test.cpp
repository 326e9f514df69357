#include "cdc/mapping/redaction.h"

#include <gtest/gtest.h>

#include "cdc/failure/failure.h"

namespace standin::cdc {
namespace {

const Redaction ofPan({"pan"});

std::string redacted(std::string_view json) { return ofPan.redact(json).value_or("(nothing)"); }

TEST(Redaction, HidesBothImagesAndKeepsTheRestToTheLetter) {
    EXPECT_EQ(redacted(R"({"before": {"id": 1, "pan": "4111"}, "after": {"id": 1, "pan": "4222", "n": 1.50e400,
                          "big": 123456789012345678901234567890}, "op": "u"})"),
              R"({"before":{"id":1,"pan":"***"},"after":{"id":1,"pan":"***","n":1.50e400,)"
              R"("big":123456789012345678901234567890},"op":"u"})");
}

TEST(Redaction, HidesKeysAndFlattenedRowsWithSchemaAndWithout) {
    EXPECT_EQ(redacted(R"({"pan":"4111"})"), R"({"pan":"***"})");
    EXPECT_EQ(
        redacted(R"({"schema":{"type":"struct","fields":[{"field":"pan","type":"string"}]},"payload":{"pan":4111}})"),
        R"({"schema":{"type":"struct","fields":[{"field":"pan","type":"string"}]},"payload":{"pan":"***"}})");
}

TEST(Redaction, IsNotFooledBySpelling) {
    EXPECT_EQ(redacted(R"({"p\u0061n":"4111"})"), R"({"p\u0061n":"***"})");
    EXPECT_EQ(redacted(R"({"PAN":"4111","Pan":"4111"})"), R"({"PAN":"***","Pan":"***"})");
    EXPECT_EQ(redacted(R"({"pan":null,"pan":"4111","x":1,"pan":"4112"})"),
              R"({"pan":"***","pan":"***","x":1,"pan":"***"})");
    EXPECT_EQ(redacted(R"({"pan" : "4\"1}1\\1" , "x":"pan"})"), R"({"pan":"***","x":"pan"})");
    EXPECT_EQ(redacted(R"({"after.pan":"4111","__before_pan":"4111","span":"kept"})"),
              R"({"after.pan":"***","__before_pan":"***","span":"kept"})");
}

TEST(Redaction, HidesWholeStructuresAndLooksIntoOthers) {
    EXPECT_EQ(
        redacted(
            R"({"pan":["4111",{"x":"4112"}],"card":{"pan":{"digits":"4111"}},"cards":[{"pan":"4111"},[[{"pan":1}]]]})"),
        R"({"pan":"***","card":{"pan":"***"},"cards":[{"pan":"***"},[[{"pan":"***"}]]]})");
}

TEST(Redaction, LooksIntoJsonWithinStrings) {
    EXPECT_EQ(redacted(R"({"doc":"{\"pan\": \"4111\", \"note\": \"a\\nb\"}"})"),
              R"({"doc":"{\"pan\":\"***\",\"note\":\"a\\nb\"}"})");
    EXPECT_EQ(redacted(R"({"doc":"[\"{\\\"pan\\\": 4111}\"]"})"), R"({"doc":"[\"{\\\"pan\\\":\\\"***\\\"}\"]"})");
    EXPECT_EQ(redacted(R"({"doc":"{\"pan\": \"4111"})"), R"({"doc":"***"})"); // cut off
    EXPECT_EQ(redacted(R"({"doc":"{no json"})"), R"({"doc":"{no json"})");
}

TEST(Redaction, HidesStatementsThatMayQuoteValues) {
    EXPECT_EQ(
        redacted(
            R"({"source":{"lsn":1,"query":"UPDATE c SET pan='4111'"},"ddl":"ALTER TABLE c ADD pan text DEFAULT '4111'"})"),
        R"({"source":{"lsn":1,"query":"***"},"ddl":"***"})");
}

TEST(Redaction, KeepsNothingOfWhatItCannotRead) {
    for (const char* text :
         {"", "4111", "\"4111\"", "[\"4111\"]", "Struct{pan=4111}", "{\"pan\":\"4111\"", "{pan:4111}",
          "{\"pan\":\"4111\"} 4111", "{\"pan\":\"4111\"}{\"pan\":1}", "{\"x\" \"4111\"}", "{\"x\":1 \"pan\":\"4111\"}",
          "{\"x\":\"\xff\"}", R"({"schema":{"type":"string"},"payload":"4111"})", R"({"payload":4111,"schema":null})",
          R"({"schema":null,"payload":["4111"]})", "\0\0\0\0\1 4111"})
        EXPECT_FALSE(ofPan.redact(text)) << text;
    EXPECT_FALSE(ofPan.redact(std::string_view("\0\0\0\0\2\x08"
                                               "4111",
                                               10)));
    EXPECT_FALSE(ofPan.redact(std::string(5000, '{')));
    EXPECT_FALSE(ofPan.redact("{\"a\":" + std::string(5000, '[') + std::string(5000, ']') + "}"));
}

TEST(Redaction, RowImageIsTheRowOfAnyForm) {
    const auto image = [](std::string_view record, std::string_view name) {
        return ofPan.rowImage(record, name).value_or("(nothing)");
    };
    const char* envelope = R"({"before":{"id":1,"pan":1},"after":{"id":2,"pan":2,"doc":"x"},"op":"u"})";
    EXPECT_EQ(image(envelope, "after"), R"({"id":2,"pan":"***","doc":"x"})");
    EXPECT_EQ(image(envelope, "before"), R"({"id":1,"pan":"***"})");
    EXPECT_EQ(image(R"({"schema":{},"payload":{"before":null,"after":{"id":2,"after_pan":3},"op":"c"}})", "after"),
              R"({"id":2,"after_pan":3})");
    EXPECT_EQ(image(R"({"id":7,"after":"noon"})", "after"), R"({"id":7,"after":"noon"})");
    EXPECT_EQ(image("x", "after"), "(nothing)");
}

TEST(Redaction, NamesAreComparedWithoutCase) {
    EXPECT_TRUE(Redaction({"PaN"}).isConfidential("pAn"));
    EXPECT_FALSE(Redaction({"PaN"}).isConfidential("pans"));
    EXPECT_FALSE(Redaction({}).needed());
}

TEST(DiscreetMessage, NamesTheConditionOrItsClass) {
    EXPECT_EQ(discreetMessage("22P02"), "invalid text representation");
    EXPECT_EQ(discreetMessage("22XXX"), "data exception");
    EXPECT_EQ(discreetMessage("23505"), "unique violation");
    EXPECT_EQ(discreetMessage("P0001"), "raise exception");
    EXPECT_EQ(discreetMessage("99999"), "error");
}

} // namespace
} // namespace standin::cdc
