"""A whole life of the queue is recorded, and the power is cut after every step of it.

What was acknowledged before the cut is afterwards delivered, bounced or queued: complete, to the byte.
"""

from __future__ import annotations

import os
import random
import shutil
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest
import pytest_twisted

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.outcome import Outcome
from qmtwist.mail.trace import queue_received
from qmtwist.rules.routing import route
from qmtwist.services.seams import Receipt
from qmtwist.services.send.opening import scan, settle_journal
from qmtwist.services.send.service import routes_of
from qmtwist.store import durable
from qmtwist.store.journal import writer
from qmtwist.store.queue import records
from qmtwist.store.queue.layout import CHANNELS, Layout
from qmtwist.store.queue.preprocess import preprocess
from qmtwist.store.queue.scan import scan_info, scan_todo
from qmtwist.wire.text0 import TodoEntry, encode_todo
from tests.support.couriers import DID, NO_MAILBOX, SETTINGS, SOFT, Attempt, Desk
from tests.support.powercut import Mark, Recorder, State, cuts

Maker = Callable[..., Desk]
NOW = 1795238029


class Accepted(NamedTuple):
    """A message that a client was told is queued, or another program has queued."""

    number: int
    sender: bytes
    recipients: tuple[bytes, ...]
    content: bytes


def sort(recipient: bytes) -> tuple[str, bytes]:
    return route(recipient, routes_of(SETTINGS))


def script(recorder: Recorder) -> Callable[[Attempt, int], Outcome]:
    """`soft…` is deferred at first, `no…` fails at the first try that counts, and the world sees what happens."""

    def decide(attempt: Attempt, before: int) -> Outcome:
        name = attempt.recipient
        if name.startswith((b"soft", b"late")) and not before:
            return SOFT
        if name.startswith((b"no", b"late")):
            recorder.mark("failed", name)
            return NO_MAILBOX
        recorder.mark("delivered", name, attempt.message)
        return DID

    return decide


class Life:
    """A desk under the recorder, and what its clients do."""

    def __init__(self, desk: Desk, recorder: Recorder) -> None:
        self.desk = desk
        self.recorder = recorder
        self.known: dict[int, bytes] = {}
        self.count = 0

    def send(self, *recipients: bytes, size: int = 200) -> None:
        """Begin a message with recipients of its own, and commit it."""
        self.count += 1
        named = tuple(b"%s%d@mail.example.org" % (name, self.count) for name in recipients)
        sender = b"sender%d@mail.example.org" % self.count
        body = b"Subject: %d\n\n" % self.count + random.Random(self.count).randbytes(size)
        draft = self.desk.begin()
        content = queue_received(draft.number, b"by uid 1000", draft._birth) + body
        accepted = Accepted(draft.number, sender, named, content)
        self.known[draft.number] = content

        def answered(result: object) -> None:
            assert isinstance(result, Receipt)
            self.recorder.mark("accepted", accepted)

        draft.write(body)
        draft.commit(Envelope(sender, named), answered)

    async def pass_by(self) -> None:
        """All that happens in a life, twice over a restart."""
        desk = self.desk
        desk.open()
        self.send(b"alone", size=10_000)  # nobody else's sync helps it
        await desk.settle()
        for recipients in ((b"a",), (b"b", b"no", b"soft"), (b"no",), (), (b"late",), (b"c", b"d")):
            self.send(*recipients)
        self.send(b"big", b"nobig", size=20_000)
        self.send(b"softbig", size=9_000)
        await desk.settle()
        desk.running.manager.all_due()
        self.send(b"e")
        await desk.settle()
        self.foreign()
        await desk.until(lambda: b"end msg 4711" in desk.lines)
        self.send(b"soft", b"x")
        await desk.settle()
        desk.script = lambda attempt, before: SOFT
        self.send(b"kept", b"kept-too")
        await desk.stop()
        desk.script = script(self.recorder)
        desk.open()
        self.send(b"f")
        await desk.settle()
        desk.running.manager.all_due()
        await desk.settle()
        await desk.stop()

    def foreign(self) -> None:
        """Another program's message, which was durable before it was seen."""
        content, names = b"Subject: foreign\n\n", (b"g@mail.example.org", b"nog@mail.example.org")
        entry = encode_todo(TodoEntry(1, 2, Envelope(b"foreign@mail.example.org", names)))
        layout = self.desk.layout
        durable.create(layout.mess(4711), content)
        durable.create(layout.todo(4711), entry)
        for path in (layout.mess(4711), layout.todo(4711)):
            durable.sync_directory(os.path.dirname(path))
        self.known[4711] = content
        self.recorder.mark("accepted", Accepted(4711, b"foreign@mail.example.org", names, content))
        self.desk.running._todo.wake()


class Found:
    """The queue after recovery."""

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.waiting: dict[bytes, int] = {}  # recipient not served: message
        self.paragraphs: dict[int, bytes] = {}
        self.senders: dict[int, bytes] = {}
        for number, _ in scan_info(layout):
            self.senders[number], _ = records.read_info(layout, number)
            for channel in CHANNELS:
                for recipient in records.read_recipients(layout, channel, number) or []:
                    if not recipient.is_done:
                        self.waiting[recipient.address] = number
            if os.path.exists(layout.bounce(number)):
                self.paragraphs[number] = durable.read(layout.bounce(number))

    def content(self, number: int) -> bytes | None:
        try:
            return durable.read(self.layout.mess(number))
        except FileNotFoundError:
            return None


def recover(queue: str) -> Found:
    """What a start does; it must raise nothing."""
    layout = Layout(queue)
    settle_journal(layout, sort, lambda level, text: None)
    scan(layout)
    preprocess(layout, list(scan_todo(layout)), sort, NOW)
    waiting = scan(layout)
    assert all(number for entries in waiting.due.values() for number, _ in entries)
    return Found(layout)


def judge(found: Found, seen: list[Mark], known: dict[int, bytes]) -> None:
    """Everybody who was promised a message has it, is told of in a bounce, or waits in the queue."""
    delivered: dict[bytes, bytes] = {mark.facts[0]: mark.facts[1] for mark in seen if mark.what == "delivered"}
    failed = {mark.facts[0] for mark in seen if mark.what == "failed"}
    for message in (mark.facts[0] for mark in seen if mark.what == "accepted"):
        for recipient in message.recipients:
            if recipient in delivered:
                assert delivered[recipient] == message.content
                continue
            line = b"<%s>:\n" % recipient
            bounces = [delivered.get(message.sender, b"")]
            if message.sender in found.waiting:
                bounces.append(found.content(found.waiting[message.sender]) or b"")
            if recipient in failed and any(line in text for text in bounces):
                continue
            is_noted = recipient in failed and line in found.paragraphs.get(message.number, b"")
            is_waiting = found.waiting.get(recipient) == message.number
            assert is_waiting or is_noted, f"{recipient!r} of message {message.number} is lost"
            assert found.content(message.number) == message.content, f"message {message.number} is damaged"
            assert found.senders[message.number] == message.sender
    for recipient, number in found.waiting.items():
        if recipient not in delivered and recipient not in failed:
            content = found.content(number)
            assert content is not None, f"message {number} is an empty shell"
            assert known.get(number, content) == content, "cut short"


@pytest.fixture
def work(memory_directory: str) -> Iterator[str]:
    """A place for states, one after the other."""
    place = f"{memory_directory}/state"
    yield place
    shutil.rmtree(place, ignore_errors=True)


def tried(state: State, place: str, judged: Callable[[Found], None], context: Any) -> None:
    shutil.rmtree(place, ignore_errors=True)
    state.make(place)
    try:
        judged(recover(place))
    except BaseException as problem:
        problem.add_note(f"power cut at step {context}")
        raise


@pytest_twisted.ensureDeferred
async def test_whenever_the_power_is_cut_what_was_acknowledged_is_kept(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch, memory_directory: str, work: str
) -> None:
    for name in ("SEGMENT_BYTES", "SMALLEST_SEGMENT_BYTES"):
        monkeypatch.setattr(writer, name, 12 * 1024)
    desk = make_desk(is_open=False, journalmax_bytes=8_000)
    os.rmdir(desk.layout.journal)  # a new home
    recorder = Recorder(desk.layout.queue)
    desk.script = script(recorder)
    life = Life(desk, recorder)
    with recorder.recording():
        await life.pass_by()
    assert desk.files() == {}
    assert {mark.what for mark in recorder.marks(len(recorder.steps))} == {"accepted", "delivered", "failed", "synced"}

    second_cuts = random.Random(7)
    for length, state in cuts(recorder, seed=1, luck=2):
        seen = recorder.marks(length)

        def judged(found: Found, seen: list[Mark] = seen) -> None:
            judge(found, seen, life.known)

        tried(state, work, judged, length)
        if second_cuts.random() < 0.01:
            shutil.rmtree(work)
            state.make(work)
            again = Recorder(work)
            with again.recording():
                recover(work)
            for second, worse in cuts(again, seed=length, luck=1):
                tried(worse, work, judged, (length, second))
