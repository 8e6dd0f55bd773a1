from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.agents.local import mailbox as agent
from qmtwist.agents.local.mailbox import Mailboxes
from qmtwist.wire import mailbox as wire
from qmtwist.wire import spawn
from tests.support.mailboxes import make_maildir


@pytest.fixture
def home(tmp_path: Path) -> Path:
    make_maildir(tmp_path / "Maildir", {"new/1000.a": b"one\n", "new/1001.b": b"two\n", "cur/0999.c:2,S": b"three"})
    return tmp_path


def ask(boxes: Mailboxes, home: Path, kind: bytes, payload: bytes) -> spawn.Frame:
    answers = boxes.handle(spawn.Frame(kind, 7, payload), os.fsencode(home))
    assert [descriptor for _, descriptor in answers] == [None]
    (frame,) = spawn.FrameReader().receive(answers[0][0])
    assert frame.number == 7
    return frame


def enter(boxes: Mailboxes, home: Path) -> wire.Listing:
    frame = ask(boxes, home, spawn.OPEN, wire.encode_open(b"joe", b"Maildir"))
    assert frame.kind == spawn.LISTING
    return wire.parse_listing(frame.payload)


def fetch(boxes: Mailboxes, home: Path, handle: bytes, position: int, offset: int = 0) -> spawn.Frame:
    return ask(boxes, home, spawn.FETCH, wire.encode_fetch(wire.Fetch(handle, position, offset)))


def leave(boxes: Mailboxes, home: Path, handle: bytes, deletions: tuple[int, ...] | None) -> spawn.Frame:
    return ask(boxes, home, spawn.LEAVE, wire.encode_leave(wire.Leave(handle, deletions)))


def files(home: Path) -> list[str]:
    return sorted(f"{room}/{name}" for room in ("new", "cur") for name in os.listdir(home / "Maildir" / room))


def test_open_lists_names_and_the_sizes_as_sent(home: Path) -> None:
    listing = enter(Mailboxes(), home)
    assert sorted(zip(listing.names, listing.sizes, strict=True)) == [(b"0999.c", 7), (b"1000.a", 5), (b"1001.b", 5)]


def test_fetch_gives_the_stored_bytes(home: Path) -> None:
    boxes = Mailboxes()
    listing = enter(boxes, home)
    frame = fetch(boxes, home, listing.handle, listing.names.index(b"0999.c"))
    assert (frame.kind, wire.parse_content(frame.payload)) == (spawn.CONTENT, (b"three", False))


@pytest.mark.parametrize("size", [wire.PIECE_BYTES - 1, wire.PIECE_BYTES, wire.PIECE_BYTES + 1, 3 * wire.PIECE_BYTES])
def test_a_big_message_comes_in_pieces_even_if_it_is_moved_meanwhile(tmp_path: Path, size: int) -> None:
    text = os.urandom(size)
    make_maildir(tmp_path / "Maildir", {"new/1.a": text})
    boxes = Mailboxes()
    handle = enter(boxes, tmp_path).handle
    found, has_more = b"", True
    while has_more:
        piece, has_more = wire.parse_content(fetch(boxes, tmp_path, handle, 0, len(found)).payload)
        assert len(piece) <= wire.PIECE_BYTES
        found += piece
        if (tmp_path / "Maildir/new/1.a").exists():
            os.unlink(tmp_path / "Maildir/new/1.a")
    assert found == text


def test_deleting_happens_at_leave_and_the_others_move_to_cur(home: Path) -> None:
    boxes = Mailboxes()
    listing = enter(boxes, home)
    before = files(home)
    fetch(boxes, home, listing.handle, 0)
    assert files(home) == before
    frame = leave(boxes, home, listing.handle, (listing.names.index(b"1000.a"),))
    assert (frame.kind, frame.payload) == (spawn.LEFT, b"0")
    assert files(home) == ["cur/0999.c:2,S", "cur/1001.b:2,"]
    assert len(boxes) == 0


def test_a_session_that_is_cut_off_changes_nothing(home: Path) -> None:
    boxes = Mailboxes()
    before = files(home)
    leave(boxes, home, enter(boxes, home).handle, None)
    assert files(home) == before
    enter(boxes, home)
    boxes.close()
    assert (files(home), len(boxes)) == (before, 0)


def test_what_was_deleted_by_somebody_else_is_no_failure(home: Path) -> None:
    boxes = Mailboxes()
    first, second = enter(boxes, home), enter(boxes, home)
    assert leave(boxes, home, first.handle, (0, 1, 2)).payload == b"0"
    assert leave(boxes, home, second.handle, (0, 1, 2)).payload == b"0"
    assert files(home) == []


def test_only_what_was_listed_under_the_handle_can_be_read_or_deleted(home: Path) -> None:
    boxes = Mailboxes()
    handle = enter(boxes, home).handle
    assert fetch(boxes, home, handle, 3).payload == b"Dunable to open that message"
    assert leave(boxes, home, handle, (3,)).kind == spawn.REFUSAL
    assert fetch(boxes, home, b"\0" * 8, 0).payload == b"Zthe mailbox is not open any more"
    assert leave(boxes, home, b"\0" * 8, (0,)).payload[:1] == b"Z"
    assert len(files(home)) == 3


def test_nonsense_is_refused_and_nothing_breaks(home: Path) -> None:
    boxes = Mailboxes()
    for kind in (spawn.OPEN, spawn.FETCH, spawn.LEAVE, spawn.DELIVER):
        assert ask(boxes, home, kind, b"x").kind == spawn.REFUSAL


def test_no_maildir_is_said_in_qmails_words_and_none_is_made(tmp_path: Path) -> None:
    frame = ask(Mailboxes(), tmp_path, spawn.OPEN, wire.encode_open(b"joe", b"Maildir"))
    assert (frame.kind, frame.payload) == (spawn.REFUSAL, b"Dthis user has no $HOME/Maildir")
    assert os.listdir(tmp_path) == []


@pytest.mark.parametrize("limit", [1, 3])
def test_more_mailboxes_than_the_limit_are_put_off(home: Path, limit: int) -> None:
    boxes = Mailboxes(limit=limit)
    handles = [enter(boxes, home).handle for _ in range(limit)]
    frame = ask(boxes, home, spawn.OPEN, wire.encode_open(b"joe", b"Maildir"))
    assert (frame.kind, frame.payload[:1]) == (spawn.REFUSAL, b"Z")
    leave(boxes, home, handles[0], None)
    enter(boxes, home)


def test_no_descriptor_is_left_behind(home: Path) -> None:
    boxes = Mailboxes()
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(3):
        listing = enter(boxes, home)
        fetch(boxes, home, listing.handle, 0)
        leave(boxes, home, listing.handle, None)
    assert len(os.listdir("/proc/self/fd")) == before


def test_sizes_come_from_names_and_are_counted_for_a_few(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(agent, "COUNTED_MESSAGES", 2)
    messages = {"new/1,W=77": b"a\n", "new/2": b"a\nb\n", "new/3": b"a\r\nb\r", "new/4": b"a\n"}
    make_maildir(tmp_path / "Maildir", messages)
    boxes = Mailboxes()
    first = enter(boxes, tmp_path)
    assert dict(zip(first.names, first.sizes, strict=True)) == {b"1,W=77": 77, b"2": 6, b"3": 6, b"4": 2}
    again = enter(boxes, tmp_path)
    assert dict(zip(again.names, again.sizes, strict=True))[b"4"] == 3
