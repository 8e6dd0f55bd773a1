"""QMTP and QMQP as the documents set them up: tcpserver in front of qmail-qmtpd and qmail-qmqpd, qmail-qmqpc behind."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator

import pytest

from qmtwist.wire.netstring import netstring
from tests.support.daemon import environment, free_port
from tests.support.postfix import Postfix
from tests.support.tcpservers import LIMIT_S, TcpServer
from tests.support.town import Town

pytestmark = pytest.mark.system

MESSAGE = b"Subject: hello\n\nbody\n"
RULES = "127.0.0.1:allow\n:deny\n"


class Hub(Town):
    """A home whose queue is filled by QMTP and QMQP, and which is a client of itself."""

    def prepare(self) -> None:
        self.make()
        self.write("control/rcpthosts", "test.example\n")
        self.run("tcprules", f"{self.path}/qmqp.cdb", f"{self.path}/qmqp.tmp", text=RULES)

    def server(self, *words: str) -> TcpServer:
        """tcpserver on a free port in front of this program, as qmaild."""
        rights = ["-u", "1002", "-g", "1001"] if self.is_real else []
        start = [self.program("tcpserver"), "-1", "-R", "-H", "-l", "0", *rights]
        command = [*start, *words[:-1], "127.0.0.1", "0", self.program(words[-1])]
        return TcpServer(command, environment(), self.before_exec())

    def send(self, line: str) -> int:
        """qmail-qmqpc with this line in qmqpservers; its exit status."""
        self.write("control/qmqpservers", line + "\n")
        return self.start_client(MESSAGE).wait(LIMIT_S)

    def start_client(self, message: bytes) -> subprocess.Popen[bytes]:
        """qmail-qmqpc with this message, for joe."""
        ends = os.pipe()
        path = f"{self.top}/message"
        with open(path, "wb") as stream:
            stream.write(message)
        with open(path, "rb") as stream:
            client = subprocess.Popen(
                [self.program("qmail-qmqpc")], stdin=stream, stdout=ends[0], env=environment(),
                preexec_fn=self.before_exec(),
            )  # fmt: skip
        os.close(ends[0])
        os.write(ends[1], b"Fa@far.example\0Tjoe@test.example\0\0")
        os.close(ends[1])
        return client

    def queued(self) -> list[bytes]:
        """The messages that are in the queue, complete with their envelope."""
        found = []
        for name in os.listdir(f"{self.path}/queue/todo"):
            paths = [f"{self.path}/queue/mess/{split}/{name}" for split in os.listdir(f"{self.path}/queue/mess")]
            with open(next(filter(os.path.exists, paths)), "rb") as stream:
                found.append(stream.read())
        return found

    def empty(self) -> None:
        for part in ("mess", "todo", "intd"):
            for directory, _, names in os.walk(f"{self.path}/queue/{part}"):
                for name in names:
                    os.unlink(os.path.join(directory, name))


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    with open_directory() as directory:
        made = Hub(directory, ("joe",))
        try:
            made.prepare()
            yield made
        finally:
            made.close()


@contextlib.contextmanager
def open_directory() -> Iterator[str]:
    """A directory that every account may enter, whatever becomes of pytest's own at the same time."""
    directory = tempfile.mkdtemp(prefix="qmtwist-qmqp-", dir="/tmp")
    try:
        os.chmod(directory, 0o755)
        yield directory
    finally:
        shutil.rmtree(directory)


@pytest.fixture(autouse=True)
def _empty(hub: Hub) -> None:
    hub.empty()


def needs(program: str) -> str:
    path = shutil.which(program, path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
    if path is None:
        pytest.skip(f"needs Postfix's {program}")
    return path


def test_mail_by_qmtp_goes_to_the_queue(hub: Hub) -> None:
    listed = netstring(b"joe@test.example") + netstring(b"z@elsewhere.example")
    with hub.server("qmail-qmtpd") as server:
        said = server.ask(netstring(b"\n" + MESSAGE) + netstring(b"a@far.example") + netstring(listed))
    assert b":Kok " in said
    assert said.endswith(b"66:Dsorry, that domain isn't in my list of allowed rcpthosts (#5.7.1),")
    (message,) = hub.queued()
    assert b"Received: from unknown (127.0.0.1)\n  by 0 with QMTP; " in message and message.endswith(MESSAGE)


def test_a_null_client_queues_at_its_hub_and_others_are_denied(hub: Hub) -> None:
    with hub.server("-x", f"{hub.path}/qmqp.cdb", "qmail-qmqpd") as server:
        assert hub.send(f"127.0.0.1:{server.port}") == 0
        with server.connect("127.0.0.2") as stranger:
            assert stranger.recv(1) == b""
    (message,) = hub.queued()
    assert b"  by 0 with QMQP; " in message and message.endswith(MESSAGE)


def test_qmail_inject_works_where_qmail_qmqpc_is_the_queue_program(hub: Hub) -> None:
    with hub.server("qmail-qmqpd") as server:
        hub.write("control/qmqpservers", f"127.0.0.1:{server.port}\n")
        subprocess.run(
            [hub.program("qmail-inject"), "joe@test.example"], input=b"Subject: from nobody's queue\n\n", check=True,
            env={**environment(), "QMAILQUEUE": hub.program("qmail-qmqpc")}, preexec_fn=hub.before_exec(),
        )  # fmt: skip
    (message,) = hub.queued()
    assert b"Subject: from nobody's queue\n" in message


def test_postfix_sends_to_qmail_qmqpd(hub: Hub) -> None:
    source = needs("qmqp-source")
    with hub.server("qmail-qmqpd") as server:
        words = [source, "-s", "3", "-m", "9", "-f", "a@far.example", "-t", "joe@test.example"]
        subprocess.run([*words, f"inet:127.0.0.1:{server.port}"], check=True, timeout=LIMIT_S)
    assert len(hub.queued()) == 9


def test_qmail_qmqpc_sends_to_what_postfix_takes_for_a_server(hub: Hub) -> None:
    port = free_port()
    sink = subprocess.Popen([needs("qmqp-sink"), f"inet:127.0.0.1:{port}", "5"], stdout=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + LIMIT_S
        while (status := hub.send(f"127.0.0.1:{port}")) == 73 and time.monotonic() < deadline:
            time.sleep(0.02)
        assert status == 0
    finally:
        sink.kill()
        sink.wait()


class QmqpPostfix(Postfix):
    """With its QMQP server."""

    qmqp_port = 0

    def _services(self) -> str:
        self.qmqp_port = free_port()
        return f"{super()._services()}127.0.0.1:{self.qmqp_port} inet n - n - - qmqpd\n"


def test_qmail_qmqpc_sends_to_postfix(hub: Hub) -> None:
    routes = {"test.example": "[127.0.0.1]:1"}
    with open_directory() as directory, QmqpPostfix(directory, "test.example", routes) as postfix:
        postfix.start(qmqpd_authorized_clients="127.0.0.0/8")
        assert hub.send(f"127.0.0.1:{postfix.qmqp_port}") == 0
        deadline = time.monotonic() + LIMIT_S
        while "to=<joe@test.example>" not in postfix.log() and time.monotonic() < deadline:
            time.sleep(0.02)
        assert "from=<a@far.example>" in postfix.log() and "to=<joe@test.example>" in postfix.log()


def test_a_hub_that_is_killed_at_any_moment_loses_nothing_it_has_accepted(hub: Hub) -> None:
    message = b"Subject: long\n\n" + b"x" * 69 + b"\n" + (b"y" * 69 + b"\n") * 40_000
    chance = random.Random(4)
    for _ in range(12):
        hub.empty()
        with hub.server("qmail-qmqpd") as server:
            hub.write("control/qmqpservers", f"127.0.0.1:{server.port}\n")
            client = hub.start_client(message)
            time.sleep(chance.uniform(0, 0.3))
            kill_children(server.process.pid)
            status = client.wait(LIMIT_S)
        queued = hub.queued()
        assert all(found.endswith(message) for found in queued)
        assert status in (0, 71, 73, 74)
        assert status or len(queued) == 1


def kill_children(pid: int) -> None:
    """What tcpserver has started ends at once, wherever it is; and so does what that has started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as stream:
        children = [int(word) for word in stream.read().split()]
    for child in children:
        with contextlib.suppress(OSError):  # it has ended by itself
            kill_children(child)
            os.kill(child, signal.SIGKILL)
