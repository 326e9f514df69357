"""Events as Debezium's PostgreSQL connector writes them with schemas.enable=false, as text: (key, value)."""

ACCOUNTS = "aid integer PRIMARY KEY, bid integer, abalance integer, filler character(84)"
FILLER = " " * 84


def envelope(op, table, position, before, after, transaction="null"):
    """The source block and times as version 3.6 writes them; before and after are JSON."""
    return (f'{{"before":{before},"after":{after},"source":{{"version":"3.6.1.Final","connector":"postgresql","name":"core",'
            f'"ts_ms":1763900000000,"snapshot":"false","db":"core","sequence":"[\\"{24000000 + position}\\",\\"{24000001 + position}\\"]",'
            f'"ts_us":1763900000000000,"ts_ns":1763900000000000000,"schema":"public","table":"{table}","txId":{700 + position},'
            f'"lsn":{24000000 + position},"xmin":null}},"transaction":{transaction},"op":"{op}","ts_ms":1763900000123,'
            f'"ts_us":1763900000123456,"ts_ns":1763900000123456789}}')


def account(aid, balance=0, filler=FILLER):
    return f'{{"aid":{aid},"bid":{aid // 100000 + 1},"abalance":{balance},"filler":"{filler}"}}'


def accounts(op, changes):
    """Events of (aid, balance) in their order."""
    for position, (aid, balance) in enumerate(changes):
        yield f'{{"aid":{aid}}}', envelope(op, "pgbench_accounts", position, "null", account(aid, balance))
