"""S4 to S5."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from qmtwist.mail.envelope import Envelope
from qmtwist.store import durable
from qmtwist.store.queue import preprocess as module
from qmtwist.store.queue import rest
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.preprocess import Preprocessed, preprocess
from qmtwist.wire.text0 import TodoEntry, encode_todo
from tests.support.faults import FaultyOs
from tests.support.queues import files, make_queue, put

NOW = 1795238029


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    return make_queue(str(tmp_path / "queue"))


def sort(recipient: bytes) -> tuple[str, bytes]:
    return ("remote", recipient) if recipient.endswith(b"far") else ("local", b"v-" + recipient)


def put_queued(layout: Layout, number: int, *recipients: bytes, data: bytes | None = None) -> bytes:
    """A message in S4; its todo entry."""
    entry = encode_todo(TodoEntry(1000, 77, Envelope(b"s@x", recipients))) if data is None else data
    put(layout.mess(number), b"Subject: t\n\n")
    put(layout.intd(number), entry)
    os.link(layout.intd(number), layout.todo(number))
    return entry


def test_recipients_are_sorted_to_their_channels(layout: Layout) -> None:
    put_queued(layout, 30, b"a@x", b"b@far", b"c@x")
    assert preprocess(layout, [30], sort, NOW) == [Preprocessed(30, 1000, 77, b"s@x", 12, NOW, ("local", "remote"), "")]
    assert files(layout) == {
        "mess/7/30": b"Subject: t\n\n",
        "info/7/30": b"Fs@x\0",
        "local/7/30": b"Tv-a@x\0Tv-c@x\0",
        "remote/7/30": b"Tb@far\0",
    }
    assert os.stat(layout.info(30)).st_mtime == NOW


def test_a_message_without_recipients_has_no_channels(layout: Layout) -> None:
    put_queued(layout, 30)
    (result,) = preprocess(layout, [30], sort, NOW)
    assert result.channels == ()
    assert sorted(files(layout)) == ["info/7/30", "mess/7/30"]


def test_what_is_there_beside_todo_is_not_trusted(layout: Layout) -> None:
    put_queued(layout, 30, b"a@x")
    for path in (layout.info(30), layout.channel("local", 30), layout.channel("remote", 30)):
        put(path, b"remains")
    preprocess(layout, [30], sort, NOW)
    assert sorted(files(layout)) == ["info/7/30", "local/7/30", "mess/7/30"]
    assert files(layout)["local/7/30"] == b"Tv-a@x\0"


@pytest.mark.parametrize(
    ("entry", "problem", "sender"),
    [
        (b"u1\0p2\0Fs@x\0Zbad\0", "unknown record type in todo/30", b"s@x"),
        (b"u1\0p2\0Fs@x\0Tr@x", "unterminated record in todo/30", b"s@x"),
        (b"ux\0p2\0Fs@x\0", "not a number in todo/30", None),
        (b"u1\0p2\0Tr@x\0", "no sender in todo/30", None),
        (b"", "no sender in todo/30", None),
    ],
)
def test_a_damaged_entry_is_told_and_kept_and_the_others_go_on(
    layout: Layout, entry: bytes, problem: str, sender: bytes | None
) -> None:
    put_queued(layout, 30, data=entry)
    put_queued(layout, 31, b"a@x")
    bad, good = preprocess(layout, [30, 31], sort, NOW)
    assert (bad.problem, bad.sender) == (problem, sender)
    assert good.problem == ""
    left = files(layout)
    assert left["todo/30"] == entry
    assert "mess/7/30" in left
    assert "todo/31" not in left


def test_an_entry_without_its_message_is_told_and_kept(layout: Layout) -> None:
    put_queued(layout, 30, b"a@x")
    os.unlink(layout.mess(30))
    (result,) = preprocess(layout, [30], sort, NOW)
    assert result.problem == "unable to stat mess/7/30"
    assert "todo/30" in files(layout)


def test_an_entry_that_has_gone_is_told(layout: Layout) -> None:
    put(layout.mess(30), b"")
    assert preprocess(layout, [30], sort, NOW)[0].problem == "unable to open todo/30"


def test_nothing_leaves_todo_before_all_is_synced(layout: Layout, monkeypatch: pytest.MonkeyPatch) -> None:
    put_queued(layout, 30, b"a@x")
    put_queued(layout, 31, b"a@x")

    def refuse(path: str) -> None:
        raise OSError(errno.EIO, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(module, "sync_filesystem", refuse)
        results = preprocess(layout, [30, 31], sort, NOW)
    assert [result.problem for result in results] == ["trouble fsyncing queue: Input/output error"] * 2
    assert {"todo/30", "todo/31"} <= set(files(layout))
    assert [result.problem for result in preprocess(layout, [30, 31], sort, NOW)] == ["", ""]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EMFILE, errno.EACCES])
def test_whatever_disk_call_fails_the_step_can_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    failing, problems = 0, 0
    while True:
        failing += 1
        layout = make_queue(str(tmp_path / f"queue{failing}"))
        put_queued(layout, 30, b"a@x", b"b@far")
        faulty = FaultyOs(failing, code)
        with monkeypatch.context() as patch:
            for place in (module, rest, durable):
                patch.setattr(place, "os", faulty)
            (result,) = preprocess(layout, [30], sort, NOW)
        if result.problem:
            problems += 1
            assert "todo/30" in files(layout)
            (result,) = preprocess(layout, [30], sort, NOW)
        assert result.problem == ""
        assert sorted(files(layout)) == ["info/7/30", "local/7/30", "mess/7/30", "remote/7/30"]
        if not faulty.has_failed:
            break
    assert problems > 15
