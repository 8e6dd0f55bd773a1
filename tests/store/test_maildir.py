"""store/maildir: whatever fails, new/ holds whole messages only, and `done` is said when they are on disk."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

import pytest

from qmtwist.mail.errors import Temporary
from qmtwist.store import maildir
from qmtwist.store.content import Unreadable
from tests.support.refusing_disk import Disk, each_failure, open_descriptors, watched

MESSAGE = (b"Return-Path: <s@x>\n", b"Subject: a\n\nbody\n")
WHOLE = b"".join(MESSAGE)
TROUBLE = "Temporary error on maildir delivery. (#4.3.0)"
MISSING = "Unable to chdir to maildir. (#4.2.1)"


@pytest.fixture
def names() -> maildir.Names:
    return maildir.Names(b"mail")


@pytest.fixture
def box(tmp_path: Path) -> Path:
    for name in ("tmp", "new", "cur"):
        (tmp_path / "Maildir" / name).mkdir(parents=True)
    return tmp_path / "Maildir"


def path(box: Path) -> bytes:
    return os.fsencode(box) + b"/"


def contents(box: Path, part: str = "new") -> list[bytes]:
    return [entry.read_bytes() for entry in (box / part).iterdir()]


def test_a_delivered_message_is_in_new_for_its_owner_alone(box: Path, names: maildir.Names) -> None:
    old = os.umask(0)
    try:
        name = maildir.deliver(path(box), names, MESSAGE)
    finally:
        os.umask(old)
    entry = box / "new" / os.fsdecode(name)
    assert entry.read_bytes() == WHOLE
    assert stat.S_IMODE(entry.stat().st_mode) == 0o600
    assert contents(box, "tmp") == contents(box, "cur") == []


def test_the_file_is_synced_before_it_is_visible_and_its_entry_before_success(box: Path, names: maildir.Names) -> None:
    with watched(Disk()) as disk:
        maildir.deliver(path(box), names, MESSAGE)
    steps = [step for step in disk.done if step in ("write", "fsync", "link", "unlink")]
    assert steps == ["write", "write", "fsync", "link", "unlink", "fsync"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ESTALE])
def test_whichever_call_fails_nothing_is_half_delivered(box: Path, names: maildir.Names, code: int) -> None:
    seen = []
    for disk, outcome in each_failure(lambda: maildir.deliver(path(box), names, MESSAGE), code):
        seen.append(disk.failed)
        for content in contents(box):
            assert content == WHOLE
        if isinstance(outcome, bytes):
            # only tidying up failed: the message is there and on disk
            assert disk.failed in ("unlink 1", "close 1"), disk.failed
            assert len(contents(box)) == 1
        else:
            assert isinstance(outcome, Temporary), (disk.failed, outcome)
            assert outcome.text == TROUBLE
            # at the latest when its own directory entry is to be synced the message is in new/, and may stay
            assert contents(box) == [] or disk.failed in ("open 2", "fsync 2", "close 2"), disk.failed
        for part in ("new", "tmp"):
            for entry in (box / part).iterdir():
                entry.unlink()
    assert {"open 1", "write 1", "write 2", "fsync 1", "link 1", "unlink 1", "open 2", "fsync 2"} <= set(seen)


def test_no_descriptor_is_left_open_by_any_failure(box: Path, names: maildir.Names) -> None:
    before = open_descriptors()
    for disk, _ in each_failure(lambda: maildir.deliver(path(box), names, MESSAGE), errno.EIO):
        assert open_descriptors() == before, disk.failed


def test_a_write_may_be_cut_anywhere(box: Path, names: maildir.Names, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.write
    with monkeypatch.context() as patch:
        patch.setattr(os, "write", lambda descriptor, data: real(descriptor, bytes(data)[:1]))
        maildir.deliver(path(box), names, MESSAGE)
    assert contents(box) == [WHOLE]


def test_a_missing_maildir_and_one_that_may_pass_are_told_apart(
    tmp_path: Path, names: maildir.Names, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    for absent in (b"/none/", b"/file/", b"/" + b"x" * 300 + b"/"):
        with pytest.raises(Temporary) as caught:
            maildir.deliver(os.fsencode(tmp_path) + absent, names, MESSAGE)
        assert caught.value.text == MISSING

    def refuse(*_: object) -> None:
        raise OSError(errno.EIO, "")

    with monkeypatch.context() as patch, pytest.raises(Temporary) as caught:
        patch.setattr(os, "stat", refuse)
        maildir.deliver(os.fsencode(tmp_path) + b"/none/", names, MESSAGE)
    assert caught.value.text == TROUBLE


@pytest.mark.parametrize("lacking", ["tmp", "new"])
def test_a_maildir_without_its_parts_is_trouble_and_nothing_stays_in_tmp(
    box: Path, names: maildir.Names, lacking: str
) -> None:
    (box / lacking).rmdir()
    with pytest.raises(Temporary) as caught:
        maildir.deliver(path(box), names, MESSAGE)
    assert caught.value.text == TROUBLE
    assert not (box / "tmp").exists() or contents(box, "tmp") == []


def test_an_unreadable_message_is_said_so_and_leaves_nothing(box: Path, names: maildir.Names) -> None:
    def broken() -> object:
        yield b"begin"
        raise Unreadable(OSError(errno.EIO, ""))

    with pytest.raises(Temporary) as caught:
        maildir.deliver(path(box), names, broken())  # type: ignore[arg-type]
    assert caught.value.text == "Unable to read message. (#4.3.0)"
    assert contents(box, "tmp") == contents(box) == []


def test_a_bug_while_reading_leaves_nothing_either(box: Path, names: maildir.Names) -> None:
    def broken() -> object:
        yield b"begin"
        raise RuntimeError("a bug")

    before = open_descriptors()
    with pytest.raises(RuntimeError):
        maildir.deliver(path(box), names, broken())  # type: ignore[arg-type]
    assert open_descriptors() == before
    assert contents(box, "tmp") == contents(box) == []


class SameNames(maildir.Names):
    """Names that repeat, as after a clock that jumps back in a process that was restored."""

    def make(self) -> bytes:
        self._count += 1
        return b"%d" % (self._count // 2)


def test_a_name_that_is_taken_is_not_overwritten(box: Path) -> None:
    (box / "tmp" / "0").write_bytes(b"somebody else's")
    assert maildir.deliver(path(box), SameNames(b"h"), MESSAGE) == b"1"
    assert (box / "tmp" / "0").read_bytes() == b"somebody else's"


def test_no_message_in_new_is_overwritten(box: Path) -> None:
    (box / "new" / "0").write_bytes(b"somebody else's")
    with pytest.raises(Temporary):
        maildir.deliver(path(box), SameNames(b"h"), MESSAGE)
    assert contents(box) == [b"somebody else's"]
    assert contents(box, "tmp") == []


def test_only_so_many_names_are_tried(box: Path, names: maildir.Names, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(maildir.Names, "make", lambda self: b"same")
    (box / "tmp" / "same").touch()
    with pytest.raises(Temporary):
        maildir.deliver(path(box), names, MESSAGE)


def test_names_differ_within_one_instant_and_between_processes() -> None:
    def frozen() -> int:
        return 1795238029_000042_999

    here, there = (maildir.Names(b"mail", frozen) for _ in range(2))
    made = [names.make() for _ in range(1000) for names in (here, there)]
    assert len(set(made)) == 2000
    assert made[0].startswith(b"1795238029.M42P%dQ1R" % os.getpid())
    assert all(name.endswith(b".mail") for name in made)


@pytest.mark.parametrize(
    ("host", "shown"),
    [(b"a/b:c", b".a\\057b\\072c"), (b"x" * 100, b"." + b"x" * 63), (b"", b".localhost")],
)
def test_a_host_name_cannot_break_a_file_name(host: bytes, shown: bytes) -> None:
    name = maildir.Names(host).make()
    assert name.endswith(shown)
    assert b"/" not in name
    assert b":" not in name


def test_the_host_is_this_machine_unless_said_otherwise() -> None:
    assert (
        maildir.Names().make().endswith(os.fsencode(os.uname().nodename)[:5] + os.fsencode(os.uname().nodename)[5:63])
    )


def test_many_messages_share_the_syncs(box: Path, names: maildir.Names) -> None:
    with watched(Disk()) as disk:
        batch = [maildir.create_in_tmp(path(box), names, [b"%d" % n]) for n in range(20)]
        assert contents(box) == []
        for written in batch:
            os.fsync(written.descriptor)
            maildir.publish(written)
        maildir.sync_new(path(box))
    assert disk.done.count("fsync") == 21
    assert sorted(contents(box)) == sorted(b"%d" % n for n in range(20))
    assert contents(box, "tmp") == []


def test_a_discarded_message_is_gone(box: Path, names: maildir.Names) -> None:
    before = open_descriptors()
    maildir.discard(maildir.create_in_tmp(path(box), names, MESSAGE))
    assert contents(box, "tmp") == contents(box) == []
    assert open_descriptors() == before
