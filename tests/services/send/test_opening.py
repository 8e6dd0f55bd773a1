"""Starting with what the disk holds."""

from __future__ import annotations

import errno
import os
import queue
import shutil
from collections.abc import Callable

import pytest

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import Temporary
from qmtwist.services.send import opening
from qmtwist.services.send.opening import scan, settle_journal
from qmtwist.store.journal import records
from qmtwist.store.journal.records import JournalMessage
from qmtwist.store.journal.recover import recover
from qmtwist.store.journal.writer import Journal, Place
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.rest import Resting, put_to_rest
from tests.support.powercut import Recorder, cuts
from tests.support.queues import files, make_queue, put

BIRTH = 1795238029


def sort(recipient: bytes) -> tuple[str, bytes]:
    return ("remote" if b"remote" in recipient else "local"), recipient


def message(number: int, *recipients: bytes, size: int = 100) -> JournalMessage:
    return JournalMessage(number, 1000, number, BIRTH, Envelope(b"s@x", recipients or (b"r@x",)), b"x" * size)


class Writing:
    """A journal in a queue, driven by hand."""

    def __init__(self, layout: Layout) -> None:
        os.makedirs(layout.journal, exist_ok=True)
        self._calls: queue.Queue[Callable[[], None]] = queue.Queue()
        self.journal = Journal(layout.journal, self._calls.put, 8192)
        self.journal.start()

    def commit(self, entry: JournalMessage) -> Place:
        results: list[Place | OSError] = []
        self.journal.append(records.message(entry), results.append)
        while not results:
            self._calls.get(timeout=10)()
        assert isinstance(results[0], Place)
        return results[0]


@pytest.fixture
def layout(memory_directory: str) -> Layout:
    return make_queue(f"{memory_directory}/queue")


def settled(layout: Layout) -> tuple[int, list[str]]:
    told: list[str] = []
    return settle_journal(layout, sort, lambda level, text: told.append(text)), told


def test_without_a_journal_there_is_nothing_to_settle(layout: Layout) -> None:
    assert settled(layout) == (0, [])
    assert os.listdir(layout.journal) == []


def test_what_the_journal_owes_becomes_queue_files(layout: Layout) -> None:
    writing = Writing(layout)
    writing.commit(message(23, b"a@x", b"b@remote", b"c@x"))
    writing.commit(message(24))
    writing.commit(message(25))
    writing.journal.note(records.done(23, 0))
    writing.journal.note(records.failed(23, 2, b"<c@x>:\nno\n\n"))
    writing.journal.note(records.end(24))
    writing.journal.note(records.failed(25, 0, b"<r@x>:\nno\n\n"))
    writing.journal.close()
    assert settled(layout) == (2, [])
    assert files(layout) == {
        "mess/0/23": b"x" * 100,
        "info/0/23": b"Fs@x\0",
        "remote/0/23": b"Tb@remote\0",
        "bounce/23": b"<c@x>:\nno\n\n",
        "mess/2/25": b"x" * 100,
        "info/2/25": b"Fs@x\0",
        "bounce/25": b"<r@x>:\nno\n\n",
    }
    assert os.stat(layout.info(23)).st_mtime == BIRTH
    assert scan(layout) == opening.Waiting({"local": [], "remote": [(23, BIRTH)]}, [25])


def test_what_rests_already_is_left_as_it_is(layout: Layout) -> None:
    """It may have been served further since it moved."""
    writing = Writing(layout)
    writing.commit(message(23, b"a@x", b"b@x"))
    writing.journal.close()
    local = [(True, b"a@x"), (False, b"b@x")]
    put_to_rest(layout, [Resting(23, BIRTH, b"s@x", b"content", local, [], BIRTH + 500, 0, b"")])
    before = files(layout)
    assert settled(layout) == (1, [])
    assert files(layout) == {name: data for name, data in before.items() if not name.startswith("journal/")}
    assert scan(layout).due["local"] == [(23, BIRTH + 500)]


def test_a_damaged_segment_is_told_and_kept_aside(layout: Layout) -> None:
    writing = Writing(layout)
    writing.commit(message(1))
    middle = writing.commit(message(2))
    writing.commit(message(3))
    os.pwrite(middle.segment.descriptor, b"\xff\xff", middle.offset + 60)
    writing.journal.close()
    count, told = settled(layout)
    assert count == 2
    assert len(told) == 1
    (kept,) = os.listdir(layout.journal)
    assert kept.startswith("damaged.")
    assert settled(layout) == (0, [])
    assert os.listdir(layout.journal) == [kept]


def test_a_disk_that_refuses_stops_the_start_and_removes_nothing(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    writing = Writing(layout)
    writing.commit(message(1))
    writing.journal.close()

    def refuse(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "full")

    with monkeypatch.context() as patch:
        patch.setattr(opening, "put_to_rest", refuse)
        with pytest.raises(Temporary):
            settled(layout)
    assert settled(layout)[0] == 1


def numbers_at_rest(queue_directory: str) -> set[int]:
    layout = Layout(queue_directory)
    settled(layout)
    waiting = scan(layout)
    return {number for entries in waiting.due.values() for number, _ in entries} | set(waiting.finished)


def grown(layout: Layout) -> Writing:
    """A journal of several segments: 1 waits, all others have ended, their marks in younger segments."""
    writing = Writing(layout)
    writing.commit(message(1, size=3000))
    for number in range(2, 14):
        writing.commit(message(number, size=3000))
        if number > 2:
            writing.journal.note(records.end(number - 1))
    writing.journal.note(records.end(13))
    return writing


@pytest.mark.parametrize("end", ["settled after a kill", "removed after a stop"])
def test_a_cut_while_the_journal_goes_brings_no_ended_message_back(
    layout: Layout, memory_directory: str, end: str
) -> None:
    writing = grown(layout)
    writing.journal.close()
    assert len(recover(layout.journal).segments) >= 4
    recorder = Recorder(layout.queue)
    with recorder.recording():
        if end == "settled after a kill":
            settled(layout)
        else:
            resting = Resting(1, BIRTH, b"s@x", b"x" * 3000, [(False, b"r@x")], [], BIRTH, 0, b"")
            put_to_rest(layout, [resting])
            writing.journal.remove()
    place = f"{memory_directory}/state"
    for length, state in cuts(recorder, seed=3, luck=3):
        state.make(place)
        assert numbers_at_rest(place) == {1}, length
        shutil.rmtree(place)


def test_the_scan_tells_what_is_due_what_is_finished_and_leaves_the_rest(layout: Layout) -> None:
    put(layout.info(46), b"Fs\0", age_s=100, now=1000)
    put(layout.channel("local", 46), b"Ta@x\0", age_s=10, now=1000)
    put(layout.channel("remote", 46), b"Ta@x\0", age_s=20, now=1000)
    put(layout.info(47), b"Fs\0")
    put(layout.info(48), b"Fs\0")
    put(layout.todo(48), b"")  # not preprocessed: whatever else it has is not believed
    put(layout.channel("local", 48), b"Ta@x\0")
    put(layout.channel("local", 49), b"Ta@x\0")  # without info it is nobody's
    assert scan(layout) == opening.Waiting({"local": [(46, 990)], "remote": [(46, 980)]}, [47])
