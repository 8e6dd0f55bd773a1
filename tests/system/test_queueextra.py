"""control/queueextra: a copy of every message to one more recipient, whichever way it comes in. (FAQ 8.2)"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import socket
from collections.abc import Callable, Iterator

import pytest

from qmtwist.wire.netstring import netstring
from tests.support.daemon import LIMIT_S, free_port, running
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
SENDER = "s@far.example"


def prepare(made: Town) -> None:
    """The answer of the FAQ."""
    made.write("control/queueextra", "log\n")
    made.alias("log", "./msg-log\n")
    made.write("control/databytes", "0\n")


class Logged(Office):
    """An office with QMTP and QMQP, too."""

    def __init__(self, made: Town) -> None:
        self.ports = {"qmtp": free_port(), "qmqp": free_port()}
        words = [f"--listen={kind}=tcp:{port}:interface=127.0.0.1" for kind, port in self.ports.items()]
        super().__init__(made, *words)
        made.write("control/tcprules.qmqp", "127.0.0.1:allow\n")

    def say(self, kind: str, data: bytes) -> bytes:
        """Send this to a service; what it answers."""
        with socket.create_connection(("127.0.0.1", self.ports[kind]), LIMIT_S) as connection:
            connection.sendall(data)
            return connection.recv(1000)

    def kept(self) -> str:
        """The copies."""
        path = f"{self.town.path}/alias/msg-log"
        if not os.path.exists(path):
            return ""
        with open(path, encoding="latin-1") as stream:
            return stream.read()


@pytest.fixture(scope="module")
def office() -> Iterator[Logged]:
    with town("joe", "ann", prepare=prepare) as made, running(Logged(made)) as daemon:
        yield daemon


def by_smtp(office: Logged, text: bytes) -> None:
    with office.smtp() as client:
        client.sendmail(SENDER, [f"joe@{H}"], text.replace(b"\n", b"\r\n"))


def by_qmtp(office: Logged, text: bytes) -> None:
    package = netstring(b"\n" + text) + netstring(SENDER.encode()) + netstring(netstring(f"joe@{H}".encode()))
    assert b"Kok" in office.say("qmtp", package)


def by_qmqp(office: Logged, text: bytes) -> None:
    fields = netstring(text) + netstring(SENDER.encode()) + netstring(f"joe@{H}".encode())
    assert b"Kok" in office.say("qmqp", netstring(fields))


def by_program(office: Logged, text: bytes) -> None:
    office.queue(f"joe@{H}", SENDER, text)


def by_inject(office: Logged, text: bytes) -> None:
    office.town.run("qmail-inject", f"joe@{H}", text=text, user="joe")


WAYS: list[Callable[[Logged, bytes], None]] = [by_smtp, by_qmtp, by_qmqp, by_program, by_inject]


@pytest.mark.parametrize("way", WAYS)
def test_a_copy_of_every_message_whichever_way_it_comes(office: Logged, way: Callable[[Logged, bytes], None]) -> None:
    """S114."""
    for size in (10, 300_000):  # through the journal, and straight into queue files
        word = f"{way.__name__}-{size}"
        way(office, f"Subject: {word}\n\n".encode() + b"0123456789\n" * (size // 10))
        wait_until(lambda word=word: f"Subject: {word}\n" in office.kept())
        wait_until(lambda word=word: any(word.encode() in text for text in office.town.messages("joe")))
        assert office.kept().count(f"Subject: {word}\n") == 1


def test_the_copy_shows_the_envelope_sender_and_the_log_recipient(office: Logged) -> None:
    office.queue(f"joe@{H}", SENDER, b"Subject: trace\n\n")
    wait_until(lambda: "Subject: trace\n" in office.kept())
    copy = office.kept()[: office.kept().index("Subject: trace")].rpartition("\nFrom ")[2]
    assert f"Return-Path: <{SENDER}>\n" in copy and f"Delivered-To: log@{H}\n" in copy


def test_bounces_and_mail_for_other_hosts_are_copied(office: Logged) -> None:
    """As qmail does, whose bounces go through qmail-queue."""
    since = office.mark()
    office.queue(f"nobody-there@{H}", f"joe@{H}", b"Subject: lost\n\n")
    wait_until(lambda: "Subject: failure notice\n" in office.kept())
    assert office.kept().count("Subject: lost\n") == 2  # itself, and inside its bounce
    office.queue("x@far.example", f"joe@{H}", b"Subject: going out\n\n")
    wait_until(lambda: "Subject: going out\n" in office.kept())
    office.wait_for(lambda line: line.startswith("starting delivery") and line.endswith("x@far.example"), since)


def test_message_ids_and_hashes_in_the_log(office: Logged) -> None:
    """S115, S116: the program of the FAQ; and a one-way hash of each message, by a program too."""
    made = office.town
    made.write("control/queueextra", "log\nlog-sum\n")
    awk = "| awk '/^$/ { exit } /^[mM][eE][sS][sS][aA][gG][eE]-/ { print }'\n"
    made.alias("log", awk)
    made.alias("log-sum", "| sha256sum\n")
    since = office.mark()
    office.signal(signal.SIGHUP)
    office.wait_for_line("control/queueextra", since)
    office.queue(f"joe@{H}", SENDER, b"Subject: x\nMessage-ID: <17.abc@far.example>\n\nMessage-No\n")
    assert "success: Message-ID:_<17.abc@far.example>/did_0+0+1/" in office.report(f"log@{H}", since)
    said = re.search("success: ([0-9a-f]{64})_", office.report(f"log-sum@{H}", since))
    assert said
    body = b"Subject: x\nMessage-ID: <17.abc@far.example>\n\nMessage-No\n"
    wait_until(lambda: any(text.endswith(body) for text in made.messages("joe")))
    delivered = next(text for text in made.messages("joe") if text.endswith(body))
    queued = delivered[delivered.index(b"Received: (qmail ") :]
    assert hashlib.sha256(queued).hexdigest() == said[1]


def test_a_reload_ends_the_copies(office: Logged) -> None:
    os.unlink(f"{office.town.path}/control/queueextra")
    since = office.mark()
    office.signal(signal.SIGHUP)
    office.wait_for_line("control/queueextra", since)
    office.queue(f"joe@{H}")
    office.report(f"joe@{H}", since)
    office.wait_for(lambda line: line.startswith("end msg"), since)
    assert not any("log@" in line for line in office.log[since:])


def test_messages_queued_as_files_are_copied_too() -> None:
    """While no server runs; the file is read for each message, and one that cannot be read is no reason to lose it."""
    with town("joe", prepare=prepare) as made:
        office = Logged(made)
        office.queue(f"joe@{H}", SENDER, b"Subject: by files\n\n")
        (todo,) = os.listdir(f"{made.path}/queue/todo")
        with open(f"{made.path}/queue/todo/{todo}", "rb") as stream:
            assert stream.read().endswith(f"F{SENDER}\0Tlog\0Tjoe@{H}\0".encode())
        os.rename(f"{made.path}/control/queueextra", f"{made.path}/control/kept")
        os.symlink("nowhere", f"{made.path}/control/queueextra")
        with pytest.raises(AssertionError, match="returncode=55"):
            office.queue(f"joe@{H}")
        os.rename(f"{made.path}/control/kept", f"{made.path}/control/queueextra")
        with running(office):
            wait_until(lambda: "Subject: by files\n" in office.kept())
            office.wait_for_messages("joe", 1)
