"""Moderators' work on a disk that fails: who is put on a list hears of it, and a text is never half a text."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.agents.lists.manage import manage
from qmtwist.agents.lists.saying import Request
from qmtwist.mail.errors import Temporary
from qmtwist.rules.lists import newlist
from qmtwist.rules.lists.administration import Wishes, framed
from qmtwist.rules.lists.cookie import cookie
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.make import make
from qmtwist.store.lists.subscribers import Subscribers
from tests.support.refusing_disk import each_failure

# It keeps the recipients of the letters that have some.
QUEUE = """#!/bin/sh
cat >/dev/null || exit 54
n=$(mktemp %s/XXXXXX)
tr '\\0' '\\n' <&1 >"$n" || exit 54
grep -q ^T "$n" || rm "$n"
exit 0
"""
NOW = 1_700_000_000
WISHES = Wishes(edits=True)


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    plan = newlist.Plan(f"{tmp_path}/list".encode(), b"list", b"h.dom", b"/bin", b"s" * 32, switches=b"rs")
    make(f"{tmp_path}/list", f"{tmp_path}/.qmail-list", newlist.directories(plan), newlist.files(plan), {})
    Subscribers(f"{tmp_path}/list/mod").add([b"tom@x.y"])
    (tmp_path / "spool").mkdir()
    (tmp_path / "queue").write_text(QUEUE % (tmp_path / "spool"))
    (tmp_path / "queue").chmod(0o755)
    monkeypatch.setitem(os.environb, b"QMAILQUEUE", f"{tmp_path}/queue".encode())
    monkeypatch.chdir(tmp_path / "list")
    kept = os.dup(0)
    yield tmp_path
    os.dup2(kept, 0)
    os.close(kept)


def attempt(place: Path, local: bytes, text: bytes = b"Subject: x\n\nbody\n") -> int | None:
    """A moderator writes to one of the list's addresses."""
    (place / "message").write_bytes(text)
    descriptor = os.open(place / "message", os.O_RDONLY)
    os.dup2(descriptor, 0)
    os.close(descriptor)
    return manage(str(place), ".", Request(b"tom@x.y", local, NOW), WISHES)


def told(place: Path, address: str) -> int:
    return sum(f"T{address}\n" in path.read_text() for path in (place / "spool").iterdir())


@pytest.mark.parametrize(("kind", "is_on"), [(b"t", True), (b"r", True), (b"v", False), (b"w", False)])
def test_who_is_put_on_a_list_or_taken_off_hears_of_it(place: Path, kind: bytes, is_on: bool) -> None:
    people = Subscribers(".")
    number = cookie(ListDirectory(".").key(), b"%d" % NOW, b"ann@x.y", kind)
    address = b"list-%sc.%d.%s-ann=x.y" % (kind, NOW, number)
    people.remove([b"ann@x.y"]) if is_on else people.add([b"ann@x.y"])

    def work() -> int | None:
        return attempt(place, address)

    failures = 0
    for disk, outcome in each_failure(work, errno.EIO):
        failures += 1
        if not isinstance(outcome, int) and disk.failed.split()[0] != "close":
            assert isinstance(outcome, Temporary | OSError), (disk.failed, outcome)
        if people.has(b"ann@x.y") == is_on and told(place, "ann@x.y"):
            break  # everything else is done again and again
    while not told(place, "ann@x.y"):
        people.remove([b"ann@x.y"]) if is_on else people.add([b"ann@x.y"])  # the disk did not let us take it back
        work()
    assert failures > 5 and people.has(b"ann@x.y") == is_on


def test_a_text_is_the_old_one_or_the_new_one(place: Path) -> None:
    desk, path = ListDirectory("."), Path("text/top")
    old, new = path.read_bytes(), b"new\n" * 500
    number = cookie(desk.key(), b"%d" % NOW, b"top\0" + old, b"e")

    def work() -> int | None:
        return attempt(place, b"list-ed.%d.top.%s" % (NOW, number), b"Subject: x\n\n" + framed(new))

    failures = 0
    for disk, outcome in each_failure(work, errno.ENOSPC):
        failures += 1
        assert path.read_bytes() in (old, new), disk.failed
        if isinstance(outcome, int):
            assert path.read_bytes() == new and told(place, "tom@x.y")
            break
    work()
    assert failures > 5 and path.read_bytes() == new
