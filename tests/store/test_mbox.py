"""store/mbox: a message is appended whole or not at all."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from qmtwist.mail.errors import Temporary
from qmtwist.store import mbox
from qmtwist.store.content import Unreadable
from qmtwist.store.lock import Locked
from tests.support.refusing_disk import Disk, each_failure, open_descriptors, watched

HEAD = b"From s@x Sat Nov 21 05:13:49 2026\nReturn-Path: <s@x>\n"
OLD = b"From old\n\nold\n\n"


def append(path: Path, *pieces: bytes) -> None:
    mbox.append(os.fsencode(path), b"./" + os.fsencode(path.name), HEAD, pieces or (b"Subject: a\n\nFrom b\n",))


ADDED = HEAD + b"Subject: a\n\n>From b\n\n"


def test_a_new_file_is_for_its_owner_alone(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        append(tmp_path / "box")
    finally:
        os.umask(old)
    assert (tmp_path / "box").read_bytes() == ADDED
    assert stat.S_IMODE((tmp_path / "box").stat().st_mode) == 0o600


def test_messages_follow_each_other(tmp_path: Path) -> None:
    for _ in range(3):
        append(tmp_path / "box")
    assert (tmp_path / "box").read_bytes() == ADDED * 3


@pytest.mark.parametrize(("message", "shown"), [(b"", b""), (b"x", b"x\n"), (b"a\r\n\0\xff", b"a\r\n\0\xff\n")])
def test_bytes_stay_as_they_are_but_the_last_line_ends(tmp_path: Path, message: bytes, shown: bytes) -> None:
    append(tmp_path / "box", message)
    assert (tmp_path / "box").read_bytes() == HEAD + shown + b"\n"


def test_the_directory_of_a_new_file_is_synced_but_not_of_an_old_one(tmp_path: Path) -> None:
    with watched(Disk()) as first:
        append(tmp_path / "box")
    with watched(Disk()) as second:
        append(tmp_path / "box")
    assert first.done.count("fsync") == 2
    assert second.done.count("fsync") == 1


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT])
@pytest.mark.parametrize("old", [OLD, b""])
def test_whichever_call_fails_the_file_is_as_before_or_complete(tmp_path: Path, code: int, old: bytes) -> None:
    box = tmp_path / "box"
    box.write_bytes(old)
    seen, before = [], open_descriptors()
    for disk, outcome in each_failure(lambda: append(box), code):
        seen.append(disk.failed)
        assert open_descriptors() == before
        content = box.read_bytes()
        if outcome is None:
            assert content == old + ADDED
            # closing loses nothing any more; the first fstat only asks which locks to take
            assert disk.failed.startswith("close") or disk.failed == "fstat 1", disk.failed
        else:
            assert isinstance(outcome, Temporary), (disk.failed, outcome)
            assert content == old, disk.failed
            assert outcome.text.startswith(("Unable to open ./box: ", "Unable to write ./box: "))
        box.write_bytes(old)
    assert {"open 1", "write 1", "write 2", "write 3", "fsync 1", "close 1"} <= set(seen)


def test_a_write_may_be_cut_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:1]))
        append(tmp_path / "box")
    assert (tmp_path / "box").read_bytes() == ADDED


@pytest.mark.parametrize(
    ("name", "report"),
    [
        ("none/box", "Unable to open ./box: file does not exist. (#4.2.1)"),
        ("dir", "Unable to open ./dir: is a directory. (#4.2.1)"),
        ("fifo", "Unable to open ./fifo: unknown error. (#4.2.1)"),
    ],
)
def test_what_cannot_be_opened_is_reported_by_the_name_it_was_given(tmp_path: Path, name: str, report: str) -> None:
    (tmp_path / "dir").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(Temporary) as caught:
        append(tmp_path / name)
    assert caught.value.text == report


def test_a_name_of_any_bytes_comes_back_in_the_report(tmp_path: Path) -> None:
    with pytest.raises(Temporary) as caught:
        mbox.append(os.fsencode(tmp_path) + b"/no/\xff", b"./no/\xff\xc3\xbc", HEAD, ())
    assert b"./no/\xff\xc3\xbc: " in caught.value.text.encode("utf-8", "surrogateescape")


def test_a_locked_file_defers_and_is_not_touched(tmp_path: Path) -> None:
    def locked(descriptor: int, limit_s: float) -> bool:
        assert limit_s == 30
        raise Locked

    (tmp_path / "box").write_bytes(OLD)
    with pytest.raises(Temporary) as caught:
        mbox.append(os.fsencode(tmp_path / "box"), b"./box", HEAD, (b"x",), locked)
    assert caught.value.text == "File has been locked for 30 seconds straight. (#4.3.0)"
    assert (tmp_path / "box").read_bytes() == OLD


def broken(error: Exception) -> object:
    yield b"begin\n"
    raise error


def test_an_unreadable_message_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    (tmp_path / "box").write_bytes(OLD)
    for error in (Unreadable(OSError(errno.EIO, "")), RuntimeError("a bug")):
        with pytest.raises(type(error)):
            mbox.append(os.fsencode(tmp_path / "box"), b"./box", HEAD, broken(error))  # type: ignore[arg-type]
        assert (tmp_path / "box").read_bytes() == OLD


def test_a_file_that_is_not_locked_is_not_cut(tmp_path: Path) -> None:
    # somebody else may have written behind us: their message is worth more than our tidiness
    (tmp_path / "box").write_bytes(OLD)
    with pytest.raises(Unreadable):
        mbox.append(
            os.fsencode(tmp_path / "box"), b"./box", HEAD,
            broken(Unreadable(OSError(errno.EIO, ""))),  # type: ignore[arg-type]
            lambda descriptor, limit_s: False,
        )  # fmt: skip
    assert (tmp_path / "box").read_bytes() == OLD + HEAD + b"begin\n"


def test_a_symbolic_link_is_followed(tmp_path: Path) -> None:
    (tmp_path / "far").mkdir()
    (tmp_path / "box").symlink_to("far/box")
    append(tmp_path / "box")
    assert (tmp_path / "far" / "box").read_bytes() == ADDED
