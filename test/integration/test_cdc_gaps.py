"""What the connector itself lost: noticed from the transaction topic and the events that Kafka has, and mended by a snapshot."""

import json
import pathlib
import time

import pytest

from harness.await_ import await_
from harness.connect import ConnectWorker
from harness.mariadb import MariaDb
from streams import kafka  # noqa: F401

FIELD = pathlib.Path(__file__).parents[1] / "fixtures" / "connector-loss.jsonl"
TABLES = {"pgbench_accounts": "aid int primary key, bid int, abalance int, filler text",
          "pgbench_tellers": "tid int primary key, bid int, tbalance int, filler text",
          "pgbench_branches": "bid int primary key, bbalance int, filler text",
          "pgbench_history": "hid bigint primary key, tid int, bid int, aid int, delta int, mtime timestamp, filler text, idempotency_key text"}
CONSISTENCIES = {"whole": "consistency => 'transaction'", "soon": "workers => 2"}


class Replay:
    """What Kafka held after a core had died and its connector had restarted: transaction 1265 lacks the changes of two tables."""

    def __init__(self, bank, name, options, tables=TABLES):
        self.bank, self.name = bank, name
        self.records = [json.loads(line) for line in FIELD.read_text().splitlines()]
        for topic, partitions in {"transaction": 1, **{f"public.{table}": 3 for table in TABLES}}.items():
            bank.kafka.topic_create(f"{name}.{topic}", partitions)
        bank.query(f"create schema {name} authorization replica")
        bank.query(f"select standin.cdc_source_create('{name}', 'kafka', transaction_topic => '{name}.transaction', {options})")
        for table in tables:
            bank.query(f"create table {name}.{table} ({TABLES[table]}); alter table {name}.{table} owner to replica;"
                       f"select standin.cdc_table_add('{name}', '{name}.public.{table}', '{name}.{table}')")

    def produce(self, transactions, change=lambda payload: payload):
        for record in self.records:
            payload = record["payload"]
            if any(f'"id":"{number}:' in payload for number in transactions):
                self.bank.kafka.produce(self.name + record["topic"].removeprefix("core"), [(record["key"], change(payload))], record["partition"])

    def restart(self):
        time.sleep(0.5)  # the time that the connector needs, not a wait for something

    def examined(self):
        """All boundaries but those of transactions that are still to be looked at."""
        await_("the transaction topic to be searched", lambda: self.bank.value(
            "select next_offset from standin_private.cdc_gap_watch where source = %s", [self.name])
            == self.bank.kafka.end(f"{self.name}.transaction"), 90)

    def gaps(self, what="transaction_id, begin_position, first_position, missing_orders, state"):
        return self.bank.query(f"select {what} from standin.cdc_gaps where source = %s order by transaction_id", [self.name])

    def drop(self):
        self.bank.query("select standin.cdc_source_drop(%s)", [self.name])


@pytest.mark.parametrize("consistency", CONSISTENCIES)
def test_a_lost_head_is_one_gap(kafka, bank, consistency):
    replay = Replay(bank, f"lost_{consistency}", CONSISTENCIES[consistency])
    replay.produce([1263, 1264])
    replay.restart()
    replay.produce([1265])
    replay.examined()
    assert replay.gaps() == [("1265", 72971648, 72972424, [], "open")]
    assert replay.gaps("collections, missing_of_collections") == [(["public.pgbench_history", "public.pgbench_branches"], {})]
    assert bank.query("select distinct gaps_open from standin.stat_cdc where source = %s", [replay.name]) == [(1,)]
    assert bank.query(f"select aid from {replay.name}.pgbench_accounts order by 1") == [(22556,), (49698,)]
    assert f'source "{replay.name}": the connector lost events of transaction 1265: it begins at 0/4597580, its first event is at 0/4597888' \
        in bank.service.process.log.read_text()
    # Whoever reads the topic again finds the same, and notes it no second time.
    bank.query("update standin_private.cdc_gap_watch set next_offset = 0 where source = %s", [replay.name])
    bank.query("select pg_terminate_backend(pid) from standin.cdc_sources where source = %s", [replay.name])
    replay.examined()
    assert len(replay.gaps()) == 1
    bank.query("select standin.cdc_gap_dismiss(%s, '1265', 'account 79929 was put right by hand')", [replay.name])
    assert replay.gaps("state, reason") == [("dismissed", "account 79929 was put right by hand")]
    assert bank.query("select distinct gaps_open from standin.stat_cdc where source = %s", [replay.name]) == [(0,)]
    replay.drop()


@pytest.mark.parametrize("consistency", CONSISTENCIES)
def test_a_whole_stream_has_none(kafka, bank, consistency):
    """The same with 1265 as if it had begun with its first event; then all of it again."""
    replay = Replay(bank, f"sound_{consistency}", CONSISTENCIES[consistency])
    sound = lambda payload: payload.replace("1265:72971648", "1265:72972424")
    replay.produce([1263, 1264])
    replay.restart()
    replay.produce([1265], sound)
    replay.examined()
    replay.restart()
    replay.produce([1264, 1265], sound)
    replay.examined()
    assert replay.gaps() == []
    assert bank.value(f"select sum(duplicates) from standin.stat_cdc where source = '{replay.name}'") == 6
    replay.drop()


def test_a_transaction_lost_as_a_whole(kafka, bank):
    """Its BEGIN and END are there, and count nothing."""
    replay = Replay(bank, "emptied", CONSISTENCIES["soon"])
    replay.produce([1263, 1264])
    replay.restart()
    for position, word in (72971648, "BEGIN"), (72973496, "END"):
        kafka.produce("emptied.transaction", [("null", {"status": word, "id": f"1265:{position}", "event_count": word == "END" and 0 or None,
                                                      "data_collections": [] if word == "END" else None})])
    replay.examined()
    assert replay.gaps("transaction_id, first_position, collections, state") == [("1265", None, [], "open")]
    replay.drop()


def test_a_connector_that_leaves_tables_out(kafka, bank):
    """Its BEGINs are at what it does not send: they are no measure."""
    replay = Replay(bank, "leaving_out", CONSISTENCIES["soon"])
    replay.produce([1263, 1264], lambda payload: payload.replace('"BEGIN","id":"1263:72968680"', '"BEGIN","id":"1263:72968600"'))
    replay.restart()
    replay.produce([1265])
    replay.examined()
    assert replay.gaps() == []
    replay.drop()


def test_what_this_source_does_not_read_is_not_missing(kafka, bank):
    replay = Replay(bank, "partial", CONSISTENCIES["soon"], ["pgbench_accounts", "pgbench_tellers", "pgbench_history"])
    replay.produce([1263, 1264])
    replay.restart()
    replay.produce([1265])
    replay.examined()
    assert replay.gaps() == []
    replay.drop()


def test_a_gap_is_mended_by_a_snapshot(kafka, bank):
    kafka.topic_create("gap_signals")
    replay = Replay(bank, "mended", "signal_topic => 'gap_signals', on_gap => 'snapshot'")
    replay.produce([1263, 1264])
    replay.restart()
    replay.produce([1265])
    replay.examined()
    (state, signals), = replay.gaps("state, signals")
    assert state == "snapshot_requested" and len(signals) == 4
    await_("the signals", lambda: {json.loads(value)["data"]["data-collections"][0] for _, _, _, value in kafka.consume("gap_signals")}
           == {f"public.{table}" for table in TABLES}, 60)
    # What the snapshot brings, and the core for comparison.
    (account, teller) = ({"aid": 79929, "bid": 1, "abalance": 6972, "filler": ""}, {"tid": 5, "bid": 1, "tbalance": 7, "filler": ""})
    for table, key, row in ("pgbench_accounts", "aid", account), ("pgbench_tellers", "tid", teller):
        source = {"version": "3.6.1.Final", "connector": "postgresql", "name": "mended", "ts_ms": 1795889440000, "snapshot": "incremental",
                  "db": "bank", "schema": "public", "table": table}
        kafka.produce(f"mended.public.{table}", [({key: row[key]}, {"before": None, "after": row, "source": source, "op": "r"})], 0)
    await_("the rows", lambda: bank.value("select abalance from mended.pgbench_accounts where aid = 79929") == 6972, 60)
    bank.query("create schema core")
    for table in TABLES:
        bank.query(f"create table core.{table} as select * from mended.{table}")
    bank.query("update core.pgbench_accounts set abalance = 0 where aid = 79929")
    verify = lambda table: bank.query(f"call standin.cdc_verify('mended', 'mended.public.{table}', 'core.{table}', wait => '1 s')")
    for table in TABLES:
        verify(table)
    assert replay.gaps("state") == [("snapshot_requested",)]  # one of them differs
    bank.query("update core.pgbench_accounts set abalance = 6972 where aid = 79929")
    verify("pgbench_accounts")
    assert replay.gaps("state, closed_by") == [("mended", "postgres")]
    replay.drop()


def test_a_mariadb_connector_that_dies_amidst(kafka, bank):
    """It begins the transaction again, and numbers its events as before."""
    server = MariaDb(bank.directory).create()
    server.query("create table a (id int primary key auto_increment, v int); create table b (id int primary key auto_increment, v int)")
    connect = ConnectWorker(bank.directory, kafka, {"maria": server.debezium(kafka, "maria", **{
        "provide.transaction.metadata": True, "max.batch.size": 64, "max.queue.size": 256})}, plugins=("mariadb",), name="maria").create()
    bank.query("create schema maria authorization replica")
    bank.query("select standin.cdc_source_create('maria', 'kafka', transaction_topic => 'maria.transaction')")
    for table in "ab":
        bank.query(f"create table maria.{table} (id int primary key, v int); alter table maria.{table} owner to replica;"
                   f"select standin.cdc_table_add('maria', 'maria.bank.{table}', 'maria.{table}')")
    server.query("insert into a (v) values (0); start transaction;" + "insert into a (v) values (1); insert into b (v) values (2);" * 1500 + "commit")
    await_("the connector to be amidst", lambda: kafka.end("maria.bank.b") > 0, 60)
    connect.kill9()
    connect.start()
    await_("all of it", lambda: bank.query("select (select count(*) from maria.a), (select count(*) from maria.b)") == [(1501, 1500)], 120)
    boundaries = lambda: bank.kafka.end("maria.transaction")
    await_("the topic to be searched", lambda: bank.value("select next_offset from standin_private.cdc_gap_watch where source = 'maria'") == boundaries(), 60)
    assert bank.query("select * from standin.cdc_gaps where source = 'maria'") == []
    bank.query("select standin.cdc_source_drop('maria')")
    connect.stop()
    server.stop()


def test_refused(bank, kafka):
    for call, error in (("cdc_source_create('none', 'kafka', on_gap => 'snapshot')", "needs transaction_topic"),
                        ("cdc_source_create('none', 'kafka', on_gap => 'guess')", 'invalid value for option "on_gap": "guess"')):
        with pytest.raises(Exception, match=error):
            bank.query(f"select standin.{call}")
