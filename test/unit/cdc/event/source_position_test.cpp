#include <gtest/gtest.h>

#include "cdc/event/duplicates.h"
#include "cdc/event/event.h"
#include "cdc/value/json.h"

namespace standin::cdc {
namespace {

class PositionTest : public testing::Test {
protected:
    SourceBlock::Place place(const std::string& source, bool isMessage = false) {
        SourceBlock block;
        simdjson::ondemand::document document;
        simdjson::ondemand::object object;
        check(parser.iterate(padded(source, arena)).get(document));
        check(document.get_object().get(object));
        for (auto next : object) {
            simdjson::ondemand::field field;
            check(std::move(next).get(field));
            block.take(rawKey(field), rawToken(field.value()));
        }
        return block.place(isMessage, arena);
    }
    std::string postgres(const std::string& sequence, const std::string& more = {}) {
        return R"({"connector":"postgresql","name":"core","db":"bank","sequence":")" + sequence +
               R"(","txId":7,"lsn":5)" + more + "}";
    }
    std::string binlog(const std::string& file, int pos, int row) {
        return R"({"connector":"mysql","name":"m","db":"d","server_id":9,"gtid":null,"file":")" + file + R"(","pos":)" +
               std::to_string(pos) + R"(,"row":)" + std::to_string(row) + "}";
    }
    std::string lsns(const std::string& commit, const std::string& change, int serial) {
        return R"({"connector":"sqlserver","name":"s","db":"d","commit_lsn":")" + commit + R"(","change_lsn":)" +
               change + R"(,"event_serial_no":)" + std::to_string(serial) + "}";
    }
    std::string oracle(const std::string& commit, int sequence, const std::string& record,
                       const std::string& transaction = "0a", const std::string& thread = "1") {
        return R"({"connector":"oracle","name":"o","db":"d","scn":"12","commit_scn":")" + commit + R"(","txId":")" +
               transaction + R"(","rs_id":")" + record + R"(","ssn":0,"redo_thread":)" + thread +
               R"(,"row_id":"AAA","txSeq":)" + std::to_string(sequence) + "}";
    }
    bool ascending(const std::vector<std::string>& sources) {
        for (size_t i = 1; i < sources.size(); ++i)
            if (place(sources[i - 1]).position >= place(sources[i]).position || place(sources[i]).position.empty())
                return false;
        return true;
    }

    Arena arena;
    simdjson::ondemand::parser parser;
};

TEST_F(PositionTest, PostgresOrdersByCommitFirst) {
    const std::string q = "\\\"";
    const auto sequence = [&](const std::string& commit, const std::string& lsn) {
        return postgres("[" + q + commit + q + "," + q + lsn + q + "]");
    };
    EXPECT_TRUE(
        ascending({sequence("9", "50"), sequence("10", "20"), sequence("10", "100"), sequence("4294967296", "1")}));
    EXPECT_EQ(place(sequence("9", "50")).origin, "core/bank");
    EXPECT_EQ(place(postgres("[null," + q + "50" + q + "]")).position, "");
    EXPECT_EQ(place(R"({"connector":"postgresql","name":"core","lsn":7})").position, "");
}

TEST_F(PositionTest, SnapshotsAndMessagesOutsideTransactionsHaveNoPlace) {
    const std::string sequence = R"([\"9\",\"50\"])";
    for (const std::string snapshot : {"true", "\"true\"", "\"first\"", "\"last\"", "\"incremental\""})
        EXPECT_EQ(place(postgres(sequence, ",\"snapshot\":" + snapshot)).position, "") << snapshot;
    for (const std::string snapshot : {"false", "\"false\"", "null"})
        EXPECT_NE(place(postgres(sequence, ",\"snapshot\":" + snapshot)).position, "") << snapshot;
    EXPECT_NE(place(postgres(sequence), true).position, "");
    EXPECT_EQ(place(postgres(sequence, ",\"txId\":null"), true).position, "");
}

TEST_F(PositionTest, BinlogFilesCountByNumber) {
    EXPECT_TRUE(ascending({binlog("bin.999999", 5, 0), binlog("bin.1000000", 4, 0), binlog("bin.1000000", 4, 1),
                           binlog("bin.1000000", 256, 0)}));
    EXPECT_EQ(place(binlog("bin.000001", 4, 0)).origin, "m/9/bin");
    EXPECT_EQ(place(binlog("bin", 4, 0)).position, "");
    EXPECT_EQ(place(binlog("bin.x1", 4, 0)).position, "");
}

TEST_F(PositionTest, LsnsOfSqlServerAndDb2) {
    EXPECT_TRUE(ascending({lsns("00000027:00000ac0:0007", "\"00000027:00000ac0:0001\"", 1),
                           lsns("00000027:00000ac0:0007", "\"00000027:00000ac0:0001\"", 2),
                           lsns("00000027:00000ac0:0007", "\"00000027:00000ac0:0005\"", 1),
                           lsns("00000027:00000ac1:0001", "\"00000027:00000a00:0001\"", 1),
                           lsns("00000100:00000000:0001", "\"00000027:00000a00:0001\"", 1)}));
    EXPECT_EQ(place(lsns("00000027:00000ac0:0007", "null", 1)).position, "");
}

/// The SCN of the commit orders, then come the number in the transaction and what tells it from all others.
TEST_F(PositionTest, OracleOrdersByCommitWithinARedoThread) {
    const auto first = place(oracle("259", 2, "0x21.1.0010"));
    EXPECT_EQ(first.origin, "o/d/1");
    ASSERT_EQ(first.position.size(), 24u);
    EXPECT_EQ(first.position.substr(0, 16), std::string_view("\0\0\0\0\0\0\1\3\0\0\0\0\0\0\0\2", 16));
    EXPECT_EQ(first.tail, 16);
    EXPECT_TRUE(first.unique);
    EXPECT_EQ(place(oracle("259", 2, "0x21.1.0010")).position, first.position);
    EXPECT_NE(place(oracle("259", 2, "0x21.1.0020")).position, first.position);
    EXPECT_NE(place(oracle("259", 2, "0x21.1.0010", "0b")).position, first.position);
    EXPECT_TRUE(ascending({oracle("99", 5, "0x1"), oracle("100", 1, "0x1"), oracle("4294967296", 1, "0x1")}));
    EXPECT_EQ(place(oracle("259", 2, "0x1", "0a", "2")).origin, "o/d/2");
}

TEST_F(PositionTest, OracleHasNoneWithoutAllOfIt) {
    EXPECT_EQ(place(oracle("null", 1, "0x1")).position, "");
    EXPECT_EQ(place(oracle("259", 1, "")).position, "");
    EXPECT_EQ(place(oracle("259", 1, "0x1", "")).position, "");
    EXPECT_EQ(place(oracle("259", 1, "0x1", "0a", "null")).position, "");
    // up to 3.2, where commit_scn may be that of the commit before
    EXPECT_EQ(place(R"({"connector":"oracle","name":"o","db":"d","scn":"12","commit_scn":"13","txId":"01",)"
                    R"("rs_id":"0x1","ssn":0,"redo_thread":1})")
                  .position,
              "");
}

TEST_F(PositionTest, OracleByXStream) {
    const auto lcr = [](const std::string& position) {
        return R"({"connector":"oracle","name":"o","db":"d","scn":"12","commit_scn":"13","txId":"1.2.3","rs_id":null,)"
               R"("ssn":0,"redo_thread":null,"txSeq":null,"lcr_position":)" +
               position + "}";
    };
    const auto first = place(lcr(R"("00000027ff")"));
    EXPECT_EQ(first.position, std::string_view("\5\0\0\0\x27\xff", 6));
    EXPECT_EQ(first.origin, "o/d");
    EXPECT_EQ(first.tail, 0);
    EXPECT_TRUE(first.unique);
    EXPECT_TRUE(
        ascending({lcr(R"("00000027ff")"), lcr(R"("0000002800")"), lcr(R"("80000028ff")"), lcr(R"("000000000001")")}));
    for (const std::string none : {"null", R"("")", R"("0x")", R"("123")"})
        EXPECT_EQ(place(lcr(none)).position, "") << none;
}

class MarksTest : public testing::Test {
protected:
    using Verdict = PositionMarks::Verdict;

    Verdict judge(std::string_view position, int64_t micros, uint64_t identity = 1, bool hasKey = true,
                  std::string_view origin = "o", uint8_t segment = 0) {
        Event event;
        event.origin = origin;
        event.position = position;
        event.sourceMicros = micros;
        event.identity = identity;
        event.hasKey = hasKey;
        event.segment = segment;
        return marks.judge(event);
    }
    PositionMarks marks;
    Arena arena;
};

TEST_F(MarksTest, WhatComesAgainIsSeen) {
    EXPECT_EQ(judge("b", 10), Verdict::New);
    EXPECT_EQ(judge("c", 20), Verdict::New);
    EXPECT_EQ(judge("b", 10), Verdict::Seen);
    EXPECT_EQ(judge("c", 20), Verdict::Seen);
    EXPECT_EQ(judge("d", 5), Verdict::New); // clocks may differ, the log does not
    EXPECT_EQ(judge("a", 20), Verdict::Seen);
}

TEST_F(MarksTest, ARestoredSourceIsNoRepetition) {
    judge("m", 100);
    EXPECT_EQ(judge("c", 101), Verdict::Restored);
    EXPECT_EQ(judge("d", 102), Verdict::New);
    EXPECT_EQ(judge("c", 101), Verdict::Seen);
}

TEST_F(MarksTest, EventsOfOnePositionAreToldApart) {
    judge("m", 100, 1);
    EXPECT_EQ(judge("m", 100, 2), Verdict::New);
    EXPECT_EQ(judge("m", 100, 1), Verdict::Seen);
    EXPECT_EQ(judge("m", 100, 2), Verdict::Seen);
    EXPECT_EQ(judge("m", 100, 3), Verdict::New);
}

TEST_F(MarksTest, EqualRowsWithoutAKeyAreTwoUntilTheStreamIsRepeated) {
    judge("l", 99, 7, false);
    EXPECT_EQ(judge("m", 100, 7, false), Verdict::New);
    EXPECT_EQ(judge("m", 100, 7, false), Verdict::New);
    EXPECT_EQ(judge("l", 99, 7, false), Verdict::Seen);
    EXPECT_EQ(judge("m", 100, 7, false), Verdict::Seen);
}

/// Oracle's transactions: their events have the position of the commit in common, which others may have, too.
TEST_F(MarksTest, OfACommitEachEventIsKnownByItself) {
    const auto judgeOne = [&](const std::string& commit, const std::string& place, uint64_t identity,
                              int64_t micros = 100) {
        Event event;
        event.origin = "o";
        event.position = arena.copy(commit + place);
        event.tail = static_cast<uint8_t>(place.size());
        event.unique = true;
        event.identity = identity;
        event.sourceMicros = micros;
        return marks.judge(event);
    };
    const auto stream = [&](Verdict verdict) {
        EXPECT_EQ(judgeOne("b", "z", 1), verdict);
        EXPECT_EQ(judgeOne("m", "2", 2), verdict);
        EXPECT_EQ(judgeOne("m", "1", 3), verdict); // the tail orders nothing
        for (uint64_t i = 0; i < 5000; ++i)
            EXPECT_EQ(judgeOne("m", "3", 10 + i), verdict);
    };
    stream(Verdict::New);
    EXPECT_EQ(marks.marks()[0].position, "m");
    stream(Verdict::Seen);
    PositionMarks loaded;
    loaded.load(marks.marks()[0]);
    std::swap(marks, loaded);
    stream(Verdict::Seen);
    EXPECT_EQ(judgeOne("m", "4", 4, 101), Verdict::New); // another transaction, a moment later
    EXPECT_EQ(judgeOne("m", "1", 3), Verdict::Seen);
    EXPECT_EQ(judgeOne("n", "0", 5), Verdict::New);
    EXPECT_EQ(judgeOne("m", "9", 6), Verdict::Seen);
}

/// It empties the table again when it comes again.
TEST_F(MarksTest, WhatFollowsATruncateWithoutAPositionIsNeededAgain) {
    judge("b", 10);
    Event truncate;
    truncate.kind = EventKind::Truncate;
    EXPECT_EQ(marks.judge(truncate), Verdict::New);
    EXPECT_EQ(judge("b", 10), Verdict::New);
}

TEST_F(MarksTest, OriginsDoNotCompare) {
    judge("m", 100, 1, true, "one");
    EXPECT_EQ(judge("a", 50, 1, true, "two"), Verdict::New);
    EXPECT_EQ(judge("a", 50, 1, true, "one"), Verdict::Seen);
}

TEST_F(MarksTest, TheSameSecondInAnotherFileIsDoubtful) {
    judge("5m", 100, 1, true, "o", 1);
    EXPECT_EQ(judge("4z", 100, 1, true, "o", 1), Verdict::New);
    EXPECT_EQ(judge("4z", 99, 1, true, "o", 1), Verdict::Seen);
    EXPECT_EQ(judge("5a", 100, 1, true, "o", 1), Verdict::Seen);
}

TEST_F(MarksTest, ABatchThatFailedWasNeverSeen) {
    judge("a", 10);
    marks.keep();
    judge("b", 20);
    marks.restart();
    EXPECT_EQ(judge("b", 20), Verdict::New);
    marks.keep();
    marks.restart();
    EXPECT_EQ(judge("b", 20), Verdict::Seen);
    EXPECT_FALSE(marks.marks()[0].changed);
}

/// As a flattened topic's tombstone, or a change before the first commit that a connector sees: it is applied again,
/// and would undo what follows it if that were skipped.
TEST_F(MarksTest, WhatFollowsAChangeWithoutAPositionIsNeededAgain) {
    const auto stream = [&] {
        return std::vector{judge("b", 10), judge("c", 20), judge("", 0), judge("d", 30), judge("e", 40)};
    };
    const auto fresh = Verdict::New, seen = Verdict::Seen;
    EXPECT_EQ(stream(), (std::vector{fresh, fresh, fresh, fresh, fresh}));
    EXPECT_EQ(stream(), (std::vector{seen, seen, fresh, fresh, fresh}));
    marks.keep();
    EXPECT_EQ(judge("e", 40), seen);

    // across a restart of the worker in between, too
    EXPECT_EQ(judge("", 0), fresh);
    ASSERT_TRUE(marks.marks()[0].changed);
    PositionMarks loaded;
    loaded.load(marks.marks()[0]);
    std::swap(marks, loaded);
    EXPECT_EQ(judge("d", 30), fresh);
}

TEST_F(MarksTest, SnapshotRowsLeaveTheMarkAlone) {
    judge("m", 100);
    Event event;
    event.operation = Operation::Read;
    EXPECT_EQ(marks.judge(event), Verdict::New);
    EXPECT_EQ(judge("a", 50), Verdict::Seen);
}

TEST_F(MarksTest, NoPositionIsNeverSeen) {
    judge("m", 100);
    EXPECT_EQ(judge("", 1), Verdict::New);
}

} // namespace
} // namespace standin::cdc
