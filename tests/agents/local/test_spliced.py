"""A message whose beginning is one recipient's own comes to a worker as a descriptor and that beginning."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from qmtwist.agents import privileges
from qmtwist.agents.channel import Channel
from qmtwist.agents.local.worker import Terms, Worker, assertion
from qmtwist.wire import spawn
from tests.support.localhome import LocalHome, start

OLD, OWN = b"Received: x\nMark: 123456\n", b"Received: x\nOwn: a link\n"
REST = b"Subject: hi\n\n" + b"body\n" * 100_000
DONE = b"Kdid 1+0+0\n"


class Office:
    """A home, and a worker for joe."""

    def __init__(self, top: str) -> None:
        self.home = LocalHome(top)
        reading, self._writing = os.pipe2(os.O_NONBLOCK)

        def work(channel: int) -> None:
            os.close(self._writing)
            privileges.become(self.home.uid, self.home.gid)
            Worker(
                Terms(self.home.path, {b"PATH": b"/usr/bin:/bin"}, b"./Maildir/", 60), Channel(channel), reading
            ).run()

        self.pid, self.daemon = start(work)
        os.close(reading)
        os.write(self._writing, assertion(b"joe", self.home.account()))
        os.write(self._writing, assertion(b"joe-x", self.home.account(b"x")))

    def deliver(self, local: bytes, *, is_file: bool = True) -> bytes:
        """Deliver the message; the report."""
        order = spawn.DeliverOrder(b"s@example.org", local, b"example.net", None, OWN, len(OLD))
        payload = spawn.encode_order(1, order)[spawn.HEADER.size :]
        if is_file:
            with open(os.memfd_create("message"), "w+b", buffering=0) as file:
                file.write(OLD + REST)
                self.daemon.send(spawn.DELIVER, 1, payload, file.fileno())
        else:
            reading, writing = os.pipe()
            self.daemon.send(spawn.DELIVER, 1, payload, reading)
            os.close(reading)
            os.close(writing)
        while (frame := self.daemon.receive()).kind == spawn.HEAVY:
            self.daemon.send(spawn.GO, frame.number)
        return frame.payload

    def end(self) -> None:
        self.daemon.close()
        os.close(self._writing)
        os.waitpid(self.pid, 0)


@pytest.fixture
def office(open_directory: str) -> Iterator[Office]:
    made = Office(open_directory)
    yield made
    made.end()


def test_a_maildir_gets_it_whole(office: Office) -> None:
    assert office.deliver(b"joe") == DONE
    head = b"Return-Path: <s@example.org>\nDelivered-To: joe@example.net\n"
    assert office.home.delivered() == [head + OWN + REST]


def test_a_program_reads_it_whole_and_an_mbox_gets_it(office: Office) -> None:
    office.home.write(".qmail-x", "|cat >out\n./mbox\n")
    assert office.deliver(b"joe-x") == b"Kdid 1+0+1\n"
    with open(f"{office.home.joe}/out", "rb") as stream:
        assert stream.read() == OWN + REST
    with open(f"{office.home.joe}/mbox", "rb") as stream:
        assert stream.read().partition(b"example.net\n")[2] == OWN + REST + b"\n"


def test_a_replaced_qmail_local_reads_it_whole(office: Office) -> None:
    office.home.install("qmail-local", "#!/bin/sh\ncat >$3/out\n")
    assert office.deliver(b"joe")[:1] == b"K"
    with open(f"{office.home.joe}/out", "rb") as stream:
        assert stream.read() == OWN + REST


def test_what_is_no_file_is_not_read(office: Office) -> None:
    assert office.deliver(b"joe", is_file=False) == b"Zqmail-spawn unable to open message. (#4.3.0)\n"
