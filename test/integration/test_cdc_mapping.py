"""Change capture with mapped columns: each kind, filters, histories, keys that are computed, and values that must appear nowhere."""

import datetime
import hashlib
import hmac
import json

import pytest

from harness.await_ import await_
from streams import MILLIS, Stream, event, kafka  # noqa: F401
from test_cdc_events import send

KEY = "a secret that only standin_owner has"
PLACEHOLDER = "__debezium_unavailable_value"


def hashed(text):
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


@pytest.fixture(scope="module")
def mapped(kafka, bank):
    """Makes a stream whose columns are mapped before the first record comes."""
    bank.query(f"create user mapping for standin_owner server kafka options (\"cdc.hash.key\" '{KEY}')")

    def make(name, columns, mappings=(), drops=(), more="", history=False, row_filter=None, table=None, replica_key=True):
        stream = Stream.__new__(Stream)
        stream.bank, stream.name, stream.topic = bank, name, f"{name}.topic"
        kafka.topic_create(stream.topic)
        table = table or name
        if columns:
            bank.query(f"create table {table} ({columns}); alter table {table} owner to replica")
        bank.query("select standin.cdc_source_create(%s, 'kafka')", [name])
        bank.query("select standin.cdc_pause(%s)", [name])
        bank.query("select standin.cdc_table_add(%s, %s, %s, kind => %s, row_filter => %s)",
                   [name, stream.topic, table, "history" if history else "current", row_filter])
        for column, options in mappings:
            words = "".join(f", {key} => %s" for key in options)
            bank.query(f"select standin.cdc_column_map(%s, %s, %s{words})", [name, stream.topic, column, *options.values()])
        for field in drops:
            bank.query("select standin.cdc_field_drop(%s, %s, %s)", [name, stream.topic, field])
        bank.query("select standin.cdc_resume(%s)", [name])
        return stream
    return make


def dead(bank, stream):
    return bank.query("select record_offset, sqlstate, column_name, error from standin.cdc_dead_letters where source = %s order by 1",
                      [stream.name])


def test_each_kind(mapped, bank):
    stream = mapped("kinds", "id int primary key, renamed text, pan text, pan_key bytea, pan_text text, amount numeric(10,2),"
                             " cents int, day date, doc jsonb, silo text, topic_is text, at_offset bigint, part int, kafka_at timestamptz,"
                             " operation text, source_at timestamptz, flag bool, u uuid, sized varchar(5), zero numeric",
                    [("renamed", {"field": "naam"}), ("pan", {"mask": "first6last4"}), ("pan_key", {"field": "pan", "hash": True}),
                     ("pan_text", {"field": "pan", "hash": True}), ("cents", {"expression": "amount * 100"}),
                     ("day", {"expression": "to_timestamp((event->>'seconds')::bigint) at time zone 'UTC'"}),
                     ("doc", {"expression": "event - 'amount'"}), ("silo", {"constant": "cards"}), ("topic_is", {"metadata": "topic"}),
                     ("at_offset", {"metadata": "offset"}), ("part", {"metadata": "partition"}), ("kafka_at", {"metadata": "timestamp"}),
                     ("operation", {"metadata": "op"}), ("source_at", {"metadata": "source_ts"}), ("flag", {"expression": "amount > 5"}),
                     ("u", {"expression": "md5(renamed)::uuid"}),
                     ("sized", {"expression": "left(renamed, 7)"}), ("zero", {"field": "secret_amount", "mask": "text:0"})],
                    drops=["cvv"])
    row = {"id": 1, "naam": "Ada", "pan": "4111111111111234", "cvv": "737", "amount": 12.34, "seconds": 86400, "secret_amount": 17}
    stream.produce([event("c", row), event("u", {**row, "id": 2, "naam": "abcdef"}), event("r", {**row, "id": 3, "pan": None, "naam": None})])
    stream.applied(3)
    assert [letter[:3] for letter in dead(bank, stream)] == [(1, "22001", "sized")], dead(bank, stream)
    first, third = stream.rows()
    assert first[:6] == (1, "Ada", "411111******1234", first[3], hashed(row["pan"]), first[5])
    assert bytes(first[3]).hex() == hashed(row["pan"])
    assert first[6:8] == (1234, datetime.date(1970, 1, 2))
    assert first[8] == {"id": 1, "naam": "Ada", "pan": "***", "cvv": "***", "seconds": 86400, "secret_amount": "***"}
    assert first[9:13] == ("cards", "kinds.topic", 0, 0)
    assert abs((first[13] - datetime.datetime.now(datetime.timezone.utc)).total_seconds()) < 3600
    assert first[14:17] == ("c", datetime.datetime.fromtimestamp(MILLIS / 1000, datetime.timezone.utc), True)
    assert first[17].replace("-", "") == hashlib.md5(b"Ada").hexdigest()
    assert first[18] == "Ada" and str(first[19]) == "0"
    # Null stays null; what did not fit was an error, not cut off.
    assert third[:5] == (3, None, None, None, None) and third[14] == "r" and third[17] is None
    stream.drop()


def test_expressions_that_fail_name_their_column(mapped, bank):
    stream = mapped("failing", "id int primary key, v int, w int", [("w", {"expression": "100 / v"})])
    stream.produce([event("c", {"id": 1, "v": 5}), event("c", {"id": 2, "v": 0}), event("c", {"id": 3, "v": None}), event("u", {"id": 1, "v": 10})])
    stream.applied(4)
    assert stream.rows() == [(1, 10, 10), (3, None, None)]
    assert dead(bank, stream) == [(1, "22012", "w", 'column "w": division by zero')]
    stream.drop()


def test_expressions_run_as_the_role_that_applies(mapped, bank):
    bank.query("create table hidden_from_replica (x int);"
               "create function public.spy() returns text language plpgsql as $$declare said text := current_user; begin"
               " begin perform * from public.hidden_from_replica; said := said || ' read'; exception when others then said := said || ' ' || sqlstate; end;"
               " begin set role postgres; said := said || ' role'; exception when others then said := said || ' ' || sqlstate; end;"
               " begin insert into public.spied values (1, 'x'); said := said || ' wrote'; exception when others then said := said || ' ' || sqlstate; end;"
               " return said; end$$")
    stream = mapped("spied", "id int primary key, w text", [("w", {"expression": "public.spy()"})])
    stream.produce([event("c", {"id": 1})])
    stream.applied(1)
    assert stream.rows() == [(1, "replica 42501 42501 25006")]
    # What an expression needs and lacks is the world's fault: it waits.
    bank.query("alter function public.spy() rename to spy_away")
    stream.produce([event("c", {"id": 2})])
    await_("the refusal", lambda: stream.state() == "troubled" and "spy" in stream.stat("last_error"), 60)
    bank.query("alter function public.spy_away() rename to spy")
    stream.applied(2)
    assert [row[0] for row in stream.rows()] == [1, 2] and dead(bank, stream) == []
    stream.drop()


def test_row_filter(mapped, bank):
    stream = mapped("filtered", "id int primary key, status text, v int", row_filter="status <> 'closed' and event->>'branch' = 'A'")
    row = {"status": "open", "branch": "A", "v": 1}
    stream.produce([event("c", {"id": 1, **row}), event("c", {"id": 2, **row, "status": "closed"}), event("c", {"id": 3, **row, "branch": "B"}),
                    event("c", {"id": 4, **row}), event("c", {"id": 5, **row, "status": None})])
    stream.applied(5)
    assert [r[0] for r in stream.rows()] == [1, 4]
    assert stream.stat("filtered") == 3 and stream.stat("inserts") == 2
    # Out of the filter, into it, out and in again within a batch; deletes need no look.
    stream.produce([event("u", {"id": 1, **row, "status": "closed"}), event("u", {"id": 2, **row, "v": 2}),
                    event("u", {"id": 4, **row, "status": "closed"}), event("u", {"id": 4, **row, "v": 4}), event("d", {"id": 3})])
    stream.applied(10)
    assert stream.rows() == [(2, "open", 2), (4, "open", 4)]
    assert stream.stat("filtered") == 5 and dead(bank, stream) == []
    # Changed while it runs.
    bank.query("select standin.cdc_table_alter('filtered', 'filtered.topic', row_filter => 'v > 10')")
    stream.produce([event("u", {"id": 2, **row, "v": 11}), event("u", {"id": 4, **row, "v": 10})])
    stream.applied(12)
    assert stream.rows() == [(2, "open", 11)]
    stream.drop()


def test_row_filter_without_a_key(mapped, bank):
    """Rows are found by all their values; equal ones are as many as in the source."""
    stream = mapped("wholerows", "id int, v int", row_filter="v < 10")

    def change(op, before=None, after=None):
        return None, {"before": before, "after": after, "op": op, "ts_ms": 1,
                      "source": {"version": "3.6.1.Final", "connector": "postgresql", "ts_ms": 1, "snapshot": "false", "lsn": 1}}
    row = lambda id, v: {"id": id, "v": v}
    for event_ in (change("c", None, row(1, 1)), change("c", None, row(1, 1)), change("c", None, row(2, 20)), change("c", None, row(3, 3)),
                   change("u", row(1, 1), row(1, 11)),  # one of the equal rows leaves
                   change("u", row(2, 20), row(2, 2)),  # one that was never here comes
                   change("u", row(3, 3), row(3, 4)), change("u", row(3, 4), row(3, 40)), change("u", row(3, 40), row(3, 5)),
                   change("c", None, row(4, 44)), change("d", row(4, 44), None), change("d", row(1, 11), None)):
        send(stream, *event_)
    stream.applied(12)
    assert stream.rows() == [(1, 1), (2, 2), (3, 5)] and dead(bank, stream) == []
    stream.drop()


def test_withheld_values(mapped, bank):
    """A placeholder is never computed with: unchanged inputs leave the result as it is, half-known ones are an error."""
    stream = mapped("withheld", "id int primary key, long text, n int, size int, pair text, masked text, whole text",
                    [("size", {"expression": "length(long)"}), ("pair", {"expression": "long || n"}),
                     ("masked", {"field": "long2", "mask": "last4"})])
    full = {"id": 1, "long": "x" * 100, "n": 1, "long2": "123456789"}
    stream.produce([event("c", full), event("c", {**full, "id": 2})])
    stream.applied(2)
    stream.produce([event("u", {"id": 1, "long": PLACEHOLDER, "n": 2, "long2": PLACEHOLDER})])
    stream.applied(3)
    assert [letter[:3] for letter in dead(bank, stream)] == [(2, "22004", "pair")]
    bank.query("select standin.cdc_column_unmap('withheld', 'withheld.topic', 'pair')")
    bank.query("update withheld set pair = null")
    stream.produce([event("u", {"id": 2, "long": PLACEHOLDER, "n": 3, "long2": PLACEHOLDER})])
    stream.applied(4)
    assert stream.rows()[1] == (2, "x" * 100, 3, 100, None, "*****6789", None)
    stream.drop()


def test_keys_hashed_and_computed(mapped, bank):
    stream = mapped("keys", "customer text, silo text, number int, v int, primary key (customer, silo, number)",
                    [("customer", {"field": "id", "hash": True}), ("silo", {"constant": "cards"}), ("number", {"expression": "(event->>'no')::int + 1000"})])
    for key_of in (lambda row: {"id": row["id"], "no": row["no"]},):
        rows = [{"id": i, "no": i * 2, "v": i} for i in range(20)]
        stream.produce([(key_of(row), event("c", {**row})[1]) for row in rows])
        stream.produce([(key_of(row), event("u", {**row, "v": -row["v"]})[1]) for row in rows[:10]])
        stream.produce([(key_of(row), {**event("d", {**row, "v": 0})[1], "before": {**key_of(row), "v": None}}) for row in rows[5:15]])
    stream.applied(40)
    expected = {(hashed(str(i)), "cards", i * 2 + 1000, -i if i < 10 else i) for i in range(20) if not 5 <= i < 15}
    assert set(stream.rows("number")) == expected and dead(bank, stream) == []
    # A key that cannot be computed of what a delete says is an error, not another row's key.
    bank.query("select standin.cdc_column_map('keys', 'keys.topic', 'number', expression => 'coalesce(v, 0)')")
    stream.produce([({"id": 1, "no": 2}, event("d", {"id": 1, "no": 2})[1])])
    stream.applied(41)
    assert [letter[:3] for letter in dead(bank, stream)] == [(40, "23502", "number")]
    assert set(stream.rows("number")) == expected
    stream.drop()


def test_history(mapped, bank):
    stream = mapped("story", "topic text, part int, at bigint, id int, v int, op text, source_at timestamptz, silo text, twice int, pan text,"
                             " primary key (topic, part, at)",
                    [("topic", {"metadata": "topic"}), ("part", {"metadata": "partition"}), ("at", {"metadata": "offset"}), ("op", {"metadata": "op"}),
                     ("source_at", {"metadata": "source_ts"}), ("silo", {"constant": "s"}), ("twice", {"expression": "v * 2"}), ("pan", {"mask": "last4"})],
                    history=True, row_filter="v <> 3")
    deleted = ({"id": 1}, {**event("d", {"id": 1})[1], "before": {"id": 1, "v": 7, "pan": "999911112222"}})
    stream.produce([event("r", {"id": 1, "v": 1, "pan": "999911112222"}), event("u", {"id": 1, "v": 2, "pan": PLACEHOLDER}), event("u", {"id": 1, "v": 3}),
                    deleted, ({"id": 1}, None), event("d", {"id": 2})])
    stream.applied(6)
    stories = bank.query("select at, id, v, op, silo, twice, pan from story order by at")
    assert stories == [(0, 1, 1, "r", "s", 2, "********2222"), (1, 1, 2, "u", "s", 4, None), (3, 1, 7, "d", "s", 14, "********2222"),
                       (5, 2, None, "d", "s", None, None)]
    assert stream.stat("filtered") == 1 and dead(bank, stream) == []
    # Killed at the worst moment, it reads again, and no event is told twice.
    bank.query("select standin_private.crash_point_arm('cdc_before_commit')")
    stream.produce([event("c", {"id": 3, "v": 9})])
    await_("the crash and the recovery", lambda: recovered(bank, stream, 7), 120)
    assert bank.query("select at, id from story where at > 5") == [(6, 3)]
    stream.drop()


def recovered(bank, stream, offset):
    try:
        bank.query("delete from standin_private.worker_mark")
        return stream.stat("sum(next_offset)") == offset
    except Exception:  # noqa: BLE001 - the server is coming back
        return False


def test_history_with_an_identity(mapped, bank):
    stream = mapped("ledger", "number bigint generated always as identity primary key, id int, op text", [("op", {"metadata": "op"})], history=True)
    stream.produce([event("c", {"id": 1}), event("u", {"id": 1}), event("d", {"id": 1})])
    stream.applied(3)
    assert stream.rows("number") == [(1, 1, "c"), (2, 1, "u"), (3, 1, "d")]
    stream.drop()


def test_several_sources_into_one_table(mapped, bank):
    columns = "silo text, id int, v text, primary key (silo, id)"
    first = mapped("silo_a", columns, [("silo", {"constant": "a"})], table="shared")
    second = mapped("silo_b", None, [("silo", {"constant": "b"}), ("id", {"field": "nummer"}), ("v", {"expression": "upper(event->>'wert')"})], table="shared")
    first.produce([event("c", {"id": i, "v": f"a{i}"}) for i in range(50)] + [event("d", {"id": 7})])
    second.produce([event("c", {"nummer": i, "wert": f"b{i}"}, key="nummer") for i in range(50)] + [event("d", {"nummer": 8}, key="nummer")])
    first.applied(51)
    second.applied(51)
    rows = bank.query("select * from shared")
    assert set(rows) == {("a", i, f"a{i}") for i in range(50) if i != 7} | {("b", i, f"B{i}") for i in range(50) if i != 8}
    first.drop()
    second.drop()


def test_a_hash_without_its_key_waits(mapped, bank):
    stream = mapped("keyless", "id int primary key, h text", [("h", {"hash": True})])
    stream.produce([event("c", {"id": 1, "h": "x"})])
    stream.applied(1)
    bank.query("select standin.cdc_pause('keyless')")
    await_("the pause", lambda: stream.state() == "paused")
    bank.query("alter user mapping for standin_owner server kafka options (drop \"cdc.hash.key\")")
    stream.produce([event("c", {"id": 2, "h": "x"})])
    bank.query("select standin.cdc_resume('keyless')")
    await_("the refusal", lambda: stream.state() == "troubled" and "no key to hash with" in stream.stat("last_error")
           and stream.stat("error_sqlstate") == "55000", 60)
    bank.query(f"alter user mapping for standin_owner server kafka options (add \"cdc.hash.key\" '{KEY}')")
    stream.applied(2)
    assert stream.rows() == [(1, hashed("x")), (2, hashed("x"))] and dead(bank, stream) == []
    stream.drop()


SECRET = "4999888877776666"
EVERYWHERE = """
select coalesce(string_agg(to_jsonb(t)::text || coalesce(convert_from(decode(encode(t.key, 'hex'), 'hex'), 'UTF8'), '')
                           || coalesce(convert_from(t.value, 'UTF8'), ''), ' '), '') from standin_private.kafka_dead_letter t where consumer = 'vault'
union all select coalesce(string_agg(convert_from(decode(h->>'value', 'base64'), 'UTF8'), ' '), '')
          from standin_private.kafka_dead_letter t, jsonb_array_elements(t.headers) h where consumer = 'vault'
union all select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from standin.stat_cdc t
union all select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from standin.cdc_sources t
union all select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from standin.cdc_tables t
union all select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from standin.cdc_columns t
union all select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from standin_private.stat_worker() t
union all select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from standin_private.cdc_progress t
union all select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from pg_stat_activity t where backend_type <> 'client backend'
union all select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from vault t
union all select coalesce(string_agg(to_jsonb(t)::text, ' '), '') from vault_log t
"""


def test_a_confidential_value_appears_nowhere(mapped, bank, kafka):
    """Every way to fail that there is, with a secret in each place; then a look at everything that anybody can read."""
    bank.query("alter system set log_min_messages = 'debug2'; ")
    bank.query("alter system set log_statement = 'all'")
    bank.query("alter system set log_parameter_max_length_on_error = -1")
    bank.query("select pg_reload_conf()")
    bank.query("create table vault_log (said text); alter table vault_log owner to replica;"
               "create function public.tell() returns trigger language plpgsql as $$ begin"
               " insert into public.vault_log values (to_jsonb(new)::text);"
               " if new.kind = 'refused' then raise exception 'refused: %', to_jsonb(new); end if; return new; end $$;"
               "create function public.fail(e jsonb) returns text language plpgsql as $$ begin"
               " if e->>'kind' = 'expression' then raise exception 'failed with %', e; end if; return e::text; end $$")
    stream = mapped("vault", "id text primary key, kind text, pan text, pan_key text unique, number int, whole text check (kind <> 'check'), strict uuid, fixed numeric",
                    [("pan", {"mask": "all"}), ("pan_key", {"field": "pan", "hash": True}), ("whole", {"expression": "public.fail(event)"}),
                     ("id", {"field": "account", "hash": True}), ("fixed", {"field": "balance", "mask": "text:0"})], drops=["cvv", "holder"])
    bank.query("create trigger t before insert or update on vault for each row execute function public.tell()")
    row = {"kind": "fine", "pan": SECRET, "cvv": SECRET, "holder": {"name": SECRET, "list": [SECRET]}, "balance": int(SECRET), "number": 1}

    def record(account, op="c", **more):
        return {"account": f"{SECRET}{account}"}, event(op, {**row, "account": f"{SECRET}{account}", **more}, key="account")[1]

    def raw(number, text):
        return {"account": f"{SECRET}{number}"}, text

    spelt = json.dumps(record(13, kind="check")[1]).replace('"pan"', '"p\\u0061n"').replace('"cvv"', '"CVV"')
    records = [record(1), record(2, pan="other", kind="check"), record(3), record(4, pan="a", number="x"), record(5, pan="b", strict="not a uuid"),
               record(6, pan="c", kind="refused"), record(7, pan=[SECRET], kind="expression"), record(8, pan={"x": SECRET}, number=10**12),
               raw(9, f'{{"after": {{"pan": "{SECRET}"'), raw(10, f"Struct{{pan={SECRET}}}"), raw(11, json.dumps(SECRET)), raw(12, f"[{SECRET}]"),
               raw(13, spelt), raw(14, f'{{"op":"c","after":{{"account":"x","pan":"\\u0000{SECRET}","pan":"{SECRET}","number":"y"}}}}'),
               raw(15, json.dumps({**record(15, kind="check")[1], "source": {"query": f"insert {SECRET}"}})),
               raw(16, json.dumps({"op": "t", "ddl": f"truncate {SECRET}", "source": {}})), raw(17, json.dumps({"op": "x", "after": {"pan": SECRET}})),
               (SECRET, event("c", {"kind": "fine", "pan": SECRET}, key="kind")[1]),
               raw(18, json.dumps({"schema": {"type": "string"}, "payload": SECRET})), raw(19, json.dumps({"schema": None, "payload": SECRET})),
               record(20, op="u", kind="check", doc=json.dumps({"pan": SECRET, "deep": json.dumps({"cvv": SECRET})})),
               ({"schema": {"type": "string"}, "payload": SECRET}, event("d", {"kind": "x"}, key="kind")[1])]
    stream.produce(records)
    for header in (f'__debezium.newkey={{"account":"{SECRET}"}}', f"__debezium.oldkey={SECRET}", f"trace={SECRET}"):
        kafka._kcat("-P", "-t", stream.topic, "-H", header, input=json.dumps(record(21, kind="check")[1]), stdin=None)
    stream.applied(len(records) + 3)
    # Errors of the world are shown by the worker, not by dead letters.
    bank.query("alter table vault rename column number to number_away")
    bank.query("alter table vault alter column whole type int using 0")
    stream.produce([record(30, pan="z")])
    await_("trouble", lambda: stream.state() == "troubled", 60)

    letters = dead(bank, stream)
    assert len(letters) >= 17, letters
    places = [text for (text,) in bank.query(EVERYWHERE)] + [open(bank.service.process.log, errors="replace").read()]
    for place in places:
        assert SECRET not in place, place[max(0, place.index(SECRET) - 300):place.index(SECRET) + 50]
    # It does look where something is: the rest of the records is kept, and the rows that could be stored are there.
    letters_text = places[0]
    assert "***" in letters_text and "unique violation" in letters_text and "check violation" in letters_text and "not a uuid" in letters_text
    assert '"redacted": false' not in letters_text
    assert bank.query("select pan, pan_key, fixed from vault where pan_key = %s", [hashed(SECRET)])[0][:2] == ("******", hashed(SECRET))
    for setting in ("log_min_messages", "log_statement", "log_parameter_max_length_on_error"):
        bank.query(f"alter system reset {setting}")
    bank.query("select pg_reload_conf()")
    stream.drop()
