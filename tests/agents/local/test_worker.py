"""A worker in a process of its own, spoken to as the daemon and the agent do."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmtwist.agents import privileges
from qmtwist.agents.channel import Channel
from qmtwist.agents.local.worker import Terms, Worker, assertion, parse_assertion
from qmtwist.mail.errors import Malformed
from qmtwist.rules.users import Account
from qmtwist.wire import spawn
from qmtwist.wire.mailbox import encode_open
from tests.support.localhome import MESSAGE, PATIENCE_S, LocalHome, start

DONE = b"Kdid 1+0+0\n"
DELIVERED = b"Return-Path: <s@example.org>\nDelivered-To: %s@example.net\n" + MESSAGE


class Office:
    """A home, a worker for joe, and both its ears."""

    def __init__(self, top: str, program_limit_s: int = 60) -> None:
        self.home = LocalHome(top)
        reading, self._writing = os.pipe2(os.O_NONBLOCK)

        def work(channel: int) -> None:
            os.close(self._writing)
            privileges.become(self.home.uid, self.home.gid)
            environ = {b"PATH": b"/usr/bin:/bin"}
            Worker(Terms(self.home.path, environ, b"./Maildir/", program_limit_s), Channel(channel), reading).run()

        self.pid, self.daemon = start(work)
        os.close(reading)
        self.status: int | None = None

    def tell(self, local: bytes, account: Account) -> None:
        """As the agent."""
        os.write(self._writing, assertion(local, account))

    def answer(self) -> spawn.Frame:
        """The next answer; whoever asks for a process gets it."""
        while (frame := self.daemon.receive()).kind == spawn.HEAVY:
            self.daemon.send(spawn.GO, frame.number)
        return frame

    def report(self, local: bytes, message: bytes = MESSAGE) -> bytes:
        """Deliver one message."""
        self.daemon.deliver(1, local, message)
        frame = self.answer()
        assert (frame.kind, frame.number) == (spawn.REPORT, 1)
        return frame.payload

    def hang_up_as_agent(self) -> None:
        os.close(self._writing)
        self._writing = -1

    def end(self) -> int:
        """Wait for its end; the exit status."""
        if self.status is None:
            deadline = time.monotonic() + PATIENCE_S
            while (ended := os.waitpid(self.pid, os.WNOHANG))[0] == 0:
                assert time.monotonic() < deadline, "the worker does not end"
                time.sleep(0.01)
            self.status = os.waitstatus_to_exitcode(ended[1])
        return self.status

    def close(self) -> None:
        self.daemon.close()
        if self._writing >= 0:
            os.close(self._writing)
        self.end()


@pytest.fixture
def make_office(open_directory: str) -> Iterator[Callable[..., Office]]:
    made: list[Office] = []

    def make(**options: int) -> Office:
        made.append(Office(open_directory, **options))
        made[-1].tell(b"joe", made[-1].home.account())
        return made[-1]

    yield make
    for office in made:
        office.close()


@pytest.fixture
def office(make_office: Callable[..., Office]) -> Office:
    return make_office()


def test_mail_goes_into_the_maildir(office: Office) -> None:
    assert office.report(b"joe") == DONE
    assert office.home.delivered() == [DELIVERED % b"joe"]


def test_many_orders_at_once_are_all_reported(office: Office) -> None:
    for number in range(50):
        office.daemon.deliver(number, b"joe", b"Subject: %02d\n\n" % number)
    frames = [office.answer() for _ in range(50)]
    assert sorted(frame.number for frame in frames) == list(range(50))
    assert {frame.payload for frame in frames} == {DONE}
    assert len(set(office.home.delivered())) == 50


def test_what_the_agent_has_not_named_is_not_known(office: Office) -> None:
    office.daemon.deliver(3, b"ann")
    assert office.answer() == spawn.Frame(spawn.UNKNOWN, 3, b"")
    office.daemon.send(spawn.CHECK, 4, b"ann\0example.net")
    assert office.answer() == spawn.Frame(spawn.UNKNOWN, 4, b"")
    office.daemon.send(spawn.OPEN, 5, encode_open(b"ann", b"Maildir"))
    assert office.answer() == spawn.Frame(spawn.UNKNOWN, 5, b"")


def test_the_daemon_cannot_assert_anything(office: Office) -> None:
    office.daemon.socket.sendall(assertion(b"ann", office.home.account()))
    assert office.daemon.is_at_end()
    assert office.end() != 0


def test_a_message_may_come_as_a_descriptor(office: Office) -> None:
    with open(os.memfd_create("message"), "w+b", buffering=0) as file:
        file.write(MESSAGE)
        order = spawn.DeliverOrder(b"s@example.org", b"joe", b"example.net", None)
        office.daemon.send(spawn.DELIVER, 1, spawn.encode_order(1, order)[spawn.HEADER.size :], file.fileno())
    assert office.answer().payload == DONE
    assert office.home.delivered() == [DELIVERED % b"joe"]


def test_a_descriptor_that_is_no_file_is_not_read(office: Office) -> None:
    reading, writing = os.pipe()
    order = spawn.encode_order(1, spawn.DeliverOrder(b"", b"joe", b"h", None))[spawn.HEADER.size :]
    office.daemon.send(spawn.DELIVER, 1, order, reading)
    assert office.answer().payload == b"Zqmail-spawn unable to open message. (#4.3.0)\n"
    office.daemon.send(spawn.DELIVER, 2, order)  # nor one that never came
    assert office.answer().payload == b"Zqmail-spawn unable to open message. (#4.3.0)\n"
    os.close(reading)
    os.close(writing)


def test_a_slow_program_does_not_hold_up_a_maildir(office: Office) -> None:
    office.home.write(".qmail-slow", f"|cat {office.home.joe}/gate\n")
    os.mkfifo(f"{office.home.joe}/gate")
    os.chmod(f"{office.home.joe}/gate", 0o666)
    office.tell(b"joe-slow", office.home.account(b"slow"))
    office.daemon.deliver(1, b"joe-slow")
    office.daemon.deliver(2, b"joe")
    assert office.answer() == spawn.Frame(spawn.REPORT, 2, DONE)
    Path(office.home.joe, "gate").write_bytes(b"at last\n")
    assert office.answer() == spawn.Frame(spawn.REPORT, 1, b"Kat last\ndid 0+0+1\n")


@pytest.mark.parametrize(
    ("text", "report"),
    [
        ("|cat\n", b"K" + MESSAGE + b"did 0+0+1\n"),
        ("|exit 100\n", b"D"),
        ("|echo later; exit 111\n", b"Zlater\n"),
        ("|kill -9 $$\n", b"ZAack, child crashed. (#4.3.0)\n"),
        ("|head -c 4000 /dev/zero | tr '\\000' x\n", b"K" + b"x" * 2966 + b"\nError report too long, sorry.\n"),
        ("./nowhere/\n", b"ZUnable to chdir to maildir. (#4.2.1)\n"),
        ("\n", b"ZUh-oh: first line of .qmail file is blank. (#4.2.1)\n"),
        ("#\n", b"Kdid 0+0+0\n"),
    ],
)
def test_every_instruction_has_qmail_locals_report(office: Office, text: str, report: bytes) -> None:
    office.home.write(".qmail-x", text)
    office.tell(b"joe-x", office.home.account(b"x"))
    assert office.report(b"joe-x") == report


def test_an_mbox_and_a_maildir_together(office: Office) -> None:
    office.home.write(".qmail-x", "./box\n./Maildir/\n")
    office.tell(b"joe-x", office.home.account(b"x"))
    assert office.report(b"joe-x") == b"Kdid 2+0+0\n"
    assert office.home.delivered() == [DELIVERED % b"joe-x"]
    assert MESSAGE in Path(office.home.joe, "box").read_bytes()


def test_an_extension_without_a_file_is_no_mailbox(office: Office) -> None:
    office.tell(b"joe-x", office.home.account(b"x"))
    assert office.report(b"joe-x") == b"DSorry, no mailbox here by that name. (#5.1.1)\n"


def test_a_program_that_takes_too_long_is_stopped(make_office: Callable[..., Office]) -> None:
    office = make_office(program_limit_s=1)
    office.home.write(".qmail-x", "|sleep 60\n")
    office.tell(b"joe-x", office.home.account(b"x"))
    assert office.report(b"joe-x").startswith(b"ZProgram was stopped after 1 second")


def test_a_qmail_local_in_place_of_ours_gets_qmails_arguments(office: Office) -> None:
    office.home.install("qmail-local", '#!/bin/sh\nprintf "[%s]" "$@"; cat; exit 100\n')
    expected = f"D[--][joe][{office.home.joe}][joe][][][example.net][s@example.org][./Maildir/]".encode()
    assert office.report(b"joe") == expected + MESSAGE
    assert office.home.delivered() == []


@pytest.mark.parametrize(
    ("ext", "file", "answer"),
    [
        (None, None, b"y"),
        (b"list", None, b"n"),
        (b"list", ".qmail-list", b"y"),
        (b"a-b", ".qmail-a-default", b"y"),
        (b"a-b", ".qmail-default", b"y"),
        (b"A.B", ".qmail-a:b", b"y"),
    ],
)
def test_an_address_has_a_mailbox_when_a_file_serves_it(
    office: Office, ext: bytes | None, file: str | None, answer: bytes
) -> None:
    if file:
        office.home.write(file, "./Maildir/\n")
    office.tell(b"x", office.home.account(ext))
    office.daemon.send(spawn.CHECK, 1, b"x\0example.net")
    assert office.answer() == spawn.Frame(spawn.CHECKED, 1, answer)


@pytest.mark.parametrize("mode", [0o1755, 0o777])
def test_in_a_home_that_is_being_edited_nothing_is_decided(office: Office, mode: int) -> None:
    os.chmod(office.home.joe, mode)
    office.tell(b"x", office.home.account(b"x"))
    office.daemon.send(spawn.CHECK, 1, b"x\0example.net")
    assert office.answer().payload == b"?"


def test_mailboxes_are_opened_below_the_home_that_the_agent_named(office: Office) -> None:
    assert office.report(b"joe") == DONE
    office.daemon.send(spawn.OPEN, 1, encode_open(b"joe", b"Maildir"))
    assert office.answer().kind == spawn.LISTING
    office.daemon.send(spawn.OPEN, 2, encode_open(b"joe", b"nowhere"))
    assert office.answer().kind == spawn.REFUSAL


def test_when_the_daemon_hangs_up_a_worker_finishes_and_ends(office: Office) -> None:
    office.home.write(".qmail-x", "|cat > done\n")
    office.tell(b"joe-x", office.home.account(b"x"))
    office.daemon.deliver(1, b"joe-x")
    frame = office.daemon.receive()
    if frame.kind == spawn.HEAVY:
        office.daemon.send(spawn.GO, 1)
        office.daemon.send(spawn.CHECK, 2, b"joe\0h")  # answered once the program has been started
        assert office.daemon.receive().number in (1, 2)
    office.daemon.close()
    assert office.end() == 0
    assert Path(office.home.joe, "done").read_bytes() == MESSAGE


def test_when_the_agent_hangs_up_a_worker_ends_too(office: Office) -> None:
    office.hang_up_as_agent()
    assert office.daemon.is_at_end()
    assert office.end() == 0


def test_a_worker_that_is_told_to_stop_ends_its_programs_and_reports(office: Office) -> None:
    office.home.write(".qmail-x", f"|echo >{office.home.joe}/begun; sleep 60\n")
    os.mkfifo(f"{office.home.joe}/begun")
    os.chmod(f"{office.home.joe}/begun", 0o666)
    office.tell(b"joe-x", office.home.account(b"x"))
    office.daemon.deliver(1, b"joe-x")
    frame = office.daemon.receive()
    assert frame.kind == spawn.HEAVY
    office.daemon.send(spawn.GO, 1)
    Path(office.home.joe, "begun").read_bytes()
    os.kill(office.pid, signal.SIGTERM)
    assert office.answer().payload.startswith(b"Z")
    assert office.end() == 0


def test_only_the_latest_local_parts_are_remembered(
    make_office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmtwist.agents.local.worker.ACCOUNT_LIMIT", 2)
    office = make_office()
    for local in (b"a", b"b"):
        office.tell(local, office.home.account())
    for number, local in enumerate((b"joe", b"a", b"b")):
        office.daemon.send(spawn.CHECK, number, local + b"\0h")
    assert [office.answer().kind for _ in range(3)] == [spawn.UNKNOWN, spawn.CHECKED, spawn.CHECKED]


def test_an_assertion_comes_back_as_it_was() -> None:
    account = Account(b"joe", 1, 2, b"/h", b"-", b"x")
    frame = next(iter(spawn.FrameReader().receive(assertion(b"joe-x", account))))
    assert parse_assertion(frame.payload) == (b"joe-x", account)
    with pytest.raises(Malformed):
        parse_assertion(b"joe\0joe")
