"""The log in a directory of multilog, and in the journal."""

from __future__ import annotations

import array
import errno
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.control.accounts import SystemAccount
from qmtwist.logbook.selection import Rotation
from qmtwist.services.log.places import Directory, Journal, acting_as
from qmtwist.services.log.writer import LogWriter
from qmtwist.store import logdir
from qmtwist.store.logdir import CannotOpen

LIMIT_S = 60.0
NOBODY = SystemAccount(65534, 65534)
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="root only")


def lost(count: int) -> bytes:
    return b"lost: %d" % count


def old_files(directory: Path) -> list[Path]:
    return sorted(each for each in directory.iterdir() if each.name.startswith("@"))


def test_lines_are_in_current_which_is_marked_when_closed(tmp_path: Path) -> None:
    place = Directory(os.fsencode(tmp_path / "log"), Rotation())
    place.put([b"one", b"x" * 5000])
    current = tmp_path / "log" / "current"
    assert current.read_bytes() == b"one\n" + b"x" * 5000 + b"\n"
    assert current.stat().st_mode & 0o777 == 0o644
    place.close()
    assert current.stat().st_mode & 0o777 == 0o744


def test_a_directory_keeps_its_number_of_files_of_its_size(tmp_path: Path) -> None:
    place = Directory(os.fsencode(tmp_path), Rotation(4096, 3))
    lines = [b"%099d" % at for at in range(200)]
    place.put(lines)
    place.close()
    files = [*old_files(tmp_path), tmp_path / "current"]
    assert len(files) == 3
    assert all(each.stat().st_size <= 4096 and each.name.endswith((".s", "current")) for each in files)
    kept = b"".join(each.read_bytes() for each in files).splitlines()
    assert kept == lines[-len(kept) :]


def test_the_next_server_goes_on_in_the_same_file(tmp_path: Path) -> None:
    for line in (b"one", b"two"):
        place = Directory(os.fsencode(tmp_path), Rotation())
        place.put([line])
        place.close()
    assert (tmp_path / "current").read_bytes() == b"one\ntwo\n"


def test_a_new_file_can_be_asked_for(tmp_path: Path) -> None:
    place = Directory(os.fsencode(tmp_path), Rotation())
    place.rotate()
    assert old_files(tmp_path) == []
    place.put([b"one"])
    place.rotate()
    assert [each.read_bytes() for each in old_files(tmp_path)] == [b"one\n"]
    assert (tmp_path / "current").read_bytes() == b""
    place.close()


def test_nobody_else_can_write_there(tmp_path: Path) -> None:
    place = Directory(os.fsencode(tmp_path), Rotation())
    with pytest.raises(CannotOpen, match="unable to lock directory"):
        Directory(os.fsencode(tmp_path), Rotation())
    place.close()


def test_a_full_disk_is_waited_for_and_only_the_thread_waits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[bytes] = []
    is_full, may_go = threading.Event(), threading.Event()
    real_write = os.write

    class Waits(logdir.Patience):
        def warn(self, what: bytes, error: OSError | None = None) -> None:
            said.append(what)
            is_full.set()
            assert may_go.wait(LIMIT_S)

    def full_write(descriptor: int, data: bytes) -> int:
        if not may_go.is_set():
            raise OSError(errno.ENOSPC, "full")
        return real_write(descriptor, data)

    place = Directory(os.fsencode(tmp_path), Rotation(100_000), patience=Waits(b""))
    monkeypatch.setattr(logdir.os, "write", full_write)
    log = LogWriter(place, lost, limit_bytes=1000)
    log.write(b"first")
    assert is_full.wait(LIMIT_S)
    for at in range(50):
        log.write(b"%099d" % at)
    may_go.set()
    log.close()
    assert said and b"unable to write" in said[0]
    lines = (tmp_path / "current").read_bytes().splitlines()
    assert lines == [b"first", *(b"%099d" % at for at in range(11)), b"lost: 39"]


@pytest.mark.root
@needs_root
def test_files_belong_to_the_account_even_if_the_server_never_became_it(tmp_path: Path) -> None:
    for each in (tmp_path, *tmp_path.parents[:2]):
        each.chmod(0o755)
    directory = tmp_path / "log"
    place = Directory(os.fsencode(directory), Rotation(4096), NOBODY)
    place.put([b"%099d" % at for at in range(100)])
    place.close()
    assert os.geteuid() == 0 and os.getegid() == 0
    assert old_files(directory)
    assert {each.stat().st_uid for each in (directory, *directory.iterdir())} == {NOBODY.uid}


@pytest.mark.root
@needs_root
def test_what_the_account_cannot_write_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(CannotOpen, match="unable to"):
        Directory(os.fsencode(tmp_path), Rotation(), NOBODY)
    assert os.geteuid() == 0


def test_without_root_rights_stay_as_they_are() -> None:
    ids = os.getresuid()
    with acting_as(None):
        assert os.getresuid() == ids


@pytest.fixture
def journal(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "socket"))
        made.settimeout(LIMIT_S)
        yield made


def test_a_line_is_an_entry_with_its_priority(journal: socket.socket, tmp_path: Path) -> None:
    place = Journal(str(tmp_path / "socket"))
    place.put([b"warning: trouble", b"end msg 7"])
    fields = [dict(line.split(b"=", 1) for line in journal.recv(4096).splitlines()) for _ in range(2)]
    place.close()
    assert fields[0] == {
        b"PRIORITY": b"4", b"SYSLOG_FACILITY": b"2", b"SYSLOG_IDENTIFIER": b"qmtwist", b"MESSAGE": b"warning: trouble",
    }  # fmt: skip
    assert (fields[1][b"PRIORITY"], fields[1][b"MESSAGE"]) == (b"6", b"end msg 7")


def test_a_line_too_long_for_a_datagram_comes_in_a_sealed_file(journal: socket.socket, tmp_path: Path) -> None:
    place = Journal(str(tmp_path / "socket"))
    place.put([b"x" * 1_000_000])
    place.close()
    rights = array.array("i")
    data, ancillary, _, _ = journal.recvmsg(4096, socket.CMSG_SPACE(rights.itemsize))
    rights.frombytes(ancillary[0][2])
    with open(rights[0], "rb") as stream:
        stream.seek(0)
        entry = stream.read()
    assert data == b"" and entry.endswith(b"\nMESSAGE=" + b"x" * 1_000_000 + b"\n")


def test_a_journal_that_is_restarted_misses_nothing_that_fits(journal: socket.socket, tmp_path: Path) -> None:
    path = tmp_path / "socket"
    log = LogWriter(Journal(str(path), pause_s=0.01), lost)
    path.unlink()
    log.write(b"one")
    log.flush(0.1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as again:
        again.bind(str(path))
        again.settimeout(LIMIT_S)
        assert again.recv(4096).endswith(b"MESSAGE=one\n")
        log.close()


def test_a_journal_that_does_not_read_holds_up_nobody(journal: socket.socket, tmp_path: Path) -> None:
    log = LogWriter(Journal(str(tmp_path / "socket")), lost, limit_bytes=10_000)
    for at in range(5000):
        log.write(b"%099d" % at)
    messages: list[bytes] = []
    closing = threading.Thread(target=log.close)
    closing.start()
    while not messages or not messages[-1].startswith(b"lost: "):
        messages.append(journal.recv(4096).rpartition(b"MESSAGE=")[2].rstrip(b"\n"))
    closing.join(LIMIT_S)
    dropped = sum(int(each.split()[1]) for each in messages if each.startswith(b"lost: "))
    assert dropped + sum(not each.startswith(b"lost: ") for each in messages) == 5000


def test_without_a_journal_there_is_no_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Journal(str(tmp_path / "none"))
