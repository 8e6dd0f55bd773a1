"""A posting whose disk fails: whatever call it is, nobody gets a message under a number that is used again."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.agents.lists.send import send
from qmtwist.mail.errors import Temporary
from qmtwist.rules.lists import newlist
from qmtwist.store.lists.archive import kept_path
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.make import make
from qmtwist.store.lists.subscribers import Subscribers
from tests.support.refusing_disk import each_failure

TEXT = b"From: joe@x.y\nSubject: hi\n\n" + b"body\n" * 30_000
# It keeps the envelope sender of what it takes.
QUEUE = """#!/bin/sh
cat >/dev/null || exit 54
n=$(mktemp %s/XXXXXX)
cat <&1 >"$n" || exit 54
tr '\\0' '\\n' <"$n" | tail -n 1 | grep -q . && rm "$n"
exit 0
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    plan = newlist.Plan(f"{tmp_path}/list".encode(), b"list", b"h.dom", b"/bin", b"s" * 32)
    files = {**newlist.files(plan), "indexed": b""}
    make(f"{tmp_path}/list", f"{tmp_path}/.qmail-list", newlist.DIRECTORIES, files, dict(newlist.LINKS))
    (tmp_path / "list/dmarc").unlink()  # no DNS here
    Subscribers(f"{tmp_path}/list").add([b"joe@x.y", b"ann@x.y"])
    (tmp_path / "spool").mkdir()
    (tmp_path / "queue").write_text(QUEUE % (tmp_path / "spool"))
    (tmp_path / "queue").chmod(0o755)
    (tmp_path / "message").write_bytes(TEXT)
    monkeypatch.setitem(os.environb, b"QMAILQUEUE", f"{tmp_path}/queue".encode())
    kept = os.dup(0)
    yield tmp_path
    os.dup2(kept, 0)
    os.close(kept)


def numbers(place: Path) -> list[int]:
    """Under which numbers something was queued, in complete envelopes."""
    found = []
    for path in (place / "spool").iterdir():
        text = path.read_bytes()
        if text.endswith(b"\0\0"):
            found.append(int(text.split(b"-")[2]))
            assert text.count(b"\0T") == 2
    return sorted(found)


def give_message(place: Path) -> None:
    descriptor = os.open(place / "message", os.O_RDONLY)
    os.dup2(descriptor, 0)
    os.close(descriptor)


def test_what_is_queued_is_kept_under_its_number(place: Path) -> None:
    for number in (1, 2):
        give_message(place)
        assert send(str(place), f"{place}/list", b"joe@x.y") > 0
        assert numbers(place)[-1] == number == ListDirectory(f"{place}/list").number().last
    text = Path(kept_path(f"{place}/list", 2) or "").read_bytes()
    assert text.startswith(b"Return-Path: <joe@x.y>\nMailing-List: ") and text.endswith(TEXT)
    assert (place / "list/archive/0/index").read_bytes().count(b"\n") == 4


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_whatever_call_fails_a_number_is_one_message(place: Path, code: int) -> None:
    def work() -> int:
        return send(str(place), f"{place}/list", b"joe@x.y")

    def attempts() -> int:
        give_message(place)
        return work()

    failures = 0
    desk = ListDirectory(f"{place}/list")
    for disk, outcome in each_failure(attempts, code):
        failures += 1
        queued = numbers(place)
        assert len(set(queued)) == len(queued), disk.failed
        assert not queued or queued[-1] <= desk.number().last, disk.failed
        if not isinstance(outcome, int) and disk.failed.split()[0] != "close":
            assert isinstance(outcome, Temporary | OSError), (disk.failed, outcome)
        for number in queued:
            path = kept_path(f"{place}/list", number)
            assert path is not None and Path(path).read_bytes().endswith(TEXT), disk.failed
    assert failures > 30
