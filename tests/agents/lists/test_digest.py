"""Digests on a disk that fails, and in a process that dies: every message is in one digest, and in one only."""

from __future__ import annotations

import contextlib
import errno
import os
from collections.abc import Callable, Iterator
from email import message_from_bytes
from pathlib import Path
from typing import Any

import pytest

from qmtwist.agents.lists.digest import PATIENCE_S, Wish, send_digests
from qmtwist.agents.lists.digested import take_receipt
from qmtwist.mail.errors import Temporary
from qmtwist.rules.lists import newlist
from qmtwist.store.lists.digests import Digests
from qmtwist.store.lists.make import make
from qmtwist.store.lists.subscribers import Subscribers
from tests.support.refusing_disk import Disk, watched

NOW = 1_700_000_000
ENDED, FAILED, DEAD = 1, 2, 9  # how a process ends to which something happened
# It keeps a message and its envelope if both are complete.
QUEUE = """#!/bin/sh
n=%s/$$
cat >"$n" && tr '\\0' '\\n' <&1 >"$n.envelope" || exit 54
[ -s "$n.envelope" ] || exit 54
[ "$(tail -n 1 "$n.envelope")" ] && exit 54
mv "$n" "$n.whole"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    plan = newlist.Plan(f"{tmp_path}/list".encode(), b"list", b"h.dom", b"/bin", b"s" * 32)
    folders = (*newlist.DIRECTORIES, "digest", "digest/subscribers", "archive/0")
    make(f"{tmp_path}/list", f"{tmp_path}/.qmail-list", folders, newlist.files(plan), dict(newlist.LINKS))
    Subscribers(f"{tmp_path}/list/digest").add([b"joe@x.y"])
    (tmp_path / "spool").mkdir()
    (tmp_path / "queue").write_text(QUEUE % (tmp_path / "spool"))
    (tmp_path / "queue").chmod(0o755)
    monkeypatch.setitem(os.environb, b"QMAILQUEUE", f"{tmp_path}/queue".encode())
    return tmp_path


def post(place: Path, last: int) -> None:
    for number in range(1, last + 1):
        path = place / f"list/archive/0/{number:02d}"
        path.write_text(f"Subject: topic {number}\nFrom: ann@x.y\n\nbody {number}\n")
        path.chmod(0o744)
    (place / "list/num").write_text(f"{last}:{last}\n")


def digests(place: Path) -> dict[str, str]:
    """The digests that were queued, by the files they are in: whose numbers they have."""
    found = {}
    for path in (place / "spool").glob("*.whole"):
        message = message_from_bytes(path.read_bytes())
        found[path.name] = f"{message['Subject'].split()[-1]} {len(message.get_payload()) - 1}"
    return found


def deliver_receipts(place: Path) -> None:
    """What the queue does with what it took, sooner or later."""
    for name in digests(place):
        envelope = (place / f"spool/{name.removesuffix('.whole')}.envelope").read_bytes()
        for line in envelope.split(b"\n"):
            if line.startswith(b"Tlist-digest-return-"):
                take_receipt(f"{place}/list", line.removeprefix(b"Tlist-digest-return-").partition(b"@")[0])


def start_again(place: Path, last: int) -> None:
    """A list whose last digest had one message of `last`."""
    for path in (place / "spool").iterdir():
        path.unlink()
    for name in ("digsending", "digsendingn"):
        (place / f"list/{name}").unlink(missing_ok=True)
    (place / "list/dignum").write_text(f"1:1:{NOW}\n")
    (place / "list/digissue").write_text("1\n")
    post(place, last)


def work(place: Path, now: int = NOW) -> list[int]:
    return send_digests(str(place), f"{place}/list", now, Wish())


def finish(place: Path) -> None:
    """Everything that happens afterwards: receipts come, and an hour later there is the next run."""
    deliver_receipts(place)
    assert digests(place) in ({}, dict.fromkeys(digests(place), "2 2"))
    work(place, NOW + PATIENCE_S + 1)
    deliver_receipts(place)
    assert list(digests(place).values()) == ["2 2"]
    assert Digests(f"{place}/list").issue() == 2 and Digests(f"{place}/list").sending() is None
    post(place, 4)
    work(place, NOW + 2 * PATIENCE_S)
    assert sorted(digests(place).values()) == ["2 2", "3 1"]


class Death(Disk):
    """The process dies in the place of a call."""

    def wrap(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **options: Any) -> Any:
            number = len(self.done)
            self.done.append(name)
            if number == self.failing and os.getpid() == self.pid:
                os._exit(DEAD)
            return real(*arguments, **options)

        self.pid = os.getpid()
        return call


def lives(place: Path, disk: Disk) -> bool:
    """Do the work in a process with this disk; whether nothing happened to it. Nothing of it runs on afterwards."""
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        status = FAILED
        os.dup2(writing, 2)  # which the queue program gets as well
        with contextlib.suppress(BaseException), watched(disk):
            work(place)
            status = ENDED if disk.failed else 0
        os._exit(status)
    os.close(writing)
    while os.read(reading, 1000):
        pass
    os.close(reading)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    assert status in (0, ENDED, FAILED, DEAD)
    return status == 0


def accidents(place: Path, kind: type[Disk]) -> Iterator[int]:
    """Let something happen to each call in its turn."""
    calls = 0
    while True:
        start_again(place, 3)
        if lives(place, kind(calls, errno.ENOSPC)):
            return
        yield calls
        calls += 1


def test_whatever_call_fails_a_digest_is_sent_once(place: Path) -> None:
    count = 0
    for _ in accidents(place, Disk):
        finish(place)
        count += 1
    assert count > 30


def test_whoever_dies_neither_loses_nor_doubles_a_digest(place: Path) -> None:
    doubtful = 0
    for _ in accidents(place, Death):
        doubtful += Digests(f"{place}/list").sending() is not None and bool(digests(place))
        finish(place)
    assert doubtful > 5, "no death between the queue's answer and the note"


def test_without_a_receipt_a_digest_goes_out_again_as_the_same_message(place: Path) -> None:
    for _ in accidents(place, Death):
        if Digests(f"{place}/list").sending() is not None and digests(place):
            break
    with pytest.raises(Temporary):
        work(place, NOW + PATIENCE_S - 1)
    work(place, NOW + PATIENCE_S)
    paths = sorted((place / "spool").glob("*.whole"))
    one, other = (message_from_bytes(path.read_bytes()) for path in paths)
    assert one["Message-ID"] == other["Message-ID"] and one.as_bytes() == other.as_bytes()
