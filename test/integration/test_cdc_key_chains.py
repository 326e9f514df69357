"""Keys that change again before the first change has arrived everywhere: the values that the inserts withhold are the last ones."""

from itertools import permutations

import pytest

from harness.await_ import await_
from source_log import Log, change_key, send
from streams import kafka  # noqa: F401
from test_cdc_events import STORED, WIDE, WITHHELD, nothing_left, wide, wide_rows

PARTITIONS = 3


class Story:
    """What one transaction after another did at the source: its records by partition, in the order of the log."""

    def __init__(self, stream, log, base):
        self.stream, self.log, self.base = stream, log, base
        self.records = [[] for _ in range(PARTITIONS)]
        self.counts = [0] * PARTITIONS

    def _add(self, partition, record, count=1):
        self.records[partition].append(record)
        self.counts[partition] += count

    def event(self, op, partition, key, **row):
        key, value = self.log.event(op, (WIDE if op == "c" else WITHHELD) | {"id": self.base + key} | row)
        self._add(partition, lambda: send(self.stream, key, value, None, partition))

    def rekey(self, old, new):
        """(partition, key) to (partition, key)."""
        leave, arrive = change_key(self.stream, self.log, self.base + old[1], self.base + new[1], WITHHELD, (old[0], new[0]))
        self._add(old[0], leave, 2)
        self._add(new[0], arrive)

    def send(self, partition):
        for record in self.records[partition]:
            record()
        return self.counts[partition]


def chain(story):
    """1 becomes 2 becomes 3."""
    story.event("u", 0, 1, note="late")
    story.rekey((0, 1), (1, 2))
    story.rekey((1, 2), (2, 3))
    story.event("u", 2, 3, v=7)
    return [(story.base + 3, 7, "late", *STORED[1:])]


def swap(story):
    """1 and 2 change places by way of 9."""
    story.event("u", 0, 1, note="one")
    story.event("u", 1, 2, note="two")
    story.rekey((0, 1), (2, 9))
    story.rekey((1, 2), (0, 1))
    story.rekey((2, 9), (1, 2))
    return [(story.base + 1, 2, "two", *STORED[1:]), (story.base + 2, 2, "one", *STORED[1:])]


def begin(stream, log, base):
    """The rows, applied, and the story from there on."""
    story = Story(stream, log, base)
    for partition, key in ((0, 1), (1, 2)):
        send(stream, *log.event("c", WIDE | {"id": base + key}), None, partition)
    return story


@pytest.mark.parametrize("workers", [1, 3])
@pytest.mark.parametrize("tell", [chain, swap])
def test_whatever_partition_is_ahead(kafka, bank, tell, workers):
    stream = wide(bank, f"{tell.__name__}{workers}", PARTITIONS, workers=workers, batch_records=1000, conflict_timeout="'1 hour'")
    log, sent, expected = Log(), 0, []
    standing = lambda: bank.value("select count(*) from standin.stat_worker where kind = 'cdc' and split_part(key, '/', 1) = %s"
                                  " and state = 'waiting'", [stream.name])
    for number, order in enumerate(permutations(range(PARTITIONS))):
        story = begin(stream, log, 10 * number)
        sent += 2
        stream.applied(sent)
        if tell is chain:
            send(stream, *log.event("d", {"id": story.base + 2}), None, 1)
            sent += 1
        expected += tell(story)
        for partition in order:
            sent += story.send(partition)
            await_("all or what it waits for", lambda: stream.stat("sum(next_offset)") == sent or standing(), 60)
        stream.applied(sent)
        assert wide_rows(stream) == expected and stream.dead_letters() == [], order
        nothing_left(bank)
    stream.drop()


@pytest.mark.parametrize("retried", [False, True])
def test_what_could_not_be_waited_for_is_no_guess(kafka, bank, retried):
    """The old row, whose last values are still to come, stays as it is; its values go into the new one when both are there."""
    stream = wide(bank, f"patient{retried}", PARTITIONS, workers=3, conflict_timeout="'100 milliseconds'")
    story = begin(stream, Log(), 0)
    stream.applied(2)
    send(stream, *story.log.event("d", {"id": 2}), None, 1)
    story.event("u", 0, 1, note="late")
    story.rekey((0, 1), (1, 2))
    sent = 3 + story.send(1)
    stream.applied(sent)
    assert wide_rows(stream) == [(1, 1, *STORED)]
    assert bank.query("select sqlstate, hint like '%%REPLICA IDENTITY FULL%%reselect%%' from standin.cdc_dead_letters where source = %s", [stream.name]) == [("22004", True)]
    if retried:  # too early
        bank.query("select standin.cdc_dead_letter_retry(%s)", [stream.name])
        await_("the retry", lambda: bank.value("select attempts from standin.cdc_dead_letters where source = %s", [stream.name]) == 2)
    sent += story.send(0)
    stream.applied(sent)
    assert wide_rows(stream) == []
    assert bank.value("select standin.cdc_dead_letter_retry(%s)", [stream.name]) == 1
    await_("the retry", lambda: stream.dead_letters() == [])
    assert wide_rows(stream) == [(2, 2, "late", *STORED[1:])]
    nothing_left(bank)
    stream.drop()


def test_workers_that_wait_for_each_other(kafka, bank):
    """Each gets the half that the other waits for into a batch whose own half waits: neither waits for ever."""
    stream = wide(bank, "crosswise", 4, workers=2, batch_records=1000, conflict_timeout="'1 hour'")
    log = Log()
    for key, partition in ((1, 0), (3, 3)):  # partitions 0 and 2 are one worker's, 1 and 3 the other's
        send(stream, *log.event("c", WIDE | {"id": key}), None, partition)
    stream.applied(2)
    changes = [change_key(stream, log, old, new, WITHHELD, partitions) for old, new, partitions in ((1, 2, (0, 1)), (3, 4, (3, 2)))]
    for _, arrive in changes:
        arrive()
    await_("both to wait", lambda: bank.query("select state from standin.stat_worker where kind = 'cdc' and key like 'crosswise%%'") == [("waiting",)] * 2)
    for leave, _ in changes:
        leave()
    stream.applied(8)
    assert wide_rows(stream) == [(2, 2, *STORED), (4, 2, *STORED)] and stream.dead_letters() == []
    nothing_left(bank)
    stream.drop()
