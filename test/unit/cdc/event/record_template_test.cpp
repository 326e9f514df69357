#include <gtest/gtest.h>

#include "cdc/event/record_template.h"

using namespace standin::cdc;

namespace {

/// The tokens of a record by the shape of another, or "no".
std::string tokens(RecordTemplate& shape, std::string_view record) {
    std::vector<std::string_view> found(shape.places().size());
    if (!shape.match(record, found.data()))
        return "no";
    std::string text;
    for (const std::string_view token : found)
        text += std::string(token) + "|";
    return text;
}

const std::string model = R"({"before":null,"after":{"id":1,"t":"x"},"source":{"db":"d","lsn":5},"op":"c"})";

} // namespace

TEST(RecordTemplate, valuesOfTheRecordAndOfItsObjects) {
    auto shape =
        RecordTemplate::learn(R"({"a":{"b":[1,{"c":"]"}],"d":{"e":1}}, "f" : -1.5e3,"g":{},"h":null,"i":true})");
    ASSERT_TRUE(shape);
    std::string places;
    for (const auto& place : shape->places())
        places += place.object + "." + place.name + " ";
    EXPECT_EQ(places, "a.b a.d .f .i ");
    EXPECT_EQ(tokens(*shape, R"({"a":{"b":"x","d":null}, "f" : 7,"g":{},"h":null,"i":false})"), "\"x\"|null|7|false|");
}

TEST(RecordTemplate, whatCannotBeAModel) {
    for (const char* record : {"", "[]", "1", "{", R"({"a":})", R"({"a\u0062":1})", R"({"a":1}x)", "{\"a\":\n1}",
                               R"({"a":"x})", R"({"a":nul})", R"({"a" 1})", "{\"a\":\"\xff\"}"})
        EXPECT_FALSE(RecordTemplate::learn(record)) << record;
}

TEST(RecordTemplate, stringsWithEscapesEndWhereTheyEnd) {
    auto shape = RecordTemplate::learn(model);
    EXPECT_EQ(tokens(*shape, R"({"before":null,"after":{"id":2,"t":"a\"b\\"},"source":{"db":"d","lsn":6},"op":"u"})"),
              R"(2|"a\"b\\"|"d"|6|"u"|)");
}

TEST(RecordTemplate, anotherShapeDoesNotMatch) {
    auto shape = RecordTemplate::learn(model);
    for (const char* record :
         {R"({"before":{},"after":{"id":1,"t":"x"},"source":{"db":"d","lsn":5},"op":"c"})", // before is there
          R"({"before":null,"after":null,"source":{"db":"d","lsn":5},"op":"c"})",
          R"({"before":null,"after":{"t":"x","id":1},"source":{"db":"d","lsn":5},"op":"c"})", // another order
          R"({"before":null,"after":{"id":1,"t":"x","n":1},"source":{"db":"d","lsn":5},"op":"c"})",
          R"({"before":null,"after":{"id":1,"t":"x"},"source":{"db":"d","lsn":5},"op":"c"} )",
          R"({"before":null,"after":{"id":1,"t":"x"},"source":{"db":"d","lsn":5},"op":"c")",
          R"({"before":null,"after":{"id":,"t":"x"},"source":{"db":"d","lsn":5},"op":"c"})",
          R"({"before":null,"after":{"id":1)",
          "{\"before\":null,\"after\":{\"id\":1,\"t\":\"\t\"},\"source\":{\"db\":\"d\",\"lsn\":5},\"op\":\"c\"}",
          "{\"before\":null,\"after\":{\"id\":1,\"t\":\"\xc3\"},\"source\":{\"db\":\"d\",\"lsn\":5},\"op\":\"c\"}", ""})
        EXPECT_EQ(tokens(*shape, record), "no") << record;
}

TEST(RecordTemplate, aValueThatWasConstantForLongMayChange) {
    auto shape = RecordTemplate::learn(model);
    const auto record = [](int id, const std::string& db, const std::string& op) {
        return R"({"before":null,"after":{"id":)" + std::to_string(id) + R"(,"t":"x"},"source":{"db":")" + db +
               R"(","lsn":5},"op":")" + op + R"("})";
    };
    for (int id = 0; id < 200; ++id)
        ASSERT_EQ(tokens(*shape, record(id, "d", "c")), std::to_string(id) + R"(|"x"|"d"|5|"c"|)");
    EXPECT_EQ(tokens(*shape, record(1, "other", "c")), R"(1|"x"|"other"|5|"c"|)");
    EXPECT_EQ(tokens(*shape, record(2, "d", "longer than before")), R"(2|"x"|"d"|5|"longer than before"|)");
    for (int id = 0; id < 200; ++id)
        ASSERT_EQ(tokens(*shape, record(id, "e", "u")), std::to_string(id) + R"(|"x"|"e"|5|"u"|)");
}
