"""QMTP and QMQP as the daemon serves them: real clients, large messages, certificates, sockets, and kills."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import ssl
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import Daemon, Home, environment, free_port, qmtwist, running
from tests.support.package_service import MESSAGE, package, request

pytestmark = pytest.mark.system

LIMIT_S = 30.0
QMQP_SOURCE = "/usr/sbin/qmqp-source"
LARGE_MB = int(os.environ.get("QMTWIST_LARGE_MB", "48"))
KINDS = ("qmtp", "qmtps", "qmqp", "qmqps")
GROWTH_KB = 24 * 1024


class Hub(Daemon):
    """A daemon that listens for everything; 127.0.0.1 may use QMQP."""

    def __init__(self, home: Home, directory: str) -> None:
        self.ports = {kind: free_port() for kind in KINDS}
        self.socket = f"{directory}/run/qmqp"
        words = [f"--listen={kind}=tcp:{port}:interface=127.0.0.1" for kind, port in self.ports.items()]
        super().__init__(home, *words, f"--listen=qmqp=unix:{self.socket}:mode=660")

    def connect(self, kind: str, context: ssl.SSLContext | None = None) -> socket.socket:
        """A connection to one of its services."""
        plain = socket.create_connection(("127.0.0.1", self.ports[kind]), timeout=LIMIT_S)
        return plain if context is None else context.wrap_socket(plain)

    def ask(self, kind: str, data: bytes, context: ssl.SSLContext | None = None) -> bytes:
        """The first answer to this."""
        with self.connect(kind, context) as connection:
            connection.sendall(data)
            return answer_of(connection)

    def wait_for(self, *words: str, since: int = 0) -> str:
        """Wait for a line of the log with these words in it."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            for line in self.log[since:]:
                if all(word in line for word in words):
                    return line
            time.sleep(0.02)
        raise AssertionError("\n".join(self.log[-40:]))


def answer_of(connection: socket.socket) -> bytes:
    """The netstring that comes; nothing when the connection is closed instead."""
    said = b""
    with contextlib.suppress(ConnectionResetError):
        while not said.endswith(b",") and (piece := connection.recv(1000)):
            said += piece
    return said


def anybody(certificate: str | None = None) -> ssl.SSLContext:
    """A client's context that verifies nothing."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    if certificate is not None:
        context.load_cert_chain(certificate)
    return context


@pytest.fixture
def directory() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as made:
        os.chmod(made, 0o755)
        yield made


@pytest.fixture
def home(directory: str) -> Home:
    made = Home(directory)
    made.make()
    made.write("control/tcprules.qmqp", "127.0.0.1:allow\n")
    qmtwist("tlskey", "--home", made.path)
    os.mkdir(f"{directory}/run")
    return made


@pytest.fixture
def hub(home: Home, directory: str) -> Iterator[Hub]:
    with running(Hub(home, directory)) as daemon:
        yield daemon  # type: ignore[misc]


def queue_files(home: Home) -> list[str]:
    """What the queue holds below mess, intd and todo."""
    found = []
    for part in ("mess", "intd", "todo", "pid"):
        for directory, _, names in os.walk(f"{home.path}/queue/{part}"):
            found += [os.path.join(directory, name) for name in names]
    return found


def test_mail_comes_in_by_all_four_and_is_delivered(hub: Hub) -> None:
    to = hub.home.address("alice").encode()
    for kind in KINDS:
        data = package(to) if kind.startswith("qmtp") else request(to)
        assert b":Kok " in hub.ask(kind, data, anybody() if kind.endswith("s") else None)
    with socket.socket(socket.AF_UNIX) as local:
        local.connect(hub.socket)
        local.sendall(request(to))
        assert b":Kok " in answer_of(local)
    delivered = hub.wait_for_messages("alice", 5)
    assert all(message.endswith(MESSAGE) for message in delivered)
    by = [b"QMTP" if b"with QMTP;" in message else b"QMQP" for message in delivered]
    assert (by.count(b"QMTP"), by.count(b"QMQP")) == (2, 3)


def test_the_mode_of_a_socket_says_who_may_use_it(hub: Hub) -> None:
    facts = os.stat(hub.socket)
    assert stat.S_IMODE(facts.st_mode) == 0o660
    if os.geteuid() == 0:
        assert facts.st_uid == os.stat(f"{hub.home.path}/queue/mess").st_uid != 0


@pytest.mark.skipif(not shutil.which(QMQP_SOURCE), reason="no Postfix")
def test_postfix_qmqp_source_delivers_everything(hub: Hub) -> None:
    address = f"127.0.0.1:{hub.ports['qmqp']}"
    command = [QMQP_SOURCE, "-s", "10", "-m", "200", "-l", "2000", "-f", "a@b.example"]
    subprocess.run([*command, "-t", hub.home.address("alice"), address], check=True, timeout=LIMIT_S)
    assert len(hub.wait_for_messages("alice", 200)) == 200


def test_a_large_message_goes_through_in_flat_memory(hub: Hub) -> None:
    to, size = hub.home.address("bob").encode(), LARGE_MB << 20
    hub.ask("qmtp", package(to))
    before, block = peak_kb(hub.pid), b"x" * 999 + b"\n"
    with hub.connect("qmtp") as connection:
        connection.sendall(b"%d:\n" % (size + 1))
        for _ in range(size // 100_000):
            connection.sendall(block * 100)
        connection.sendall(b"y" * (size % 100_000) + package(to)[package(to).index(b",15:") :])
        connection.settimeout(LIMIT_S * 10)
        assert b":Kok " in answer_of(connection)
    assert peak_kb(hub.pid) - before < GROWTH_KB
    hub.wait_for(f"{size} bytes")


def peak_kb(pid: int) -> int:
    """The most memory that a process has had, in kB."""
    with open(f"/proc/{pid}/status") as status:
        return int(next(line for line in status if line.startswith("VmHWM:")).split()[1])


def test_a_length_that_is_a_lie_costs_nothing(hub: Hub) -> None:
    hub.ask("qmtp", package(hub.home.address("bob").encode()))
    before = peak_kb(hub.pid)
    liars = [hub.connect("qmtp") for _ in range(20)]
    for liar in liars:
        liar.sendall(b"1999999999:\nx")
    assert b":Kok " in hub.ask("qmtp", package(hub.home.address("bob").encode()))
    assert peak_kb(hub.pid) - before < 2 * 1024
    for liar in liars:
        liar.close()
    hub.wait_for("in the middle of a message")


@pytest.mark.parametrize("size", [1000, 3_000_000])
@pytest.mark.parametrize("is_hub", [False, True])
def test_killed_in_the_middle_nothing_is_half_queued(home: Home, directory: str, size: int, is_hub: bool) -> None:
    hub = Hub(home, directory)
    hub.start()
    to = home.address("alice").encode()
    connection = hub.connect("qmqp")
    connection.sendall(request(to, message=b"x" * size)[:-10])
    # it has been read when another, later message is through
    assert b":Kok " in hub.ask("qmqp", request(to))
    hub.wait_for_messages("alice", 1)
    if is_hub:
        hub.kill()
        connection.close()
        hub.start()
    else:
        connection.close()
        hub.wait_for("in the middle of a message")
    assert b":Kok " in hub.ask("qmqp", request(to))
    hub.wait_for_messages("alice", 2)
    hub.stop()
    assert all(MESSAGE in message for message in home.messages("alice"))  # after a kill perhaps one of them twice
    left = queue_files(home)
    # What a kill leaves is a file in mess that nobody has promised anything about; qmail-clean takes it after 36 hours.
    assert not [path for path in left if "/todo/" in path]
    assert left == [] or is_hub


def test_what_was_acknowledged_before_a_kill_is_delivered_after_it(home: Home, directory: str) -> None:
    hub = Hub(home, directory)
    hub.start()
    to = home.address("alice").encode()
    for message in (b"small\n", b"large\n" * 100_000):
        assert b":Kok " in hub.ask("qmtp", package(to, message=message))
    hub.kill()
    hub.start()
    assert {message.split()[-1] for message in hub.wait_for_messages("alice", 2)} == {b"small", b"large"}
    hub.stop()


def test_a_new_client_and_a_new_certificate_need_no_restart(hub: Hub, directory: str) -> None:
    home, to = hub.home, hub.home.address("alice").encode()
    home.write("control/tcprules.qmqp", "192.0.2.1:allow\n")
    laptop = Home(f"{directory}/laptop")
    os.makedirs(f"{laptop.path}/control")
    os.makedirs(f"{laptop.path}/queue")
    laptop.write("control/me", "laptop.example\n")
    home.write("control/tlsclients", "")
    line = qmtwist("tlskey", "--home", laptop.path)
    context = anybody(f"{laptop.path}/control/servercert.pem")
    home.write("control/tlsclients", line)
    certificates = set()
    for at in range(2):
        since = len(hub.log)
        hub.signal(signal.SIGHUP)
        if at == 0:
            hub.wait_for("control/tlsclients", since=since)
        with hub.connect("qmqps", context) as connection:
            certificates.add(connection.getpeercert(binary_form=True))
            connection.sendall(request(to))
            assert b":Kok " in answer_of(connection)
        hub.wait_for("laptop.example accepted", since=since)
        if at == 0:
            os.unlink(f"{home.path}/control/servercert.pem")
            qmtwist("tlskey", "--home", home.path)
            hub.signal(signal.SIGHUP)
            deadline = time.monotonic() + LIMIT_S
            while current(hub) in certificates and time.monotonic() < deadline:
                time.sleep(0.02)
    assert len(certificates) == 2
    assert hub.ask("qmqps", request(to), anybody()) == b""


def current(hub: Hub) -> bytes | None:
    """The certificate that is shown now."""
    with hub.connect("qmtps", anybody()) as connection:
        return connection.getpeercert(binary_form=True)


def test_qmail_remote_speaks_qmtps_too(hub: Hub, directory: str) -> None:
    home = hub.home
    pin = qmtwist("tlskey", "--home", home.path).split()[0]
    for policy, letter in ((f":pin:{pin}\n", b"r"), (f":pin:{'0' * 64}\n", b"Z"), (":may\n", b"Z")):
        home.write("control/qmtproutes", f":127.0.0.1:{hub.ports['qmtps']}/tls\n")
        home.write("control/tlspolicy", policy)
        said = subprocess.run(
            [home.program("qmail-remote"), home.host, "joe@example.com", home.address("alice")],
            input=MESSAGE, stdout=subprocess.PIPE, env=environment(), check=True,
        ).stdout  # fmt: skip
        assert said[:1] == letter, said
    assert len(hub.wait_for_messages("alice", 1)) == 1


def test_without_a_certificate_the_daemon_says_so_and_does_not_start(home: Home, directory: str) -> None:
    os.unlink(f"{home.path}/control/servercert.pem")
    with pytest.raises(AssertionError, match="run qmtwist tlskey"):
        Hub(home, directory).start()


def test_a_stop_in_the_middle_of_a_message_waits_for_its_end(home: Home, directory: str) -> None:
    hub, to = Hub(home, directory), home.address("alice").encode()
    hub.start()
    with hub.connect("qmtp") as connection:
        connection.sendall(package(to)[:20])
        assert b":Kok " in hub.ask("qmtp", package(to))  # so the other has been read, too
        os.kill(hub.pid, signal.SIGTERM)
        while hub.is_running() and is_listening(hub.ports["qmtp"]):
            time.sleep(0.01)
        connection.sendall(package(to)[20:])
        assert b":Kok " in answer_of(connection)
        assert connection.recv(1) == b""
    hub.stop()


def is_listening(port: int) -> bool:
    """Whether somebody takes connections there."""
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False
