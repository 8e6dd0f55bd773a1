"""The local agent in a process of its own, spoken to as the daemon does."""

from __future__ import annotations

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from qmtwist.agents.local.agent import LOCAL_LIMIT_BYTES, Options, serve
from qmtwist.wire import spawn
from qmtwist.wire.mailbox import encode_open
from tests.support.localhome import PATIENCE_S, UNUSED_ID, Line, LocalHome, start

DONE = b"Kdid 1+0+0\n"
CHECKPASSWORD = """#!/bin/sh
HOME={home} USER=joe; export HOME USER
secret=`tr '\\000' '\\n' <&3 | sed -n 2p`
case "$secret" in
  right) exec {become} "$@" ;;
  broken) exit 111 ;;
  killed) kill -9 $$ ;;
  false) exit 0 ;;
  slow) exec sleep 60 ;;
  *) exit 1 ;;
esac
"""


class Agency:
    """A home, its agent, and the workers it has passed to us."""

    def __init__(self, top: str, has_logins: bool = False) -> None:
        self.home = LocalHome(top)
        words: list[bytes] = []
        if has_logins:
            become = f"/usr/bin/setpriv --reuid={UNUSED_ID} --regid={UNUSED_ID} --clear-groups"
            text = CHECKPASSWORD.format(home=self.home.joe, become=become if os.geteuid() == 0 else "")
            self.home.install("checkpassword", text)
            words = [f"{self.home.path}/bin/checkpassword".encode()]
        options = Options(self.home.path, b"./Maildir/", 60, words)
        self.pid, self.daemon = start(lambda channel: os._exit(serve(options, channel)))
        self.workers: dict[int, Line] = {}
        self.has_ended = False
        hello = self.daemon.receive()
        assert (hello.kind, hello.payload) == (spawn.HELLO, b"%d" % spawn.VERSION)
        self.daemon.send(spawn.HELLO, 0, b"%d" % spawn.VERSION)

    def answer(self) -> spawn.Frame:
        """The next answer to a lookup or login; workers that come before it are kept."""
        while (frame := self.daemon.receive()).kind == spawn.WORKER:
            assert int(frame.payload) == self.home.uid
            self.workers[frame.number] = Line(socket.socket(fileno=self.daemon.descriptors.pop(0)))
        return frame

    def look_up(self, local: bytes, number: int = 1) -> spawn.Frame:
        self.daemon.send(spawn.LOOKUP, number, local)
        frame = self.answer()
        assert frame.number == number
        return frame

    def find(self, local: bytes) -> tuple[list[bytes], Line]:
        """The fields of the answer but the last, and the worker."""
        frame = self.look_up(local)
        assert frame.kind == spawn.ACCOUNT, frame
        *fields, serial = frame.payload.split(b"\0")
        return fields, self.workers[int(serial)]

    def employ(self) -> int:
        """The pid of joe's worker, once it serves."""
        _, worker = self.find(b"joe")
        worker.send(spawn.CHECK, 1, b"joe\0h")
        assert worker.receive().kind == spawn.CHECKED
        (pid,) = children_of(self.pid)
        return pid

    def close(self) -> None:
        for worker in self.workers.values():
            worker.close()
        self.daemon.close()
        if not self.has_ended:
            assert wait_for_end(self.pid) == 0


def wait_for_end(pid: int) -> int:
    deadline = time.monotonic() + PATIENCE_S
    while (ended := os.waitpid(pid, os.WNOHANG))[0] == 0:
        assert time.monotonic() < deadline, "it does not end"
        time.sleep(0.01)
    return os.waitstatus_to_exitcode(ended[1])


def children_of(pid: int) -> list[int]:
    return [int(word) for word in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


@pytest.fixture
def make_agency(open_directory: str) -> Iterator[Callable[..., Agency]]:
    made: list[Agency] = []

    def make(has_logins: bool = False) -> Agency:
        made.append(Agency(open_directory, has_logins))
        return made[-1]

    yield make
    for agency in made:
        agency.close()


@pytest.fixture
def agency(make_agency: Callable[..., Agency]) -> Agency:
    return make_agency()


def test_a_lookup_names_the_account_and_brings_its_worker(agency: Agency) -> None:
    fields, worker = agency.find(b"Joe-List")
    assert fields == [b"%d" % agency.home.uid, b"joe", agency.home.joe.encode(), b"-", b"List"]
    worker.send(spawn.CHECK, 5, b"Joe-List\0h")
    assert worker.receive() == spawn.Frame(spawn.CHECKED, 5, b"n")


def test_one_worker_serves_all_addresses_of_a_user(agency: Agency) -> None:
    _, first = agency.find(b"joe")
    _, second = agency.find(b"joe-x")
    assert first is second and len(agency.workers) == 1
    first.deliver(1, b"joe")
    assert first.receive() == spawn.Frame(spawn.REPORT, 1, DONE)
    assert len(agency.home.delivered()) == 1


def test_a_worker_is_its_user_and_nobody_else(agency: Agency) -> None:
    pid = agency.employ()
    status = dict(
        line.split(":\t", 1) for line in Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line
    )
    uid, gid = str(agency.home.uid), str(agency.home.gid)
    assert status["Uid"].split() == [uid] * 4
    assert status["Gid"].split() == [gid] * 4
    if os.geteuid() == 0:
        assert status["Groups"].split() == [gid]
        assert int(status["CapEff"], 16) == 0
    assert status["Umask"] == "0077"


def test_a_worker_has_no_descriptor_of_another(agency: Agency) -> None:
    pid = agency.employ()
    names = [os.readlink(f"/proc/{pid}/fd/{number}") for number in os.listdir(f"/proc/{pid}/fd") if int(number) > 2]
    assert sum(name.startswith("socket:") for name in names) == 1


@pytest.mark.parametrize(
    ("local", "report"),
    [
        (b"", b"K"),
        (b"joe\0x", b"DSorry, there can be no such address here. (#5.1.3)\n"),
        (b"x" * (LOCAL_LIMIT_BYTES + 1), b"DSorry, there can be no such address here. (#5.1.3)\n"),
        (b"toor", b"ZNot allowed to perform deliveries as root.\n"),
    ],
)
def test_what_cannot_be_delivered_is_refused(agency: Agency, local: bytes, report: bytes) -> None:
    agency.home.assign(agency.home.lines("toor", "/root", uid=0))
    assert agency.look_up(local) == spawn.Frame(spawn.REFUSAL, 1, report)


def test_without_root_other_users_accounts_are_put_off(agency: Agency) -> None:
    if os.geteuid() == 0:
        pytest.skip("root delivers to everybody")
    agency.home.assign(agency.home.lines("ann", "/home/ann", uid=UNUSED_ID))
    frame = agency.look_up(b"ann")
    assert frame.kind == spawn.REFUSAL
    assert frame.payload.startswith(b"ZThis server does not run as root")


def test_a_broken_database_puts_lookups_off(agency: Agency) -> None:
    Path(agency.home.path, "users/cdb").write_bytes(b"short")
    assert agency.look_up(b"joe").payload == b"ZTrouble reading users/cdb in qmail-lspawn.\n"


def test_a_changed_assignment_counts_at_the_next_lookup(agency: Agency) -> None:
    agency.find(b"joe")
    agency.home.make_directory("new-home")
    agency.home.assign(agency.home.lines("joe", f"{agency.home.joe}/new-home"))
    fields, worker = agency.find(b"joe")
    assert fields[2] == f"{agency.home.joe}/new-home".encode()
    worker.deliver(1, b"joe")
    assert worker.receive().payload == b"ZUnable to chdir to maildir. (#4.2.1)\n"


def test_a_worker_that_is_lost_is_replaced(agency: Agency) -> None:
    _, first = agency.find(b"joe")
    (serial,) = agency.workers
    agency.workers.pop(serial).close()
    agency.daemon.send(spawn.LOST, serial)
    _, second = agency.find(b"joe")
    assert second is not first
    second.deliver(1, b"joe")
    assert second.receive().payload == DONE


def test_a_worker_that_was_killed_is_replaced_after_a_moment(agency: Agency) -> None:
    os.kill(agency.employ(), signal.SIGKILL)
    (first,) = agency.workers.values()
    assert first.is_at_end()
    deadline = time.monotonic() + PATIENCE_S
    while (frame := agency.look_up(b"joe")).kind == spawn.REFUSAL or int(frame.payload.split(b"\0")[-1]) == 1:
        assert time.monotonic() < deadline
        if frame.kind == spawn.REFUSAL:
            assert frame.payload == b"ZDeliveries for this user stop as soon as they start. (#4.3.5)\n"
        time.sleep(0.02)
    worker = agency.workers[int(frame.payload.split(b"\0")[-1])]
    worker.deliver(1, b"joe")
    assert worker.receive().payload == DONE


def test_when_the_daemon_hangs_up_all_ends(agency: Agency) -> None:
    _, worker = agency.find(b"joe")
    agency.daemon.socket.shutdown(socket.SHUT_WR)
    assert worker.is_at_end()


def test_a_daemon_that_talks_nonsense_is_left(agency: Agency) -> None:
    agency.daemon.send(b"?", 1)
    assert agency.daemon.is_at_end()
    agency.has_ended = True
    assert wait_for_end(agency.pid) == 1


# -- logins


def login(agency: Agency, secret: bytes) -> spawn.Frame:
    agency.daemon.send(spawn.LOGIN, 9, b"joe\0" + secret + b"\0<1@h>\0")
    frame = agency.answer()
    assert frame.number == 9
    return frame


def test_the_right_secret_brings_a_worker_for_mailboxes_only(make_agency: Callable[..., Agency]) -> None:
    agency = make_agency(has_logins=True)
    frame = login(agency, b"right")
    assert frame.kind == spawn.ACCOUNT
    uid, user, home, _, _, serial = frame.payload.split(b"\0")
    assert (int(uid), user, home) == (agency.home.uid, b"joe", agency.home.joe.encode())
    worker = agency.workers[int(serial)]
    worker.send(spawn.OPEN, 1, encode_open(b"", b"Maildir"))
    assert worker.receive().kind == spawn.LISTING
    worker.deliver(2, b"joe")
    assert worker.is_at_end()


@pytest.mark.parametrize(
    ("secret", "letter"), [(b"wrong", b"D"), (b"broken", b"Z"), (b"killed", b"Z"), (b"false", b"Z")]
)
def test_anything_but_a_greeting_worker_is_no_login(
    make_agency: Callable[..., Agency], secret: bytes, letter: bytes
) -> None:
    frame = login(make_agency(has_logins=True), secret)
    assert (frame.kind, frame.payload[:1]) == (spawn.REFUSAL, letter)


def test_a_login_that_takes_too_long_is_put_off(
    make_agency: Callable[..., Agency], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("qmtwist.agents.local.login.LIMIT_S", 0.2)
    assert login(make_agency(has_logins=True), b"slow").payload == b"Zthe login cannot be checked now"


def test_a_record_with_other_than_three_fields_is_not_handed_on(make_agency: Callable[..., Agency]) -> None:
    agency = make_agency(has_logins=True)
    assert login(agency, b"right\0more").payload[:1] == b"D"
    assert login(agency, b"x" * 600).payload[:1] == b"D"


def test_without_a_checkpassword_program_there_are_no_logins(agency: Agency) -> None:
    assert login(agency, b"right").payload == b"Dthere are no logins here"
