"""The queue manager, from acceptance to the end of every message: agents out of a script, all else real."""

from __future__ import annotations

import os

import pytest
import pytest_twisted

from qmtwist.mail.envelope import Envelope
from qmtwist.wire.text0 import TodoEntry, encode_todo
from tests.support.couriers import anonymous
from tests.support.queue_desk import ANN, BODY, JOE, NOBODY, Maker, is_clean, queued

# -- messages of our own


@pytest_twisted.ensureDeferred
async def test_a_message_that_everybody_got_leaves_nothing(make_desk: Maker) -> None:
    desk = make_desk()
    await queued(desk, ANN, JOE, b"ok@remote.example")
    await desk.settle()
    assert [attempt.recipient for attempt in desk.attempts] == [JOE, b"ok@remote.example"]
    assert anonymous(desk.attempts[0].message) == (
        b"Received: (qmail <PID> invoked by uid 1000); <RFC822DATE>\nSubject: test\n\nbody\n"
    )
    assert is_clean(desk)
    await desk.stop()
    assert desk.files() == {}
    assert os.listdir(desk.layout.journal) == []


@pytest_twisted.ensureDeferred
async def test_a_message_without_recipients_ends_at_once(make_desk: Maker) -> None:
    desk = make_desk()
    await queued(desk, ANN)
    await desk.settle()
    assert desk.log()[1:] == [
        "new msg <MSG1>",
        f"info msg <MSG1>: bytes <N> from <{ANN.decode()}> qp <PID> uid 1000",
        "end msg <MSG1>",
    ]
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_a_recipient_without_a_host_is_refused_by_us_and_bounces(make_desk: Maker) -> None:
    """Routing appends a host always; a foreign queue file may lack it."""
    desk = make_desk()
    desk.layout = desk.running.layout
    await desk.stop()
    for path, data in (
        (desk.layout.mess(46), BODY),
        (desk.layout.info(46), b"F" + ANN + b"\0"),
        (desk.layout.channel("local", 46), b"Thostless\0"),
    ):
        with open(path, "wb") as stream:
            stream.write(data)
    desk.open()
    await desk.settle()
    assert "delivery 1: failure: Sorry,_address_must_include_host_name._(#5.1.3)/" in desk.log()
    assert [attempt.recipient for attempt in desk.attempts] == [ANN]
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_each_recipient_of_a_verp_message_sees_a_sender_of_its_own(make_desk: Maker) -> None:
    desk = make_desk()
    await queued(desk, b"list-owner-@mail.example.org-@[]", b"a@r1.example", NOBODY)
    await desk.settle()
    assert {(a.sender, a.recipient) for a in desk.attempts} == {
        (b"list-owner-a=r1.example@mail.example.org", b"a@r1.example"),
        (b"list-owner-nobody=mail.example.org@mail.example.org", NOBODY),
        (b"", b"list-owner-@mail.example.org"),
    }


# -- messages of other programs


@pytest_twisted.ensureDeferred
async def test_a_large_message_goes_by_files_and_is_delivered_whole(make_desk: Maker) -> None:
    desk = make_desk()
    large = b"Subject: large\n\n" + os.urandom(700_000).hex().encode()
    number = await queued(desk, ANN, JOE, message=large)
    await desk.until(lambda: desk.attempts)
    await desk.settle()
    (attempt,) = desk.attempts
    assert attempt.message.endswith(b"\n" + large)
    assert attempt.message.startswith(b"Received: (qmail %d invoked by uid 1000); " % number)
    assert f"info msg <MSG1>: bytes <N> from <{ANN.decode()}> qp <PID> uid 1000" in desk.log()
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_a_message_of_another_program_is_heard_of_by_the_trigger(make_desk: Maker) -> None:
    desk = make_desk()
    await desk.settle()
    desk.put_todo(4711, encode_todo(TodoEntry(1000, 99, Envelope(ANN, (JOE, b"ok@remote.example")))))
    await desk.until(lambda: len(desk.attempts) == 2)
    await desk.settle()
    assert b"info msg 4711: bytes 23 from <ann@mail.example.org> qp 99 uid 1000" in desk.lines
    assert {attempt.message for attempt in desk.attempts} == {b"Subject: foreign\n\nbody\n"}
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
async def test_a_foreign_message_without_recipients_ends_at_once(make_desk: Maker) -> None:
    desk = make_desk()
    await desk.settle()
    desk.put_todo(4711, encode_todo(TodoEntry(1000, 99, Envelope(ANN, ()))))
    await desk.until(lambda: b"end msg 4711" in desk.lines)
    await desk.settle()
    assert is_clean(desk)


@pytest_twisted.ensureDeferred
@pytest.mark.parametrize(
    ("bad", "problem"),
    [
        (b"u1\0p2\0Fs@x\0Zbad\0", b"unknown record type"),
        (b"u" + b"9" * 5000 + b"\0p2\0Fs@x\0", b"not a number"),
        (b"u1\0p2\0Fs@x\0Tr@x", b"unterminated record"),
        (b"u1\0p2\0Tr@x\0", b"no sender"),
        (b"", b"no sender"),
    ],
)
async def test_a_bad_todo_entry_is_told_once_kept_and_holds_nobody_up(
    make_desk: Maker, bad: bytes, problem: bytes
) -> None:
    desk = make_desk()
    await desk.settle()
    for _ in range(3):
        desk.put_todo(46, bad)
        await desk.until(lambda: any(b"todo/46" in line for line in desk.lines))
        await desk.settle()
    assert [line for line in desk.lines if b"todo/46" in line] == [b"warning: %s in todo/46" % problem]
    assert desk.files()["todo/46"] == bad
    desk.put_todo(47, encode_todo(TodoEntry(1, 2, Envelope(ANN, (JOE,)))))
    await desk.until(lambda: b"end msg 47" in desk.lines)
