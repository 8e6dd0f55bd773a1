"""A posting of a list: one entry in the queue, and for each recipient a link of his own."""

from __future__ import annotations

import errno
import os
import re
from typing import Any, NamedTuple

import pytest
import pytest_twisted

from qmtwist.rules.lists import oneclick
from tests.support.couriers import HARD, Attempt, Desk
from tests.support.queue_desk import Maker, queued

SENDER = b"list-return-7-@mail.example.org-@[]"
URL = b"https://lists.example.org/leave"
SECRET = b"5" * 64
MARK = oneclick.mark(SECRET, 7)
FAR, NEAR = b"ann@far.example", b"joe@mail.example.org"
SIZES = (10, 60_000, 200_000, 1_500_000)  # in the journal, in memory, in files


class Seen(NamedTuple):
    """What a recipient gets."""

    link: bytes
    address: bytes
    text: bytes


def unfold(attempt: Attempt) -> Seen:
    assert b"X-Qmtwist" not in attempt.message and SECRET not in attempt.message
    found = re.search(
        rb"\nList-Unsubscribe: (?:<(https:[^>]*)>,\n\t)?<mailto:([^>]*)>\n"
        rb"(List-Unsubscribe-Post: List-Unsubscribe=One-Click\n)?",
        attempt.message,
    )
    assert found is not None, attempt.message[:400]
    assert bool(found[1]) == bool(found[3])
    address = found[2].replace(b"%3D", b"=")
    return Seen(found[1] or b"", address, attempt.message.replace(found[0], b"\n"))


def click_of(seen: Seen) -> oneclick.Click:
    local = seen.address.rpartition(b"@")[0]
    click = oneclick.parse(local.removeprefix(b"list-"))
    assert click is not None
    return click


def message(size: int) -> bytes:
    return MARK + b"Mailing-List: x\nSubject: hi\n\n" + b"body\n" * (size // 5)


def by_recipient(desk: Desk) -> dict[bytes, Attempt]:
    return {attempt.recipient: attempt for attempt in desk.attempts}


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("runs_programs", [False, True])
@pytest_twisted.ensureDeferred
async def test_each_recipient_gets_his_own_link_and_the_same_message(
    make_desk: Maker, size: int, runs_programs: bool
) -> None:
    desk = make_desk(unsubscribeurl=URL)
    desk.remote.runs_programs = runs_programs
    number = await queued(desk, SENDER, FAR, NEAR, b"tom@far.example", message=message(size))
    await desk.settle()
    attempts = by_recipient(desk)
    assert len(attempts) == 3 and sum("end msg" in line for line in desk.log()) == 1
    secret = desk.running.manager.personal.secret
    for recipient, attempt in attempts.items():
        seen = unfold(attempt)
        click = click_of(seen)
        assert click.target == recipient and oneclick.is_valid(click, SECRET, 7)
        assert seen.link.startswith(URL + b"/")
        assert oneclick.address_of(secret, seen.link.rpartition(b"/")[2]) == seen.address
        received, _, rest = seen.text.partition(b"\n")
        assert received.startswith(b"Received: (qmail %d " % number)
        assert rest == message(size).removeprefix(MARK)
    assert len({unfold(attempt).link for attempt in attempts.values()}) == 3


@pytest_twisted.ensureDeferred
async def test_without_a_service_there_is_an_address_alone(make_desk: Maker) -> None:
    desk = make_desk()
    await queued(desk, SENDER, FAR, message=message(10))
    await desk.settle()
    seen = unfold(desk.attempts[0])
    assert seen.link == b"" and oneclick.is_valid(click_of(seen), SECRET, 7)
    assert not os.path.exists(desk.layout.oneclick)


@pytest_twisted.ensureDeferred
async def test_who_has_a_strange_address_asks_by_mail(make_desk: Maker) -> None:
    desk = make_desk(unsubscribeurl=URL)
    await queued(desk, SENDER, b'"a b"@far.example', message=message(10))
    await desk.settle()
    text = desk.attempts[0].message
    assert b"\nList-Unsubscribe: <mailto:list-unsubscribe@mail.example.org>\nMailing-List: x\n" in text


@pytest_twisted.ensureDeferred
async def test_mail_does_not_wait_for_a_secret_that_cannot_be_made(make_desk: Maker) -> None:
    desk = make_desk(unsubscribeurl=URL)
    os.mkdir(desk.layout.oneclick)
    await queued(desk, SENDER, FAR, NEAR, message=message(10))
    await desk.settle()
    for attempt in desk.attempts:
        seen = unfold(attempt)
        assert seen.link == b"" and oneclick.is_valid(click_of(seen), SECRET, 7)
    assert len(desk.attempts) == 2 and sum("no links for leaving lists" in line for line in desk.log()) == 1


@pytest_twisted.ensureDeferred
async def test_links_outlive_the_server(make_desk: Maker) -> None:
    desk = make_desk(unsubscribeurl=URL)
    await queued(desk, SENDER, FAR, message=message(10))
    await desk.settle()
    again = make_desk(like=desk, unsubscribeurl=URL)
    assert again.running.manager.personal.secret == desk.running.manager.personal.secret
    assert os.stat(desk.layout.oneclick).st_mode & 0o777 == 0o600


@pytest_twisted.ensureDeferred
async def test_a_virtual_domains_prefix_is_no_part_of_who_leaves(make_desk: Maker) -> None:
    desk = make_desk(virtualdomains={b"v.example": b"joe"})
    await queued(desk, SENDER, b"tom@v.example", message=message(10))
    await desk.settle()
    (attempt,) = desk.attempts
    assert attempt.recipient == b"joe-tom@v.example" and click_of(unfold(attempt)).target == b"tom@v.example"


@pytest.mark.parametrize("size", SIZES)
@pytest_twisted.ensureDeferred
async def test_a_bounce_does_not_show_the_key(make_desk: Maker, size: int) -> None:
    desk = make_desk(script=lambda attempt, _: HARD if attempt.recipient == FAR else None)
    await queued(desk, SENDER, FAR, message=message(size))
    await desk.until(lambda: len(desk.attempts) == 2)
    bounce = desk.attempts[1]
    assert bounce.sender == b"" and bounce.recipient == b"list-return-7-@mail.example.org"
    assert b"\nSubject: hi\n\nbody\n" in bounce.message and b"One-Click" not in bounce.message


@pytest.mark.parametrize(
    ("sender", "text"),
    [
        (b"joe@mail.example.org", MARK + b"A: b\n\n"),  # nobody's posting
        (b"list-return-7-@h", MARK + b"A: b\n\n"),
        (SENDER, b"A: b\n" + MARK + b"\n"),  # not where lists put it
        (SENDER, b"Received: from x\n" + MARK + b"\n"),  # from the network
        (SENDER, b"A: b\n\n"),
    ],
)
@pytest_twisted.ensureDeferred
async def test_other_messages_stay_as_they_are(make_desk: Maker, sender: bytes, text: bytes) -> None:
    desk = make_desk(unsubscribeurl=URL)
    await queued(desk, sender, FAR, message=text)
    await desk.settle()
    assert desk.attempts[0].message.partition(b"\n")[2] == text


@pytest_twisted.ensureDeferred
async def test_a_disk_without_nameless_files_does_as_well(make_desk: Maker, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, real = make_desk(), os.open

    def refuse(path: str, flags: int, *more: Any, **named: Any) -> int:
        if flags & os.O_TMPFILE == os.O_TMPFILE:
            raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))
        return real(path, flags, *more, **named)

    monkeypatch.setattr(os, "open", refuse)
    desk.remote.runs_programs = True
    await queued(desk, SENDER, FAR, message=message(200_000))
    await desk.settle()
    assert unfold(desk.attempts[0]).text.endswith(b"body\n" * 40_000)


@pytest_twisted.ensureDeferred
async def test_a_disk_that_refuses_a_copy_delays_and_leaks_nothing(
    make_desk: Maker, monkeypatch: pytest.MonkeyPatch
) -> None:
    desk = make_desk(unsubscribeurl=URL)
    before = len(os.listdir("/proc/self/fd"))

    def refuse(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "sendfile", refuse)
    desk.remote.runs_programs = True
    await queued(desk, SENDER, FAR, message=message(200_000))
    await desk.until(lambda: any("deferral" in line for line in desk.log()))
    await desk.settle()
    assert not desk.attempts and len(os.listdir("/proc/self/fd")) <= before
