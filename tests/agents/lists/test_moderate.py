"""A message that waits for a moderator on a disk that fails: it is kept or refused, and sent by whoever accepts it."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from qmtwist.agents.lists.moderate import clean, decide, hold
from qmtwist.mail.errors import Temporary
from qmtwist.rules.lists import newlist
from qmtwist.rules.lists.moderation import deciding, parse
from qmtwist.store.lists.directory import ListDirectory
from qmtwist.store.lists.make import make
from qmtwist.store.lists.subscribers import Subscribers
from tests.support.refusing_disk import each_failure

TEXT = b"From: joe@x.y\nSubject: hi\n\n" + b"body\n" * 30_000
# It counts the letters that have recipients.
QUEUE = """#!/bin/sh
cat >/dev/null || exit 54
n=$(mktemp %s/XXXXXX)
tr '\\0' '\\n' <&1 >"$n" || exit 54
grep -q ^T "$n" || rm "$n"
exit 0
"""
NOW = 1_700_000_000


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    plan = newlist.Plan(f"{tmp_path}/list".encode(), b"list", b"h.dom", b"/bin", b"s" * 32, is_moderated=True)
    files = {name: data for name, data in newlist.files(plan).items() if name != "dmarc"}
    folders, links = newlist.MODERATED_DIRECTORIES, dict(newlist.MODERATED_LINKS)
    make(f"{tmp_path}/list", f"{tmp_path}/.qmail-list", folders, files, links)
    Subscribers(f"{tmp_path}/list").add([b"ann@x.y"])
    Subscribers(f"{tmp_path}/list/mod").add([b"tom@x.y"])
    (tmp_path / "spool").mkdir()
    (tmp_path / "queue").write_text(QUEUE % (tmp_path / "spool"))
    (tmp_path / "queue").chmod(0o755)
    (tmp_path / "message").write_bytes(TEXT)
    monkeypatch.setitem(os.environb, b"QMAILQUEUE", f"{tmp_path}/queue".encode())
    monkeypatch.chdir(tmp_path / "list")
    kept = os.dup(0)
    yield tmp_path
    os.dup2(kept, 0)
    os.close(kept)


def give_message(place: Path) -> None:
    descriptor = os.open(place / "message", os.O_RDONLY)
    os.dup2(descriptor, 0)
    os.close(descriptor)


def complete(place: Path) -> list[Path]:
    return [path for path in (place / "list/mod/pending").iterdir() if path.stat().st_mode & 0o100]


def test_what_is_taken_waits_and_the_rest_does_not(place: Path) -> None:
    def work() -> int:
        give_message(place)
        return hold(str(place), ".", b"joe@x.y", NOW)

    failures = 0
    for disk, outcome in each_failure(work, errno.ENOSPC):
        failures += 1
        found = complete(place)
        if isinstance(outcome, int):
            (path,) = found
            assert path.read_bytes().endswith(TEXT), disk.failed
        elif disk.failed.split()[0] not in ("close", "unlink"):
            assert isinstance(outcome, Temporary | OSError) and found == [], (disk.failed, outcome)
        for path in (place / "list/mod/pending").iterdir():
            path.unlink()
    assert failures > 20


def test_what_is_accepted_is_sent_and_stays_until_it_is(place: Path) -> None:
    give_message(place)
    hold(str(place), ".", b"joe@x.y", NOW)
    (waiting,) = complete(place)
    before = len(list((place / "spool").iterdir()))
    decision = parse(deciding(b"accept", waiting.name.encode(), ListDirectory(".").key()))
    assert decision is not None

    def work() -> str:
        give_message(place)
        return decide(str(place), ".", decision, NOW)

    failures = 0
    for disk, outcome in each_failure(work, errno.EIO):
        failures += 1
        sent = len(list((place / "spool").iterdir())) - before
        assert complete(place) or sent, disk.failed
        if isinstance(outcome, str):
            break
    while complete(place):
        work()
    assert failures > 1 and len(list((place / "spool").iterdir())) > before


def test_cleaning_on_a_failing_disk_removes_nothing_that_is_young(place: Path) -> None:
    give_message(place)
    hold(str(place), ".", b"joe@x.y", NOW)
    for _ in each_failure(lambda: clean(str(place), ".", NOW + 1000), errno.EIO):
        assert len(complete(place)) == 1
    clean(str(place), ".", NOW + 10**6)
    assert complete(place) == []
