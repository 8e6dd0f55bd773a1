"""qbiff's words on a terminal, and on which."""

from __future__ import annotations

import os
import pwd
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from qmtwist.agents.filter.biff import announce
from qmtwist.mail.header import Field
from qmtwist.rules.biff import announcement, terminals

LOGGED_IN, DEAD = 7, 8


def record(kind: int, line: bytes, user: bytes) -> bytes:
    """An entry of utmp(5)."""
    return kind.to_bytes(2, sys.byteorder) + bytes(6) + line.ljust(32, b"\0") + bytes(4) + user.ljust(340, b"\0")


@pytest.fixture
def terminal() -> Iterator[tuple[int, str]]:
    """The near end, and the name of the far end, which has said `biff y`."""
    near, far = os.openpty()
    name = os.ttyname(far)
    os.chmod(name, 0o700)
    os.set_blocking(near, False)
    yield near, name
    os.close(near)
    os.close(far)


def shown(terminal: tuple[int, str], tmp_path: Path, records: bytes, user: bytes = b"joe") -> bytes:
    """What appears on the terminal."""
    (tmp_path / "utmp").write_bytes(records)
    announce(user, b"hello", str(tmp_path / "utmp"))
    try:
        return os.read(terminal[0], 100)
    except BlockingIOError:
        return b""


def test_who_wants_it_is_told(terminal: tuple[int, str], tmp_path: Path) -> None:
    line = os.fsencode(terminal[1]).removeprefix(b"/dev/")
    assert (
        shown(terminal, tmp_path, record(LOGGED_IN, b"pts/9999", b"joe") + record(LOGGED_IN, line, b"joe")) == b"hello"
    )
    os.chmod(terminal[1], 0o600)
    assert shown(terminal, tmp_path, record(LOGGED_IN, line, b"joe")) == b""


def test_others_are_not_told(terminal: tuple[int, str], tmp_path: Path) -> None:
    line = os.fsencode(terminal[1]).removeprefix(b"/dev/")
    for entry in (
        record(LOGGED_IN, line, b"joel"),
        record(DEAD, line, b"joe"),
        record(LOGGED_IN, b"/dev/" + line, b"joe"),
        record(LOGGED_IN, b"../dev/" + line, b"joe"),
        record(LOGGED_IN, line, b"joe")[:-1],
        b"",
    ):
        assert shown(terminal, tmp_path, entry) == b""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: a terminal of somebody else's")
def test_a_terminal_of_somebody_elses_is_left_alone(terminal: tuple[int, str], tmp_path: Path) -> None:
    os.chown(terminal[1], pwd.getpwnam("nobody").pw_uid, -1)
    line = os.fsencode(terminal[1]).removeprefix(b"/dev/")
    assert shown(terminal, tmp_path, record(LOGGED_IN, line, b"joe")) == b""


def test_a_file_is_no_terminal(tmp_path: Path) -> None:
    (tmp_path / "file").touch(0o700)
    os.chmod(tmp_path / "file", 0o700)
    (tmp_path / "utmp").write_bytes(record(LOGGED_IN, b"file", b"joe"))
    announce(b"joe", b"hello", str(tmp_path / "utmp"), os.fsencode(tmp_path))
    assert (tmp_path / "file").read_bytes() == b""


def test_without_utmp_nobody_is_logged_in(tmp_path: Path) -> None:
    announce(b"joe", b"hello", str(tmp_path / "nosuch"))
    assert list(terminals(bytes(383), b"", sys.byteorder)) == []


@given(st.binary(), st.binary(), st.binary(), st.binary())
def test_nothing_that_a_terminal_obeys_gets_through(local: bytes, sender: bytes, subject: bytes, rest: bytes) -> None:
    text = announcement(local, sender, [Field(b"subject", b"Subject: " + subject)], rest)
    bell, first, second, nothing = text.split(b"\r\n")
    assert (bell, nothing) == (b"", b"") and first.startswith(b"\a*** TO <")
    assert all(32 <= byte < 127 for byte in first[1:] + second) and len(second) <= 78
