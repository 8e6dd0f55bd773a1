"""store/maildir_to_mbox: no failure and no power cut loses a message; at worst it comes twice."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
import stat
import time
from collections import Counter
from pathlib import Path

import pytest

from qmtwist.rules.mboxread import Start, read_mbox
from qmtwist.store import maildir, mbox
from qmtwist.store.maildir_to_mbox import move
from qmtwist.store.refusal import Refused
from tests.support.mailboxes import make_maildir
from tests.support.powercut import Recorder, cuts
from tests.support.refusing_disk import each_failure

OLD = b"From x Thu Jan  1 00:00:00 1970\n\nold\n\n"
TEXTS = [b"Return-Path: <a@b>\n\nFrom one\n" + b"1" * 3000 + b"\n", b"Return-Path: <>\n\ntwo", b"Subject: three\n\n3\n"]
NAMES = ["new/1.h", "cur/2.h:2,S", "new/3.h"]
WHOLE = [text if text.endswith(b"\n") else text + b"\n" for text in TEXTS]


class Place:
    """A maildir with three messages, and an mbox beside it."""

    def __init__(self, top: Path) -> None:
        self.top, self.maildir, self.mbox = top, top / "Maildir", top / "mbox"
        self.temporary = top / "mbox.tmp"
        self.warnings: list[bytes] = []

    def fill(self) -> Place:
        shutil.rmtree(self.maildir, ignore_errors=True)
        make_maildir(self.maildir, dict(zip(NAMES, TEXTS, strict=True)))
        self.mbox.write_bytes(OLD)
        self.warnings.clear()
        return self

    def move(self, now: float | None = None) -> None:
        paths = [os.fsencode(path) for path in (self.maildir, self.mbox, self.temporary)]
        move(*paths, int(time.time() if now is None else now) + 10, self.warnings.append)

    def waiting(self) -> list[bytes]:
        return [path.read_bytes() for room in ("new", "cur") for path in sorted((self.maildir / room).iterdir())]

    def arrived(self) -> list[bytes]:
        """The messages of the mbox, without the one that was there before."""
        found: list[bytes] = []
        for event in read_mbox([self.mbox.read_bytes()]):
            if isinstance(event, Start):
                found.append(b"")
            else:
                found[-1] += event
        return found[1:]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Place:
    monkeypatch.chdir(tmp_path)
    return Place(tmp_path).fill()


def test_all_messages_go_oldest_first_and_an_unterminated_line_is_kept(place: Place) -> None:
    place.move()
    assert place.mbox.read_bytes().startswith(OLD + b"From a@b ")
    assert place.arrived() == WHOLE and place.waiting() == [] and place.warnings == []
    assert b"\n>From one\n" in place.mbox.read_bytes()
    assert not place.temporary.exists() and stat.S_IMODE(place.mbox.stat().st_mode) == 0o600


def test_an_mbox_whose_last_line_was_cut_off_swallows_no_message(place: Place) -> None:
    place.mbox.write_bytes(OLD + b"From y\n\ncut o")
    place.move()
    assert place.arrived() == [b"\ncut o\n", *WHOLE]


@pytest.mark.parametrize("text", [b"", b"Return-Path: <a@b>", b"\n\n\n", b"\0\xff\r\n", b"x" * 300_000, b">From \n"])
def test_a_message_of_any_bytes_comes_out_as_it_was(place: Place, text: bytes) -> None:
    (place.maildir / "new" / "0").write_bytes(text)
    os.utime(place.maildir / "new" / "0", (1, 1))
    place.move()
    assert place.arrived()[0] == text + (b"" if text[-1:] in (b"", b"\n") else b"\n")


def test_a_symbolic_link_to_the_mbox_stays_one(place: Place) -> None:
    place.mbox.rename(place.top / "real")
    place.mbox.symlink_to("real")
    place.move()
    assert place.mbox.is_symlink() and place.arrived() == WHOLE


def test_the_temporary_file_must_not_be_the_mbox(place: Place) -> None:
    place.temporary.symlink_to(place.mbox)
    with pytest.raises(Refused, match="MAILTMP is the same file as MAIL"):
        place.move()
    assert place.mbox.read_bytes() == OLD and len(place.waiting()) == 3


def test_what_is_no_regular_file_is_left_alone(place: Place) -> None:
    place.mbox.unlink()
    os.mkfifo(place.mbox)
    with pytest.raises(Refused, match="is not a regular file"):
        place.move()
    assert stat.S_ISFIFO(place.mbox.stat().st_mode) and len(place.waiting()) == 3


def test_young_messages_stay(place: Place) -> None:
    place.move(now=time.time() - 20_000)
    assert place.mbox.read_bytes() == OLD and len(place.waiting()) == 3


@pytest.mark.parametrize("part", ["tmp", "new", "cur"])
def test_a_part_of_the_maildir_that_is_missing(place: Place, part: str) -> None:
    shutil.rmtree(place.maildir / part)
    if part == "tmp":
        place.move()
        assert place.arrived() == WHOLE
    else:
        with pytest.raises(Refused, match=rf"unable to scan \$MAILDIR/{part}: file does not exist"):
            place.move()


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_whichever_call_fails_every_message_is_somewhere(place: Place, code: int) -> None:
    seen = []
    for disk, outcome in each_failure(place.move, code):
        seen.append(disk.failed)
        arrived, waiting = place.arrived(), place.waiting()
        assert place.mbox.read_bytes().startswith(OLD), disk.failed
        assert arrived in ([], WHOLE), disk.failed
        if outcome is None:
            assert arrived == WHOLE, disk.failed
            assert len(waiting) == len(place.warnings), disk.failed
        else:
            assert isinstance(outcome, Refused), (disk.failed, outcome)
            assert sorted(waiting) == sorted(TEXTS), disk.failed
        assert not place.temporary.exists(), disk.failed
        place.fill()
    assert {"write 1", "write 5", "fsync 1", "fsync 2", "rename 1", "unlink 2", "unlink 3", "unlink 4"} <= set(seen)


def test_a_message_that_cannot_be_removed_is_announced(place: Place) -> None:
    told = []
    for disk, outcome in each_failure(place.move, errno.EACCES):
        if disk.failed in ("unlink 2", "unlink 3", "unlink 4"):
            assert outcome is None
            told += place.warnings
        place.fill()
    assert told == [
        b"$MAILDIR/%s will be delivered twice; unable to unlink: access denied" % name.encode() for name in NAMES
    ]


def test_no_power_cut_loses_a_message(memory_directory: str, monkeypatch: pytest.MonkeyPatch) -> None:
    disk, again = Path(memory_directory, "disk"), Path(memory_directory, "again")
    disk.mkdir()
    place = Place(disk).fill()
    place.temporary.write_bytes(b"of a run before")
    monkeypatch.chdir(memory_directory)
    recorder = Recorder(str(disk))
    with recorder.recording():
        place.move()
    moved = 0
    for length, state in cuts(recorder, seed=8, luck=4):
        monkeypatch.chdir(memory_directory)
        shutil.rmtree(again, ignore_errors=True)
        state.make(str(again))
        found = Place(again)
        assert found.mbox.read_bytes().startswith(OLD), length
        arrived, waiting = found.arrived(), found.waiting()
        assert arrived in ([], WHOLE), length
        assert arrived or sorted(waiting) == sorted(TEXTS), length
        moved += bool(arrived)
        found.move()  # the next run puts it right: everything is there, once or twice
        counts = Counter(found.arrived())
        assert set(counts) == set(WHOLE) and max(counts.values()) <= 2, length
        assert found.waiting() == [] and not found.temporary.exists(), length
    assert moved


def child(work: object) -> int:
    pid = os.fork()
    if not pid:
        status = 1
        try:
            work()  # type: ignore[operator]
            status = 0
        except BaseException:
            import traceback

            traceback.print_exc()
        finally:
            os._exit(status)
    return pid


def test_movers_and_deliveries_at_once_neither_lose_nor_repeat(place: Place) -> None:
    """Two movers, deliveries into the maildir, and deliveries straight into the mbox that wait for its lock."""
    shutil.rmtree(place.maildir)
    make_maildir(place.maildir, {})

    def deliver() -> None:
        names = maildir.Names()
        for number in range(60):
            maildir.deliver(os.fsencode(place.maildir) + b"/", names, [b"maildir %d\n" % number])

    def append() -> None:
        for number in range(60):
            mbox.append(os.fsencode(place.mbox), b"mbox", b"From y\n", [b"mbox %d\n" % number])

    def mover() -> None:
        for _ in range(25):
            place.move()

    pids = [child(work) for work in (deliver, append, mover, mover)]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
    place.move()
    expected = [b"maildir %d\n" % number for number in range(60)] + [b"mbox %d\n" % number for number in range(60)]
    assert sorted(place.arrived()) == sorted(expected)


def test_who_has_waited_for_the_lock_takes_the_file_that_has_the_name_now(place: Place) -> None:
    held = os.open(place.mbox, os.O_RDWR)
    fcntl.flock(held, fcntl.LOCK_EX)

    def append() -> None:
        os.close(held)  # a lock belongs to all who have inherited its descriptor
        mbox.append(os.fsencode(place.mbox), b"mbox", b"From y\n", [b"late\n"])

    pid = child(append)
    wait_until_opened(pid, place.mbox)
    place.temporary.write_bytes(OLD)
    place.temporary.rename(place.mbox)
    os.close(held)
    assert os.waitpid(pid, 0)[1] == 0
    assert place.arrived() == [b"late\n"]


def wait_until_opened(pid: int, path: Path) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            try:
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") == str(path) and int(descriptor) > 2:
                    fdinfo = Path(f"/proc/{pid}/fdinfo/{descriptor}").read_text(encoding="ascii")
                    if int(fdinfo.split("flags:")[1].split()[0], 8) & os.O_APPEND:
                        return
            except FileNotFoundError:
                continue
        time.sleep(0.01)
    raise AssertionError("it did not open the file")
