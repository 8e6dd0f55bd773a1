"""One click on a list's own side: who gets a mark, and who is taken off."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, cast

import pytest

from qmtwist.agents.lists.manage import Request, manage
from qmtwist.agents.lists.oneclick import mark_of as oneclick_mark
from qmtwist.agents.lists.oneclick import marked
from qmtwist.agents.submit.submission import Submission
from qmtwist.mail.errors import Permanent, Temporary
from qmtwist.rules.lists import newlist, oneclick
from qmtwist.rules.lists.posting import Dress
from qmtwist.store.lists.directory import ListDirectory, Number
from qmtwist.store.lists.make import make
from qmtwist.store.lists.subscribers import Subscribers
from tests.support.refusing_disk import each_failure

QUEUE = '#!/bin/sh\ncat >>"%s/letters" && cat <&1 >>"%s/envelopes"\n'
CLOTHES = Dress(b"list", b"h.dom", b"x", b"A: b\nList-Unsubscribe: <mailto:x>\n", frozenset())
SENDER = b"list-return-7-@h.dom-@[]"


class Queue(NamedTuple):
    """What takes a message: a server of ours, or who knows who."""

    is_handed: bool = True


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ListDirectory]:
    plan = newlist.Plan(f"{tmp_path}/list".encode(), b"list", b"h.dom", b"/bin", b"s" * 32)
    files = {**newlist.files(plan), "oneclick": b""}
    make(f"{tmp_path}/list", f"{tmp_path}/.qmail-list", newlist.DIRECTORIES, files, dict(newlist.LINKS))
    Subscribers(f"{tmp_path}/list").add([b"joe@x.y", b"Ann@x.y"])
    (tmp_path / "queue").write_text(QUEUE % (tmp_path, tmp_path))
    (tmp_path / "queue").chmod(0o755)
    (tmp_path / "message").write_bytes(b"Subject: unsubscribe\n\nplease\n")
    monkeypatch.setitem(os.environb, b"QMAILQUEUE", f"{tmp_path}/queue".encode())
    kept = os.dup(0)
    made = ListDirectory(f"{tmp_path}/list")
    made.set_number(Number(7))
    yield made
    os.dup2(kept, 0)
    os.close(kept)


def mark_of(place: ListDirectory, is_handed: bool = True) -> tuple[bytes, Dress]:
    return marked(place, cast(Submission, Queue(is_handed)), CLOTHES, 7)


def address(place: ListDirectory, target: bytes) -> bytes:
    """What a recipient of posting 7 gets to see."""
    text = b"Received: (qmail 1 invoked by uid 1); x\n" + mark_of(place)[0]
    found = oneclick.find(text)
    assert found is not None
    return oneclick.leaving(SENDER, target, found.key)


def write_to(place: ListDirectory, local: bytes) -> int | None:
    descriptor = os.open(os.path.dirname(place.path) + "/message", os.O_RDONLY)
    os.dup2(descriptor, 0)
    os.close(descriptor)
    return manage(os.path.dirname(place.path), place.path, Request(b"list-return-@h.dom", local, 1_800_000_000))


def people(place: ListDirectory) -> list[bytes]:
    return sorted(Subscribers(place.path))


def letters(place: ListDirectory) -> bytes:
    path = Path(place.path).parent / "letters"
    return path.read_bytes() if path.exists() else b""


def test_the_secret_is_made_once_and_nobody_else_can_read_it(place: ListDirectory) -> None:
    os.chmod(f"{place.path}/oneclick", 0o644)
    mark, clothes = mark_of(place)
    assert mark.startswith(oneclick.MARK) and clothes.add == b"A: b\n"
    assert os.stat(f"{place.path}/oneclick").st_mode & 0o777 == 0o600
    assert len((place.read("oneclick") or b"").strip()) == 64
    assert mark_of(place)[0] == mark


@pytest.mark.parametrize("missing", ["oneclick", "public"])
def test_a_list_that_does_not_offer_it_sends_as_before(place: ListDirectory, missing: str) -> None:
    os.unlink(f"{place.path}/{missing}")
    assert mark_of(place) == (b"", CLOTHES)


def test_a_strange_queue_gets_no_key(place: ListDirectory) -> None:
    assert mark_of(place, is_handed=False) == (b"", CLOTHES)


def test_a_click_takes_its_owner_off_and_tells_him_once(place: ListDirectory) -> None:
    local = address(place, b"ann@x.y").partition(b"@")[0]
    assert write_to(place, local) is not None
    assert people(place) == [b"joe@x.y"]
    assert letters(place).count(b"\nSubject: GOODBYE from list@h.dom\n") == 1 and b"\nplease\n" in letters(place)
    assert write_to(place, local) is None
    assert letters(place).count(b"GOODBYE") == 1
    assert (place.read("Log") or b"").endswith(b" -oneclick ann@x.y\n")


def test_who_leaves_the_digest_stays_on_the_list(place: ListDirectory) -> None:
    os.makedirs(f"{place.path}/digest/subscribers")
    Subscribers(f"{place.path}/digest").add([b"ann@x.y"])
    mark = oneclick_mark(place, cast(Submission, Queue()), 7, b"digest")
    found = oneclick.find(b"Received: (qmail 1 invoked by uid 1); x\n" + mark)
    assert found is not None
    address = oneclick.leaving(b"list-digest-return-7-@h.dom-@[]", b"ann@x.y", found.key)
    assert write_to(place, address.partition(b"@")[0]) is not None
    assert people(place) == [b"Ann@x.y", b"joe@x.y"] and not list(Subscribers(f"{place.path}/digest"))
    assert b"\nSubject: GOODBYE from list-digest@h.dom\n" in letters(place)


def test_a_forged_click_does_nothing_and_is_not_answered(place: ListDirectory) -> None:
    local = address(place, b"ann@x.y").partition(b"@")[0]
    for forged in (local.replace(b"-ann=", b"-joe="), local.replace(b"uo.7", b"uo.6"), local.replace(b"uo.7", b"uo.8")):
        assert write_to(place, forged) is None
    os.unlink(f"{place.path}/oneclick")
    assert write_to(place, local) is None
    assert len(people(place)) == 2 and not letters(place)


def test_a_list_that_takes_no_requests_takes_no_clicks(place: ListDirectory) -> None:
    local = address(place, b"ann@x.y").partition(b"@")[0]
    os.unlink(f"{place.path}/public")
    with pytest.raises(Permanent):
        write_to(place, local)
    assert len(people(place)) == 2


def test_a_letter_that_cannot_be_queued_keeps_nobody_on_the_list(place: ListDirectory) -> None:
    local = address(place, b"ann@x.y").partition(b"@")[0]
    (Path(place.path).parent / "queue").write_text("#!/bin/sh\nexit 53\n")
    assert write_to(place, local) is None
    assert people(place) == [b"joe@x.y"]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_whatever_call_fails_a_click_is_carried_out_or_tried_again(place: ListDirectory, code: int) -> None:
    local = address(place, b"ann@x.y").partition(b"@")[0]

    def attempt() -> int | None:
        Subscribers(place.path).add([b"ann@x.y"])
        return write_to(place, local)

    failures = 0
    for disk, outcome in each_failure(attempt, code):
        failures += 1
        if not isinstance(outcome, Temporary | OSError):
            assert people(place) == [b"joe@x.y"], disk.failed
    assert failures > 5


def test_a_secret_that_cannot_be_written_sends_nothing(place: ListDirectory) -> None:
    def attempt() -> tuple[bytes, Dress]:
        Path(f"{place.path}/oneclick").write_bytes(b"")
        return mark_of(place)

    for disk, outcome in each_failure(attempt, errno.EIO):
        if isinstance(outcome, tuple):
            assert oneclick.mark((place.read("oneclick") or b"").strip(), 7) == outcome[0], disk.failed
        else:
            assert isinstance(outcome, Temporary | OSError), disk.failed
