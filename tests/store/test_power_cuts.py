"""Power cuts where one function makes a promise: delivery into a maildir, acceptance, message numbers."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from qmtwist.mail.envelope import Envelope
from qmtwist.store import durable, maildir
from qmtwist.store.queue import accept, numbers, records
from qmtwist.store.queue.layout import Layout
from qmtwist.wire.text0 import TodoEntry, encode_todo
from tests.support.powercut import Recorder, State, cuts
from tests.support.queues import make_queue

LUCK = 5


@pytest.fixture
def place(memory_directory: str) -> str:
    """Where states are made, one after the other."""
    return f"{memory_directory}/state"


@pytest.fixture
def disk(memory_directory: str) -> str:
    """What is recorded."""
    return f"{memory_directory}/disk"


def made(state: State, place: str) -> str:
    shutil.rmtree(place, ignore_errors=True)
    state.make(place)
    return place


def told(recorder: Recorder, length: int) -> list[object]:
    return [mark.facts[0] for mark in recorder.marks(length) if mark.what == "told"]


def test_a_delivery_into_a_maildir_is_there_whole_once_it_was_called_done(disk: str, place: str) -> None:
    for name in ("tmp", "new", "cur"):
        os.makedirs(f"{disk}/{name}")
    recorder = Recorder(disk)
    names = maildir.Names(b"mail.example.org")
    messages = [b"a" * 1500, b"b" * 4000, b"c"]
    with recorder.recording():
        for message in messages:
            maildir.deliver(os.fsencode(disk) + b"/", names, iter([message[:700], message[700:]]))
            recorder.mark("told", message)
    assert told(recorder, len(recorder.steps)) == messages
    for length, state in cuts(recorder, seed=1, luck=LUCK):
        new = Path(made(state, place), "new")
        found = [path.read_bytes() for path in new.iterdir()]
        assert set(found) <= set(messages), length
        assert set(told(recorder, length)) <= set(found), length


def test_an_accepted_message_is_in_todo_whole_and_one_that_was_not_is_never_cut_short(disk: str, place: str) -> None:
    layout = make_queue(disk)
    recorder = Recorder(layout.queue)
    known: dict[int, tuple[bytes, bytes]] = {}
    with recorder.recording():
        for at in range(3):
            acceptance = accept.begin(layout, lambda number: b"Received: %d\n" % number)
            body = b"%d" % at * 2000
            entry = TodoEntry(1000, at, Envelope(b"s@x", tuple(b"r%d@x" % each for each in range(200))))
            known[acceptance.number] = (b"Received: %d\n" % acceptance.number + body, encode_todo(entry))
            acceptance.write(body)
            acceptance.commit(entry)
            recorder.mark("told", acceptance.number)
    for length, state in cuts(recorder, seed=2, luck=LUCK):
        found = Layout(made(state, place))
        queued = {int(name) for name in os.listdir(f"{place}/todo")}
        assert set(told(recorder, length)) <= queued, length
        for number in queued:
            assert (durable.read(found.mess(number)), durable.read(found.todo(number))) == known[number], length


def test_no_number_is_given_twice(disk: str, place: str) -> None:
    layout = make_queue(disk)
    recorder = Recorder(layout.queue)
    with recorder.recording():
        for _ in range(6):
            for number in numbers.reserve(layout, 3):
                recorder.mark("told", number)
    for length, state in cuts(recorder, seed=3, luck=LUCK):
        given = told(recorder, length)
        assert numbers.reserve(Layout(made(state, place)), 1).start not in given, length


def test_a_mark_is_made_or_not_and_spoils_no_address(disk: str, place: str) -> None:
    layout = make_queue(disk)
    recipients = [(False, b"r%d@example.org" % at) for at in range(100)]
    durable.create(layout.channel("local", 30), records.encode_recipients(recipients))
    recorder = Recorder(layout.queue)
    with recorder.recording():
        for recipient in (records.read_recipients(layout, "local", 30) or [])[::7]:
            records.mark_done(layout, "local", 30, recipient.offset)
    after = records.read_recipients(layout, "local", 30) or []
    assert [recipient.is_done for recipient in after] == [at % 7 == 0 for at in range(100)]
    for _, state in cuts(recorder, seed=4, luck=LUCK):
        found = records.read_recipients(Layout(made(state, place)), "local", 30)
        assert found is not None
        assert [recipient.address for recipient in found] == [address for _, address in recipients]


# -- the model itself


def recorded(disk: str) -> Recorder:
    """Two files: one synced with its name, one not at all."""
    os.makedirs(f"{disk}/sub")
    recorder = Recorder(disk)
    with recorder.recording():
        durable.create(f"{disk}/sub/kept", b"kept")
        durable.sync_directory(f"{disk}/sub")
        descriptor = os.open(f"{disk}/sub/lost", os.O_WRONLY | os.O_CREAT)
        os.write(descriptor, b"one")
        os.write(descriptor, b"two")
        os.close(descriptor)
    return recorder


def contents(directory: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(directory, "sub").iterdir()}


def test_the_model_keeps_what_was_synced_and_only_that(disk: str, place: str) -> None:
    recorder = recorded(disk)
    end = len(recorder.steps)
    assert contents(made(recorder.after_cut(end, None), place)) == {"kept": b"kept"}
    assert contents(made(recorder.after_cut(end, lambda: True), place)) == {"kept": b"kept", "lost": b"onetwo"}
    assert contents(made(recorder.after_cut(0, lambda: True), place)) == {}


def test_the_model_drops_each_unsynced_effect_by_itself(disk: str, place: str) -> None:
    recorder = recorded(disk)
    seen = {tuple(sorted(contents(made(state, place)).items())) for _, state in cuts(recorder, seed=5, luck=30)}
    lost = {dict(state).get("lost") for state in seen}
    assert {None, b"", b"one", b"\0\0\0two", b"onetwo"} <= lost
    assert {dict(state).get("kept") for state in seen} == {None, b"", b"kept"}


def test_the_model_renames_in_one_step(disk: str, place: str) -> None:
    os.makedirs(f"{disk}/sub")
    Path(f"{disk}/sub/old").write_bytes(b"data")
    recorder = Recorder(disk)
    with recorder.recording():
        os.rename(f"{disk}/sub/old", f"{disk}/sub/new")
    states = {tuple(contents(made(state, place))) for _, state in cuts(recorder, seed=6, luck=10)}
    assert states == {("old",), ("new",)}


def test_the_model_tears_writes_by_sectors(disk: str, place: str) -> None:
    os.makedirs(f"{disk}/sub")
    recorder = Recorder(disk)
    with recorder.recording():
        descriptor = os.open(f"{disk}/sub/file", os.O_WRONLY | os.O_CREAT)
        os.pwrite(descriptor, b"x" * 2048, 0)
        os.close(descriptor)
    found = [contents(made(state, place)).get("file", b"") for _, state in cuts(recorder, seed=7, luck=150)]
    sizes = {content.count(b"x") for content in found}
    assert {0, 2048} < sizes <= {0, 512, 1024, 1536, 2048}
