"""Four homes: a null client, QMQP to one of two hubs, QMTP inside TLS with pinned keys to the mail host, POP3 there."""

from __future__ import annotations

import contextlib
import os
import poplib
import re
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.daemon import LIMIT_S, Daemon, Home, environment, free_port, qmtwist

pytestmark = pytest.mark.system

CLIENT, HUB, SPARE, MAIL = "null.example", "hub.example", "spare.example", "mail.example"
ADDRESSES = {HUB: "127.0.1.1", SPARE: "127.0.1.2", MAIL: "127.0.1.3"}
SENDERS = 4
MANY = int(os.environ.get("QMTWIST_MESH_MESSAGES", "300"))
PATIENCE_S = 120.0
MARK = re.compile(rb"^X-Letter: (\d+)$", re.M)


class Station(Daemon):
    """A hub or the mail host: a home with a key, and a daemon on an address of its own."""

    def __init__(self, directory: str, host: str, service: str, users: tuple[str, ...] = ()) -> None:
        os.mkdir(f"{directory}/{host}")
        os.chmod(f"{directory}/{host}", 0o755)
        home = Home(f"{directory}/{host}", users, host)
        os.mkdir(f"{directory}/{host}/people")
        home.make()
        self.pin = qmtwist("tlskey", "--home", home.path).split()[0]
        self.address, self.port = ADDRESSES[host], free_port()
        super().__init__(home, f"--listen={service}=tcp:{self.port}:interface={self.address}")

    @property
    def place(self) -> str:
        """Address and port of its service."""
        return f"{self.address}:{self.port}"

    def says(self, *words: str) -> bool:
        """Whether a line of the log has all these words."""
        return any(all(word in line for word in words) for line in self.log)


class Mesh:
    """The four of them. Made by the fixture, which starts and ends the three daemons."""

    def __init__(self, directory: str) -> None:
        self.hub = Station(directory, HUB, "qmqp")
        self.spare = Station(directory, SPARE, "qmqp")
        self.mail = Station(directory, MAIL, "qmtps", ("ann",))
        for station in (self.hub, self.spare):
            station.home.write("control/tcprules.qmqp", "127.0.0.1:allow\n:deny\n")
            station.home.write("control/qmtproutes", f"{MAIL}:{self.mail.place}/tls\n")
            station.home.write("control/tlspolicy", f"{MAIL}:pin:{self.mail.pin}\n")
        # nobody may send there but hosts whose keys are known
        self.mail.home.write("control/rcpthosts", "nobody.example\n")
        self.mail.home.write("control/tlsclients", f"{self.hub.pin} {HUB}\n{self.spare.pin} {SPARE}\n")
        self.client = f"{directory}/{CLIENT}"
        hubs = [word for station in (self.hub, self.spare) for word in ("--hub", station.place)]
        qmtwist("setup", "--null-client", *hubs, "--home", self.client, "--host", CLIENT)
        self.to = f"ann@{MAIL}"

    def start(self) -> None:
        for station in (self.mail, self.hub, self.spare):
            station.start()

    def inject(self, number: int, *lines: str) -> int:
        """qmail-inject at the null client: its exit status."""
        text = f"X-Letter: {number}\nTo: {self.to}\nSubject: {number}\n\n" + "".join(f"{line}\n" for line in lines)
        words = [f"{self.client}/bin/qmail-inject", "-fjoe@null.example"]
        return subprocess.run(
            words, input=text.encode(), stderr=subprocess.DEVNULL, env=environment(), timeout=PATIENCE_S
        ).returncode

    def arrived(self) -> set[int]:
        """The numbers of the messages that are in Ann's maildir."""
        marks = [MARK.search(message) for message in self.mail.home.messages("ann")]
        return {int(mark[1]) for mark in marks if mark}

    def read(self) -> list[bytes]:
        """All of Ann's mail by POP3."""
        reader = poplib.POP3("127.0.0.1", self.mail.pop3_port, timeout=LIMIT_S)
        reader.user("ann")
        reader.pass_(self.mail.home.password("ann"))
        count, _ = reader.stat()
        found = [b"\n".join(reader.retr(number)[1]) + b"\n" for number in range(1, count + 1)]
        reader.quit()
        return found

    def logs(self) -> str:
        """The ends of all logs, for a failure."""
        return "\n".join("\n".join(station.log[-25:]) for station in (self.hub, self.spare, self.mail))

    def wait(self, condition: Callable[[], object], limit_s: float = PATIENCE_S) -> None:
        """Wait until it is so."""
        deadline = time.monotonic() + limit_s
        while not condition():
            assert time.monotonic() < deadline, self.logs()
            time.sleep(0.02)


@pytest.fixture
def mesh() -> Iterator[Mesh]:
    with tempfile.TemporaryDirectory(prefix="qmtwist-test-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        os.chmod(directory, 0o755)
        made = Mesh(directory)
        stations = (made.hub, made.spare, made.mail)
        try:
            made.start()
            yield made
        except BaseException:
            for station in stations:
                if station.is_running():
                    station.kill()
            raise
        for station in stations:
            station.stop()


class Senders:
    """Programs at the null client that hand in a message each until it is taken, some of them at once."""

    def __init__(self, mesh: Mesh, count: int) -> None:
        self.accepted: set[int] = set()
        self.refusals: list[int] = []  # exit statuses
        self._mesh = mesh
        self._left = list(range(count))
        self._is_over = False
        self._threads = [threading.Thread(target=self._work) for _ in range(SENDERS)]

    def _work(self) -> None:
        with contextlib.suppress(IndexError):
            while True:
                number = self._left.pop(0)
                while not self._is_over and (status := self._mesh.inject(number, *["line of text"] * number)):
                    self.refusals.append(status)
                    time.sleep(0.1)
                self.accepted.add(number)

    def __enter__(self) -> Senders:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *trouble: object) -> None:
        self._is_over = trouble[0] is not None
        for thread in self._threads:
            thread.join(PATIENCE_S)
            assert not thread.is_alive()


def test_a_letter_goes_from_the_null_client_to_pop3(mesh: Mesh) -> None:
    assert mesh.inject(1, "hello", ".", "..") == 0
    mesh.wait(lambda: mesh.arrived() == {1})
    (message,) = mesh.read()
    head, _, body = message.partition(b"\n\n")
    assert body == b"hello\n.\n..\n"
    assert head.startswith(b"Return-Path: <joe@null.example>\nDelivered-To: ann@mail.example\n")
    assert b"by hub.example with QMQP; " in head and b"by mail.example with QMTP; " in head
    assert not os.path.exists(f"{mesh.client}/queue")
    assert mesh.hub.says("tls 127.0.1.3 ", " verified") and mesh.mail.says("qmtps 1: ", f" {HUB} accepted ")


def test_the_mail_host_takes_nothing_from_a_hub_whose_key_it_does_not_know(mesh: Mesh) -> None:
    since = len(mesh.mail.log)
    mesh.mail.home.write("control/tlsclients", f"{mesh.spare.pin} {SPARE}\n")
    mesh.mail.signal(signal.SIGHUP)
    mesh.wait(lambda: any("control" in line for line in mesh.mail.log[since:]))
    assert mesh.inject(1) == 0
    mesh.wait(lambda: mesh.hub.says("failure: ", "rcpthosts"))
    mesh.hub.kill()
    assert mesh.inject(2) == 0
    mesh.wait(lambda: mesh.arrived() == {2})
    mesh.hub.start()


def test_a_hub_goes_on_after_its_mail_host_has_shown_another_key(mesh: Mesh) -> None:
    """Mail waits until the right key is shown again."""
    certificate = f"{mesh.mail.home.path}/control/servercert.pem"
    os.rename(certificate, f"{certificate}.kept")
    qmtwist("tlskey", "--home", mesh.mail.home.path)
    mesh.mail.stop()
    mesh.mail.start()
    assert mesh.inject(1) == 0
    mesh.wait(lambda: mesh.hub.says("deferral: ", "TLS"))
    assert mesh.arrived() == set()
    os.rename(f"{certificate}.kept", certificate)
    mesh.mail.stop()
    mesh.mail.start()
    mesh.hub.signal(signal.SIGALRM)
    mesh.wait(lambda: mesh.arrived() == {1})


def play_with_kills(mesh: Mesh, count: int) -> None:
    """Send so many while hubs are killed: one alone, both at once, one with all that the mail host could not take."""
    with Senders(mesh, count) as senders:
        mesh.wait(lambda: len(senders.accepted) >= count // 5)
        mesh.hub.kill()
        mesh.wait(lambda: len(senders.accepted) >= 2 * count // 5)  # the spare one takes them
        mesh.spare.kill()
        refused = len(senders.refusals)
        mesh.wait(lambda: len(senders.refusals) >= refused + SENDERS)
        mesh.hub.start()
        mesh.mail.kill()
        mesh.wait(lambda: len(senders.accepted) >= 3 * count // 5)
        mesh.hub.kill()  # with some that are nowhere else
        mesh.spare.start()
        mesh.hub.start()
        mesh.wait(lambda: len(senders.accepted) >= 4 * count // 5)
        mesh.hub.kill()
        mesh.hub.start()
        mesh.mail.start()
    assert senders.accepted == set(range(count))
    assert set(senders.refusals) == {111}
    for station in (mesh.hub, mesh.spare):
        station.signal(signal.SIGALRM)
    mesh.wait(lambda: mesh.arrived() == senders.accepted)
    read: dict[int, bytes] = {}
    letters = mesh.read()
    for message in letters:
        mark = MARK.search(message)
        assert mark is not None
        read[int(mark[1])] = message.partition(b"\n\n")[2]
    assert read == {number: b"line of text\n" * number for number in range(count)}
    print(f"mesh: {count} acknowledged, 0 missing, {len(letters) - count} duplicates, {len(senders.refusals)} refusals")


def test_hubs_that_are_killed_lose_nothing(mesh: Mesh) -> None:
    play_with_kills(mesh, 20)


@pytest.mark.long
def test_hubs_that_are_killed_lose_nothing_of_many(mesh: Mesh) -> None:
    play_with_kills(mesh, MANY)
