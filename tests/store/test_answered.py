"""The file of those who have had an answer: once per period, whatever runs beside it and whenever the power goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from qmtwist.store import answered
from qmtwist.store.answered import Answered

WEEK_S = 7 * 86400
NOW = 1_800_000_000


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "seen"


def claim(path: Path, sender: bytes, now: int = NOW, period_s: int | None = None) -> bool:
    return Answered(str(path)).claim(sender, now, period_s, WEEK_S)


def test_a_sender_is_answered_once_in_a_period(path: Path) -> None:
    times = [NOW, NOW + 1, NOW + WEEK_S - 1, NOW + WEEK_S, NOW + WEEK_S + 1]
    assert [claim(path, b"Joe@Host", now) for now in times] == [True, False, False, True, False]
    assert claim(path, b"joe@hos") and claim(path, b"oe@host") and not claim(path, b"joe@host", NOW + WEEK_S)
    assert os.stat(path).st_mode & 0o777 == 0o600


def test_a_period_of_the_caller_comes_before_that_of_the_file(path: Path) -> None:
    Answered(str(path)).clear(100)
    assert claim(path, b"a@b", NOW) and not claim(path, b"a@b", NOW + 99) and claim(path, b"a@b", NOW + 100)
    assert not claim(path, b"a@b", NOW + 250, period_s=200) and claim(path, b"a@b", NOW + 101, period_s=1)


def test_clearing_forgets_everybody(path: Path) -> None:
    assert claim(path, b"a@b") and not claim(path, b"a@b")
    Answered(str(path)).clear(WEEK_S)
    assert claim(path, b"a@b")


def test_who_is_forgotten_may_be_answered(path: Path) -> None:
    assert claim(path, b"a@b") and claim(path, b"c@d")
    Answered(str(path)).forget(b"A@b")
    assert claim(path, b"a@b") and not claim(path, b"c@d")


@pytest.mark.parametrize("sender", [b"a b@c", b"x\n1800000000 a@b", b"100%@c", b"%20@c", b" ", b"\xff@c"])
def test_an_odd_sender_is_only_himself(path: Path, sender: bytes) -> None:
    assert claim(path, sender) and not claim(path, sender)
    assert claim(path, b"a@b") and claim(path, b"b@c") and claim(path, b"@c")


def test_a_clock_that_was_wrong_silences_nobody_for_ever(path: Path) -> None:
    assert claim(path, b"a@b", NOW + 10 * WEEK_S) and claim(path, b"a@b", NOW)


@pytest.mark.parametrize("rest", [b"1800", b"1800000000 a@", b"1800000000 a@b", b"period", b"\0\0\0\0", b"\xff\n\n \n"])
def test_what_a_crash_has_left_says_nothing_and_harms_nobody(path: Path, rest: bytes) -> None:
    path.write_bytes(b"1800000000 x@y\n" + rest)
    assert not claim(path, b"x@y") and claim(path, b"a@b") and not claim(path, b"a@b")


def test_a_crash_at_any_byte_leaves_a_file_that_is_understood(path: Path) -> None:
    for sender in (b"a@b", b"c@d"):
        claim(path, sender)
    whole = path.read_bytes()
    for cut in range(len(whole)):
        path.write_bytes(whole[:cut])
        assert claim(path, b"new@b") and not claim(path, b"new@b")
        assert claim(path, b"a@b") == (cut < whole.find(b"\n") + 1)


def test_old_lines_go_and_the_period_stays(path: Path) -> None:
    Answered(str(path)).clear(WEEK_S // 7)
    with open(path, "ab") as stream:
        stream.writelines(b"%d old%d@x\n" % (NOW - 2 * WEEK_S, number) for number in range(5000))
    assert claim(path, b"recent@x", NOW - 10) and claim(path, b"a@b")
    assert path.read_bytes() == b"period 86400\n%d recent@x\n%d a@b\n" % (NOW - 10, NOW)


def test_who_is_excluded_is_never_answered(path: Path) -> None:
    Answered(str(path)).exclude([b"Boss@Host", b"@far.example", b"a b@c"])
    assert not any(claim(path, sender) for sender in (b"boss@host", b"x@far.example", b"Y@FAR.example", b"a b@c"))
    assert claim(path, b"xboss@host") and claim(path, b"x@sub.far.example") and claim(path, b"b@c")
    with open(path, "ab") as stream:
        stream.writelines(b"%d old%d@x\n" % (1, number) for number in range(5000))
    assert claim(path, b"new@x") and path.read_bytes().count(b"\n") == 7
    assert not claim(path, b"boss@host") and not claim(path, b"x@far.example")


def test_the_list_tells_who_has_been_answered(path: Path) -> None:
    claim(path, b"a b%20@c", NOW)
    claim(path, b"d@e", NOW - 10 * WEEK_S)
    claim(path, b"d@e", NOW)
    claim(path, b"f@g", NOW)
    Answered(str(path)).forget(b"f@g")
    Answered(str(path)).exclude([b"@h"])
    assert Answered(str(path)).entries() == [(b"a b%20@c", NOW), (b"d@e", NOW), (b"@h", None)]


def test_there_is_an_end_to_how_many_are_answered(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answered, "LIMIT_SENDERS", 2000)
    with open(path, "wb") as stream:
        stream.writelines(b"%d s%d@x\n" % (NOW, number) for number in range(2000))
    size = path.stat().st_size
    assert not claim(path, b"a@b") and path.stat().st_size == size
    assert claim(path, b"a@b", NOW + WEEK_S)


def test_of_many_deliveries_at_once_one_answers(path: Path) -> None:
    """While the file is also replaced under them."""
    with open(path, "wb") as stream:
        stream.writelines(b"%d old%d@x\n" % (1, number) for number in range(5000))
    children = []
    for number in range(16):
        pid = os.fork()
        if not pid:
            status = 111
            try:
                status = 10 * claim(path, b"own%d@x" % number) + claim(path, b"same@x")
            finally:
                os._exit(status)
        children.append(pid)
    statuses = [os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) for pid in children]
    assert sorted(statuses) == [10] * 15 + [11]
    assert path.read_bytes().count(b"\n") == 17
    assert os.listdir(path.parent) == ["seen"]
