"""store/mbox_to_maildir: all messages or none, and the mbox keeps them until they are on disk."""

from __future__ import annotations

import errno
import os
import shutil
import stat
from collections import Counter
from pathlib import Path

import pytest

from qmtwist.rules.mboxquote import from_line, quoted
from qmtwist.store.maildir import Names
from qmtwist.store.mbox_to_maildir import NoMbox, copy
from qmtwist.store.refusal import Refused
from tests.support.mailboxes import make_maildir
from tests.support.powercut import Recorder, cuts
from tests.support.refusing_disk import each_failure, open_descriptors

TEXTS = [b"Subject: 1\n\nFrom one\n" + b"1" * 3000 + b"\n", b"Status: RO\nX-Status: F\n\ntwo\n", b"Status: O\n\n3\n"]
MBOX = b"".join(from_line(b"a@b", at) + b"".join(quoted([text])) + b"\n" for at, text in enumerate(TEXTS, 10**9))
NOW = 2_000_000_000


class Place:
    """An mbox with three messages, and an empty maildir beside it."""

    def __init__(self, top: Path) -> None:
        self.maildir, self.mbox = top / "Maildir", top / "mbox"
        self.is_emptying = False

    def fill(self) -> Place:
        shutil.rmtree(self.maildir, ignore_errors=True)
        make_maildir(self.maildir, {})
        self.mbox.write_bytes(MBOX)
        return self

    def copy(self) -> int:
        paths = os.fsencode(self.mbox), os.fsencode(self.maildir)
        return copy(*paths, Names(b"h"), NOW, self.is_emptying)

    def files(self, *rooms: str) -> list[Path]:
        found = [path for room in rooms for path in (self.maildir / room).iterdir()]
        return sorted(found, key=lambda path: path.stat().st_mtime)

    def arrived(self) -> list[bytes]:
        return [path.read_bytes() for path in self.files("new", "cur")]


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path).fill()


def test_messages_keep_their_bytes_their_dates_and_their_flags(place: Place) -> None:
    assert place.copy() == 3
    found = place.files("new", "cur")
    assert [path.read_bytes() for path in found] == TEXTS
    assert [path.stat().st_mtime for path in found] == [10**9, 10**9 + 1, 10**9 + 2]
    assert [path.parent.name for path in found] == ["new", "cur", "cur"]
    assert [path.name.partition(":")[2] for path in found] == ["", "2,FS", "2,"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in found} == {0o600}
    assert place.mbox.read_bytes() == MBOX and place.files("tmp") == []


def test_the_mbox_is_emptied_only_if_asked_to(place: Place) -> None:
    before = place.mbox.stat().st_ino
    place.is_emptying = True
    assert place.copy() == 3
    assert place.mbox.read_bytes() == b"" and place.mbox.stat().st_ino == before
    assert place.arrived() == TEXTS
    assert place.copy() == 0


def test_what_has_no_date_gets_the_files_and_nothing_is_of_tomorrow(place: Place) -> None:
    place.mbox.write_bytes(b"From a\n\nx\n\n" + from_line(b"b", NOW + 10**6) + b"\ny\n\n")
    os.utime(place.mbox, (10**9, 10**9))
    place.copy()
    assert [(path.read_bytes(), path.stat().st_mtime) for path in place.files("new")] == [
        (b"\nx\n", 10**9),
        (b"\ny\n", NOW),
    ]


@pytest.mark.parametrize("text", [b"Subject: x\n\n", b"\n" + MBOX])
def test_what_is_no_mbox_is_refused_for_good(place: Place, text: bytes) -> None:
    place.mbox.write_bytes(text)
    place.is_emptying = True
    with pytest.raises(NoMbox, match="is not an mbox file: it does not begin with a From_ line"):
        place.copy()
    assert place.mbox.read_bytes() == text and place.files("tmp", "new", "cur") == []
    place.mbox.unlink()
    os.mkfifo(place.mbox)
    with pytest.raises(NoMbox, match="is not a regular file"):
        place.copy()


def test_a_maildir_that_is_none_is_refused_before_anything_is_done(place: Place) -> None:
    (place.maildir / "cur").rmdir()
    with pytest.raises(Refused, match=r"unable to open maildir .*: file does not exist"):
        place.copy()
    assert place.files("tmp", "new") == []


def test_an_mbox_that_grows_in_spite_of_the_lock_is_not_emptied(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.is_emptying = True
    real = os.link

    def link(*words: bytes) -> None:
        with place.mbox.open("ab") as stream:
            stream.write(b"From late\n\nlate\n\n")
        real(*words)

    monkeypatch.setattr(os, "link", link)
    with pytest.raises(Refused, match=r"all messages were copied, but .*mbox has changed and was not emptied"):
        place.copy()
    assert place.arrived() == TEXTS and place.mbox.read_bytes().startswith(MBOX)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_whichever_call_fails_all_messages_are_there_or_none(place: Place, code: int) -> None:
    place.is_emptying = True
    seen, before = [], open_descriptors()
    for disk, outcome in each_failure(place.copy, code):
        seen.append(disk.failed)
        assert open_descriptors() == before, disk.failed
        assert place.arrived() in ([], TEXTS), disk.failed
        if isinstance(outcome, int):
            assert place.arrived() == TEXTS and place.mbox.read_bytes() == b"", disk.failed
        else:
            assert isinstance(outcome, Refused), (disk.failed, outcome)
            is_there = outcome.text.startswith(b"all messages were copied, but ")
            assert place.arrived() == (TEXTS if is_there else []), (disk.failed, outcome)
            # a truncation whose sync fails has happened; the messages are on disk in the maildir
            assert place.mbox.read_bytes() == (b"" if disk.failed == seen_last_sync(seen) and is_there else MBOX)
            assert place.files("tmp") == [], disk.failed
        place.fill()
    assert {"open 6", "write 1", "fsync 6", "link 1", "link 3", "ftruncate 1"} <= set(seen)


def seen_last_sync(seen: list[str]) -> str:
    """The sync behind the truncation, once that was tried."""
    return seen[-1] if "ftruncate 1" in seen and seen[-1].startswith("fsync") else ""


def test_no_power_cut_loses_a_message(memory_directory: str) -> None:
    disk, again = Path(memory_directory, "disk"), Path(memory_directory, "again")
    disk.mkdir()
    place = Place(disk).fill()
    place.is_emptying = True
    recorder = Recorder(str(disk))
    with recorder.recording():
        place.copy()
    emptied = 0
    for length, state in cuts(recorder, seed=9, luck=4):
        shutil.rmtree(again, ignore_errors=True)
        state.make(str(again))
        found = Place(again)
        assert set(found.arrived()) <= set(TEXTS), length
        assert found.mbox.read_bytes() in (MBOX, b""), length
        if not found.mbox.read_bytes():
            assert sorted(found.arrived()) == sorted(TEXTS), length
            emptied += 1
        found.is_emptying = True
        found.copy()  # the next run puts it right: everything is there, once or twice
        counts = Counter(found.arrived())
        assert set(counts) == set(TEXTS) and max(counts.values()) <= 2, length
    assert emptied
