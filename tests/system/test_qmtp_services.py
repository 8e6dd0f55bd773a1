"""QMTP and QMQP as the daemon serves them: real clients, large messages, certificates, sockets."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import Home, environment, qmtwist, running
from tests.support.hub import KINDS, LIMIT_S, Hub, answer_of, anybody, make_home
from tests.support.package_service import MESSAGE, package, request

pytestmark = pytest.mark.system

QMQP_SOURCE = "/usr/sbin/qmqp-source"
LARGE_MB = int(os.environ.get("QMTWIST_LARGE_MB", "48"))
GROWTH_KB = 24 * 1024


@pytest.fixture(scope="module")
def directory() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as made:
        os.chmod(made, 0o755)
        yield made


@pytest.fixture(scope="module")
def running_hub(directory: str) -> Iterator[Hub]:
    hub = Hub(make_home(directory), directory)
    with running(hub):
        yield hub


@pytest.fixture
def hub(running_hub: Hub) -> Hub:
    """One for all, with empty mailboxes."""
    running_hub.home.write("control/tcprules.qmqp", "127.0.0.1:allow\n")
    running_hub.empty()
    return running_hub


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


def test_a_new_client_and_a_new_certificate_need_no_restart(hub: Hub, directory: str) -> None:
    home, to = hub.home, hub.home.address("alice").encode()
    home.write("control/tcprules.qmqp", "192.0.2.1:allow\n:deny\n")  # a key counts for more than an address
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
