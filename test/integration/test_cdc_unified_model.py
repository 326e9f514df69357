"""The example examples/unified_model: its very files, each silo's events, and the model that becomes of them."""

import datetime
import hashlib
import hmac
import pathlib
from decimal import Decimal

from harness.await_ import await_
from streams import MILLIS, event

EXAMPLE = pathlib.Path(__file__).parents[2] / "examples/unified_model"
KEY = "0123456789abcdef0123456789abcdef"
PAN, OTHER_PAN, TAX = "5500001234567890", "4000009876543210", "DE-811-907-980"


def hashed(text):
    return hmac.new(KEY.encode(), text.encode(), hashlib.sha256).hexdigest()


def run(bank, name, **variables):
    bank.service.psql("-v", "ON_ERROR_STOP=1", *[f"--set={key}={value}" for key, value in variables.items()],
                      "-f", EXAMPLE / f"{name}.sql", dbname=bank.DATABASE)


def cards():
    holder = {"holder_no": "H1", "full_name": "Ada Byron", "birth": -56271, "tax_no": TAX}
    card = {"pan": PAN, "holder_no": "H1", "product": "C", "limit_cents": 250000, "status": "A", "cvv": "737"}
    auth = {"auth_id": 1, "pan": PAN, "amount_cents": 1999, "ccy": "978", "merchant": "Books", "ts": MILLIS, "answer": "00"}
    yield "cards.card_holder", [event("c", holder, "holder_no"), event("c", {**holder, "holder_no": "H2", "full_name": "Bob", "tax_no": "x"}, "holder_no"),
                                event("u", {**holder, "full_name": "Ada Lovelace"}, "holder_no"), event("d", {"holder_no": "H2"}, "holder_no")]
    yield "cards.card", [event("c", card, "pan"), event("c", {**card, "pan": OTHER_PAN}, "pan"), event("u", {**card, "status": "B"}, "pan"),
                         event("d", {"pan": OTHER_PAN}, "pan"), event("c", {**card, "pan": "123", "limit_cents": "much"}, "pan")]
    yield "cards.auth", [event("c", auth, "auth_id"), event("c", {**auth, "auth_id": 2, "ccy": "756", "answer": "51"}, "auth_id")]


def accounts():
    account = {"KONTO_NR": "K1", "KUNDEN_NR": "77", "SALDO": "1234.56", "WAEHRUNG": "EUR", "ART": "G", "GESPERRT": "N"}
    yield "accounts.KUNDE", [event("r", {"KUNDEN_NR": "77", "NAME": "LOVELACE A", "GEBURT": "18151210", "STEUER_NR": TAX}, "KUNDEN_NR")]
    yield "accounts.KONTO", [event("r", account, "KONTO_NR"), event("r", {**account, "KONTO_NR": "K2", "ART": "S"}, "KONTO_NR"),
                             event("r", {**account, "KONTO_NR": "K3"}, "KONTO_NR"), event("u", {**account, "KONTO_NR": "K3", "ART": "S"}, "KONTO_NR"),
                             event("u", {**account, "SALDO": "-0.44", "GESPERRT": "J"}, "KONTO_NR")]


def payments():
    order = {"uetr": "8a562c67-ca16-48ba-b074-65581be6f011", "dbtr_iban": "DE02", "cdtr_iban": "AT61", "amount": "99.90", "ccy": "EUR", "status": "PDNG"}
    other = {**order, "uetr": "8a562c67-ca16-48ba-b074-65581be6f012"}
    yield "payments.orders", [event("c", order, "uetr"), event("c", other, "uetr"), event("u", {**order, "status": "ACSC"}, "uetr"),
                              event("d", {"uetr": other["uetr"]}, "uetr")]


def test_three_silos_become_one_model(bank):
    kafka = bank.start_kafka()
    bank.start_service()
    count = {}
    for topic, records in [*cards(), *accounts(), *payments()]:
        kafka.topic_create(topic)
        kafka.produce(topic, records)
        count[topic] = len(records)
    count["payments.orders"] *= 2  # two sources read it
    run(bank, "1_model")
    run(bank, "2_kafka", brokers=kafka.brokers, hash_key=KEY)
    for name in ("3_cards", "4_accounts", "5_payments"):
        run(bank, name)
    await_("all silos' events to be applied",
           lambda: dict(bank.query("select topic, sum(next_offset)::int from standin.stat_cdc group by 1")) == count, 120)

    utc = datetime.timezone.utc
    assert bank.query("select * from bian.party_reference_data_directory order by silo") == [
        ("accounts", "77", "LOVELACE A", datetime.date(1815, 12, 10), hashed(TAX)),
        ("cards", "H1", "Ada Lovelace", datetime.date(1970, 1, 1) + datetime.timedelta(-56271), hashed(TAX))]
    assert bank.query("select * from bian.party") == [(hashed(TAX), "Ada Lovelace", ["accounts:77", "cards:H1"])]
    assert bank.query("select * from bian.issued_device") == [
        (hashed(PAN), "550000******7890", "H1", "credit", Decimal("2500.00"), "blocked")]
    assert bank.query("select * from bian.card_transaction order by 1") == [
        (1, hashed(PAN), Decimal("19.99"), "EUR", "Books", datetime.datetime.fromtimestamp(MILLIS / 1000, utc), "approved"),
        (2, hashed(PAN), Decimal("19.99"), "CHF", "Books", datetime.datetime.fromtimestamp(MILLIS / 1000, utc), "declined")]
    assert bank.query("select * from bian.current_account") == [
        ("K1", "77", Decimal("-0.44"), "EUR", True, datetime.datetime.fromtimestamp(MILLIS / 1000, utc))]
    assert bank.query("select * from bian.payment_order") == [
        ("8a562c67-ca16-48ba-b074-65581be6f011", "DE02", "AT61", Decimal("99.90"), "EUR", "settled")]
    assert bank.query("select record_offset, operation, right(payment_order_reference::text, 1), payment_order_status"
                      " from bian.payment_order_history order by 1") == [
        (0, "c", "1", "PDNG"), (1, "c", "2", "PDNG"), (2, "u", "1", "ACSC"), (3, "d", "2", None)]
    letters = bank.query("select topic, record_offset, column_name, sqlstate, error, convert_from(value, 'UTF8'), convert_from(key, 'UTF8')"
                         " from standin.cdc_dead_letters")
    assert [letter[:5] for letter in letters] == [("cards.card", 4, "credit_limit", "22P02", "invalid text representation")]
    assert '"pan":"***"' in letters[0][5] and '"cvv":"***"' in letters[0][5] and letters[0][6] == '{"pan":"***"}'
