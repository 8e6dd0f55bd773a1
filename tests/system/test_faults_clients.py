"""Hostile clients on the real server: memory, descriptors and children come back to where they were."""

from __future__ import annotations

import contextlib
import os
import resource
import select
import smtplib
import socket
import struct
import tempfile
import time
from collections.abc import Callable, Iterator

import pytest

from tests.support.daemon import Daemon, Home, running
from tests.support.processes import tree
from tests.torture.ledger import message

pytestmark = pytest.mark.system
LIMIT_S = 60.0
OPENING = b"HELO x\r\nMAIL FROM:<ann@sender.example>\r\nRCPT TO:<alice@test.example>\r\nDATA\r\n"
RESET = struct.pack("ii", 1, 0)


@pytest.fixture(scope="module")
def daemon() -> Iterator[Daemon]:
    # Not pytest's own: each further run of pytest closes what is above it.
    with tempfile.TemporaryDirectory(prefix="qmtwist-test-", dir="/tmp", ignore_cleanup_errors=True) as directory:
        os.chmod(directory, 0o755)
        yield from serving(Home(directory))


def serving(home: Home) -> Iterator[Daemon]:
    home.make()
    for name, value in (("databytes", 1_000_000), ("concurrencyincoming", 2500), ("concurrencyperip", 2500)):
        home.write(f"control/{name}", f"{value}\n")
    home.write("control/concurrencypop3", "100\n")
    with running(Daemon(home)) as started:
        send(started)  # worker and journal are there
        started.wait_for_messages("alice", 1)
        yield started


def send(daemon: Daemon, size: int = 500) -> None:
    with smtplib.SMTP("127.0.0.1", daemon.smtp_port, local_hostname="localhost", timeout=LIMIT_S) as client:
        client.sendmail("ann@sender.example", [daemon.home.address("alice")], message("x", size))


def memory_kb(daemon: Daemon) -> int:
    """What the daemon itself holds."""
    with open(f"/proc/{daemon.pid}/smaps_rollup", encoding="ascii") as stream:
        return next(int(line.split()[1]) for line in stream if line.startswith("Private_Dirty:"))


def descriptors(daemon: Daemon) -> int:
    return len(os.listdir(f"/proc/{daemon.pid}/fd"))


def wait_for(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.fixture(autouse=True)
def base(daemon: Daemon) -> Iterator[int]:
    """Memory before, in KB; after the test all is as it was, and mail flows."""
    before, files, processes = memory_kb(daemon), descriptors(daemon), len(tree(daemon.pid))
    yield before
    wait_for(lambda: descriptors(daemon) <= files, f"descriptors: {files}, now {descriptors(daemon)}")
    wait_for(lambda: len(tree(daemon.pid)) <= processes, "children stay")
    count = len(daemon.home.messages("alice"))
    send(daemon)
    daemon.wait_for_messages("alice", count + 1)
    assert memory_kb(daemon) < before + 40_000
    assert not [line for line in daemon.log if "Traceback" in line or "Unhandled" in line]


def connect(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=LIMIT_S)


def read_until(client: socket.socket, end: bytes) -> bytes:
    said = b""
    while end not in said:
        data = client.recv(65536)
        assert data, said
        said += data
    return said


def push(client: socket.socket, piece: bytes, count: int, daemon: Daemon) -> int:
    """Send a piece so many times, or until the server hangs up; the largest memory seen, in KB."""
    most = 0
    with contextlib.suppress(ConnectionError):
        for number in range(count):
            client.sendall(piece)
            if number % 20 == 0:
                most = max(most, memory_kb(daemon))
    return max(most, memory_kb(daemon))


PIECE = (b"x" * 998 + b"\r\n") * 256


def test_a_message_without_end_takes_no_memory_and_is_refused(daemon: Daemon, base: int) -> None:
    with connect(daemon.smtp_port) as client:
        client.sendall(OPENING)
        read_until(client, b"354")
        assert push(client, PIECE, 1000, daemon) < base + 10_000  # 256 MB
        client.sendall(b".\r\n")
        assert b"552" in read_until(client, b"\r\n")


def test_a_line_without_end_takes_no_memory(daemon: Daemon, base: int) -> None:
    with connect(daemon.smtp_port) as client:
        client.sendall(OPENING)
        read_until(client, b"354")
        assert push(client, b"x" * 262144, 400, daemon) < base + 10_000
        client.sendall(b"\r\n.\r\n")
        assert b"552" in read_until(client, b"\r\n")


@pytest.mark.parametrize("service", ["smtp", "pop3"])
def test_a_command_without_end_takes_no_memory(daemon: Daemon, base: int, service: str) -> None:
    with connect(daemon.smtp_port if service == "smtp" else daemon.pop3_port) as client:
        read_until(client, b"\r\n")
        assert push(client, b"NOOP" + b"x" * 262144, 200, daemon) < base + 10_000


def test_two_thousand_silent_connections_take_little_memory(daemon: Daemon, base: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard < 5000:
        pytest.skip("needs 5000 descriptors")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 5000), hard))
    clients = []
    try:
        started = time.monotonic()
        for _ in range(2000):
            clients.append(connect(daemon.smtp_port))
        assert time.monotonic() - started < LIMIT_S  # none was dropped by the kernel and tried again a second later
        for client in clients:
            assert client.recv(4) == b"220 "
        assert memory_kb(daemon) < base + 80_000
        send(daemon)
    finally:
        for client in clients:
            client.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_client_that_reads_no_replies_is_held_back(daemon: Daemon, base: int) -> None:
    with connect(daemon.smtp_port) as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.setblocking(False)
        most = flood(client, b"RSET\r\n" * 10_000, daemon)
        assert most < base + 10_000
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def flood(client: socket.socket, piece: bytes, daemon: Daemon) -> int:
    """Send until nobody takes it for a second, or hangs up."""
    most = 0
    with contextlib.suppress(ConnectionError):
        while select.select([], [client], [], 1.0)[1]:
            client.send(piece)
            most = max(most, memory_kb(daemon))
    return most


def test_a_hundred_thousand_recipients_are_too_many(daemon: Daemon, base: int) -> None:
    with connect(daemon.smtp_port) as client:
        client.sendall(b"HELO x\r\nMAIL FROM:<ann@sender.example>\r\n")
        client.setblocking(False)
        said, left = b"", b"RCPT TO:<alice@test.example>\r\n" * 100_000
        view = memoryview(left)
        with contextlib.suppress(ConnectionError):
            deadline = time.monotonic() + LIMIT_S
            while view and time.monotonic() < deadline:
                readable, writable, _ = select.select([client], [client], [], LIMIT_S)
                if readable:
                    data = client.recv(65536)
                    if not data:
                        break
                    said = (said + data)[-4000:]
                if writable:
                    view = view[client.send(view[:65536]) :]
        assert b"\r\n452 " in said or b"\r\n421 " in said, said[-300:]
        assert memory_kb(daemon) < base + 20_000


def test_resets_in_every_state_leave_nothing(daemon: Daemon, base: int) -> None:
    for size in (0, 1, 40, 78, 85, 300, 200_000):
        for _ in range(5):
            with connect(daemon.smtp_port) as client:
                client.sendall((OPENING + PIECE)[:size])
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    for text in (
        b"",
        b"USER alice\r\n",
        b"USER alice\r\nPASS alice-password\r\n",
        b"USER alice\r\nPASS x\r\nRETR 1\r\n",
    ):
        with connect(daemon.pop3_port) as client:
            client.sendall(text)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)


def test_large_messages_given_up_half_way_leave_no_files(daemon: Daemon, base: int) -> None:
    for _ in range(10):
        with connect(daemon.smtp_port) as client:
            client.sendall(OPENING)
            read_until(client, b"354")
            client.sendall(PIECE * 2)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)

    def nothing_left() -> bool:
        queue = f"{daemon.home.path}/queue"
        return not any(names for kind in ("mess", "pid", "intd") for _, _, names in os.walk(f"{queue}/{kind}"))

    wait_for(nothing_left, "files stay")
