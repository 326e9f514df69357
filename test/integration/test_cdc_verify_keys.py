"""cdc_verify with other keys than one integer, and with columns that are mapped: each difference found, no false one."""

from streams import Stream, event, kafka  # noqa: F401


def verify(bank, stream, reference, chunk):
    run = bank.value("call standin.cdc_verify(%s, %s, %s, chunk => %s, wait => '300 ms')", [stream.name, stream.topic, reference, chunk])
    state, rows, differences, skipped = bank.query(
        "select state, rows_compared, differences, skipped from standin_private.cdc_verification where run = %s", [run])[0]
    assert state == "finished"
    found = bank.query("select key, kind, columns from standin.cdc_differences where run = %s order by key::text", [run])
    assert differences == len(found)
    return rows, found, skipped


def applied(bank, name, columns, rows, key, before=""):
    """A stream that has applied the rows."""
    stream = Stream(bank, name, columns)
    if before:
        bank.query(f"select standin.cdc_pause('{name}'); {before}; select standin.cdc_resume('{name}')")
    stream.produce([({field: row[field] for field in key}, event("c", row, key[0])[1]) for row in rows])
    stream.applied(len(rows))
    return stream


def test_composite_and_text_keys(kafka, bank):
    """Ranges that begin and end within the first column of the key; texts that collate differently on the two sides."""
    regions = ["a", "B", "ä", "it's", "", "z z"]
    rows = [{"region": region, "id": number, "v": number} for region in regions for number in range(40)]
    stream = applied(bank, "twofold", "region text, id int, v int, primary key (region, id)", rows, ("region", "id"))
    bank.query('create table twofold_source (region text collate "POSIX", id int, v int); insert into twofold_source select * from twofold')
    for chunk in 7, 10000:
        assert verify(bank, stream, "twofold_source", chunk)[:2] == (240, [])
    bank.query("update twofold_source set v = -1 where region = 'it''s' and id = 39; delete from twofold_source where region = '' and id = 0;"
               "insert into twofold_source values ('zz', 1, 1)")
    expected = [({"region": "", "id": "0"}, "extra"), ({"region": "it's", "id": "39"}, "different"), ({"region": "zz", "id": "1"}, "missing")]
    for chunk in 1, 7, 10000:
        _, found, _ = verify(bank, stream, "twofold_source", chunk)
        assert sorted([(key, kind) for key, kind, _ in found], key=lambda one: one[0]["region"]) == expected, chunk
    stream.drop()


def test_mapped_columns(kafka, bank):
    """A renamed column and a renamed key are compared with the source's; what is computed cannot be, and is named."""
    name = "renamed"
    mapping = "; ".join(f"select standin.cdc_column_map('{name}', '{name}.topic', '{column}', {how})" for column, how in [
        ("number", "field => 'id'"), ("balance", "field => 'v'"), ("double", "expression => '2 * balance'"), ("origin", "constant => 'x'")])
    stream = applied(bank, name, "number int primary key, balance int, double int, origin text",
                     [{"id": number, "v": number} for number in range(50)], ("id",), mapping)
    bank.query("create table renamed_source (id int, v int); insert into renamed_source select number, balance from renamed")
    rows, found, skipped = verify(bank, stream, "renamed_source", 9)
    assert (rows, found) == (50, []) and "double" in str(skipped) and "origin" in str(skipped)
    bank.query("update renamed_source set v = 0 where id = 17; update renamed set double = 1 where number = 3")
    assert verify(bank, stream, "renamed_source", 9)[1] == [({"number": "17"}, "different", ["balance"])]
    stream.drop()
