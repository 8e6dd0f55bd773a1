from __future__ import annotations

import os
from pathlib import Path

import attrs
import pytest
from twisted.internet.address import IPv4Address
from twisted.internet.defer import Deferred, succeed
from twisted.internet.error import ConnectionDone
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.python.failure import Failure

from qmtwist.control import passwords
from qmtwist.control.passwords import PasswordFile, set_password
from qmtwist.control.settings import PopSettings
from qmtwist.services.login import Gatekeeper
from qmtwist.services.pop3d import Pop3Factory, mailboxes_by
from qmtwist.services.pop3session import LOGIN_S, Pop3Protocol
from qmtwist.wire.mailbox import PIECE_BYTES
from tests.support.mailboxes import InProcessAgent, make_maildir

OK = b"+OK \r\n"
GREETING = b"+OK pop.example.org POP3 service\r\n"
MESSAGES = {
    "new/1000.a": b"Subject: one\n\n.dot\n",
    "cur/1001.b:2,S": b"Subject: two\n\nbody\nmore\n",
    "new/1002.c": b"x",
}


class Inline:
    """A thread pool without threads."""

    def run(self, work, a: bytes, b: bytes, c: bytes, /) -> Deferred[bool]:
        return succeed(work(a, b, c))


class Client:
    """One connection to the factory, seen from the other side."""

    def __init__(self, factory: Pop3Factory, host: str = "192.0.2.1") -> None:
        self.session = factory.buildProtocol(IPv4Address("TCP", host, 50321))
        assert self.session is not None
        self.transport = StringTransport()
        self.session.makeConnection(self.transport)
        self.received = 0

    def say(self, data: bytes) -> bytes:
        self.session.dataReceived(data)
        return self.read()

    def read(self) -> bytes:
        data = self.transport.value()
        self.transport.clear()
        self.received += len(data)
        return data

    def hang_up(self) -> None:
        self.session.connectionLost(Failure(ConnectionDone()))

    @property
    def is_closed(self) -> bool:
        return self.transport.disconnecting


def settings(**changes: object) -> PopSettings:
    usual = PopSettings(
        greeting=b"pop.example.org",
        timeout_s=600,
        checkpassword=None,
        maildir=b"Maildir",
        concurrency=100,
        max_failures=3,
    )
    return attrs.evolve(usual, **changes)


class Server:
    """A factory with one user, joe with the password `secret`, and his maildir."""

    def __init__(self, tmp_path: Path, has_file: bool = True, **changes: object) -> None:
        self.home = tmp_path
        self.maildir = tmp_path / "joe" / "Maildir"
        make_maildir(self.maildir, MESSAGES)
        self.clock = Clock()
        self.clock.advance(10_000)
        self.log: list[bytes] = []
        self.agent = InProcessAgent({b"joe": tmp_path / "joe"})
        book = PasswordFile(str(tmp_path)) if has_file else None
        keeper = Gatekeeper(self.clock, self.agent, Inline(), book, mailboxes_by(None))
        self.factory = Pop3Factory(self.clock, keeper, self.log.append)
        self.factory.configure(settings(checkpassword=None if has_file else b"check", **changes))

    def client(self, host: str = "192.0.2.1") -> Client:
        return Client(self.factory, host)

    def entered(self) -> Client:
        client = self.client()
        assert client.say(b"USER joe\r\nPASS secret\r\n") == GREETING + OK + OK
        return client

    def files(self) -> list[str]:
        return sorted(f"{room}/{name}" for room in ("new", "cur") for name in os.listdir(self.maildir / room))


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    monkeypatch.setattr(passwords, "_LOG_N", 2)
    (tmp_path / "users").mkdir()
    set_password(str(tmp_path), b"joe", b"secret")
    return Server(tmp_path)


SESSION = (
    b"USER joe\r\nPASS secret\r\nSTAT\r\nUIDL\r\nRETR 1\r\nTOP 2 1\r\nDELE 1\r\nSTAT\r\nRETR 3\r\nRETR 1\r\nCAPA\r\n"
    b"NOOP\r\nQUIT\r\n"
)


def test_a_whole_session(server: Server) -> None:
    client = server.client()
    assert client.read() == GREETING
    assert client.say(b"USER joe\r\n") == OK
    assert client.say(b"PASS secret\r\n") == OK
    assert client.say(b"STAT\r\n") == b"+OK 3 53\r\n"
    assert client.say(b"LIST\r\n") == b"+OK \r\n1 22\r\n2 28\r\n3 3\r\n.\r\n"
    assert client.say(b"UIDL\r\n") == b"+OK \r\n1 1000.a\r\n2 1001.b\r\n3 1002.c\r\n.\r\n"
    assert client.say(b"RETR 1\r\n") == b"+OK \r\nSubject: one\r\n\r\n..dot\r\n.\r\n"
    assert client.say(b"TOP 2 1\r\n") == b"+OK \r\nSubject: two\r\n\r\nbody\r\n.\r\n"
    assert client.say(b"DELE 1\r\n") == OK
    assert client.say(b"STAT\r\n") == b"+OK 2 31\r\n"
    assert server.files() == ["cur/1001.b:2,S", "new/1000.a", "new/1002.c"]
    assert client.say(b"QUIT\r\n") == OK
    assert client.is_closed
    assert server.files() == ["cur/1001.b:2,S", "cur/1002.c:2,"]
    client.hang_up()
    assert server.log == [
        b"pop3 1: 192.0.2.1:50321 login joe, 3 messages, 53 bytes",
        b"pop3 1: 192.0.2.1:50321 closed: quit, joe, 2 retrieved, 1 deleted, %d bytes sent" % client.received,
    ]
    assert len(server.agent.boxes) == 0


def test_where_the_commands_are_cut_never_matters(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "_LOG_N", 2)
    seen = set()
    for at in range(len(SESSION)):
        home = tmp_path / str(at)
        (home / "users").mkdir(parents=True)
        set_password(str(home), b"joe", b"secret")
        client = Server(home).client()
        seen.add(client.say(SESSION[:at]) + client.say(SESSION[at:]))
    assert len(seen) == 1


def test_the_size_in_list_is_what_is_sent(server: Server) -> None:
    client = server.entered()
    for number in (1, 2, 3):
        size = int(client.say(b"LIST %d\r\n" % number).split()[2])
        text = client.say(b"RETR %d\r\n" % number).removeprefix(OK).removesuffix(b".\r\n")
        assert len(text.replace(b"\r\n..", b"\r\n.")) == size


def test_a_lost_connection_deletes_and_moves_nothing(server: Server) -> None:
    before = server.files()
    client = server.entered()
    client.say(b"DELE 1\r\nDELE 2\r\nDELE 3\r\n")
    client.hang_up()
    assert server.files() == before
    assert len(server.agent.boxes) == 0
    assert b"closed: the client closed the connection, joe, 0 retrieved, 0 deleted" in server.log[-1]


def test_commands_wait_in_order_for_a_slow_mailbox(server: Server) -> None:
    client = server.entered()
    server.agent.is_held = True
    assert client.say(b"STAT\r\nRETR 1\r\nNOOP\r\nRETR 3\r\nUIDL 2\r\n") == b"+OK 3 53\r\n"
    server.agent.release()
    assert client.read() == b"+OK \r\nSubject: one\r\n\r\n..dot\r\n.\r\n" + OK
    server.agent.release()
    assert client.read() == b"+OK \r\nx\r\n.\r\n" + b"+OK 2 1001.b\r\n"


def test_too_many_waiting_commands_are_not_read(server: Server) -> None:
    client = server.entered()
    server.agent.is_held = True
    client.say(b"RETR 1\r\n")
    client.say(b"NOOP\r\n" * 4000)
    assert client.transport.producerState == "paused"
    server.agent.release()
    assert client.transport.producerState == "producing"
    assert client.read().count(OK) == 4001


def test_a_client_that_does_not_read_is_not_served(server: Server) -> None:
    client = server.entered()
    client.session.pauseProducing()
    assert client.say(b"RETR 1\r\nNOOP\r\n") == b""
    assert client.transport.producerState == "paused"
    client.session.resumeProducing()
    assert client.transport.producerState == "producing"
    assert client.read() == b"+OK \r\nSubject: one\r\n\r\n..dot\r\n.\r\n" + OK


def test_a_big_message_comes_whole_and_piece_by_piece(server: Server) -> None:
    text = b"".join(b".%d\n" % number for number in range(150_000))
    make_maildir(server.maildir, {"new/0big": text})
    os.utime(server.maildir / "new/0big", (1, 1))
    client = server.entered()
    pieces: list[int] = []
    real = client.transport.write

    def congested(data: bytes) -> None:
        real(data)
        pieces.append(len(data))
        client.session.pauseProducing()

    client.transport.write = congested  # type: ignore[method-assign]
    client.session.dataReceived(b"RETR 1\r\nNOOP\r\n")
    for count in range(1, 100):
        assert len(pieces) == count, "one piece, then wait"
        client.session.resumeProducing()
        if len(pieces) == count:
            break
    assert max(pieces) < 2 * PIECE_BYTES
    assert len(pieces) > len(text) // PIECE_BYTES
    assert client.read() == OK + text.replace(b".", b"..").replace(b"\n", b"\r\n") + b".\r\n" + OK


def test_half_a_message_never_looks_whole(server: Server) -> None:
    make_maildir(server.maildir, {"new/0big": b"line\n" * 200_000})
    os.utime(server.maildir / "new/0big", (1, 1))
    client = server.entered()
    client.session.pauseProducing()
    client.session.resumeProducing()
    server.agent.is_held = True
    client.say(b"RETR 1\r\n")
    server.agent.release(1)
    server.agent.is_gone, server.agent.is_held = True, False
    server.agent.release()
    client.session.dataReceived(b"")
    server.agent.release()
    data = client.read()
    assert data.startswith(b"+OK \r\nline\r\n")
    assert not data.endswith(b".\r\n")


def test_top_of_a_big_message_does_not_fetch_all_of_it(server: Server) -> None:
    make_maildir(server.maildir, {"new/0big": b"Subject: x\n\n" + b"line\n" * 400_000})
    os.utime(server.maildir / "new/0big", (1, 1))
    client = server.entered()
    before = len(server.agent.requests)
    assert client.say(b"TOP 1 1\r\n") == b"+OK \r\nSubject: x\r\n\r\nline\r\n.\r\n"
    assert len(server.agent.requests) == before + 1


def test_a_message_that_is_gone_is_said_to_be_gone(server: Server) -> None:
    client = server.entered()
    os.unlink(server.maildir / "new/1000.a")
    assert client.say(b"RETR 1\r\nNOOP\r\n") == b"-ERR unable to open that message\r\n" + OK
    assert client.say(b"DELE 1\r\nQUIT\r\n") == OK + OK


def test_a_lost_worker_ends_the_session_and_says_so(server: Server) -> None:
    client = server.entered()
    server.agent.is_gone = True
    assert client.say(b"RETR 1\r\n") == b"-ERR [SYS/TEMP] the mailbox cannot be reached now\r\n"
    assert client.is_closed
    client = server.client()
    assert client.say(b"USER joe\r\nPASS secret\r\n").endswith(b"-ERR [SYS/TEMP] the worker is gone\r\n")
    assert not client.is_closed


def test_a_user_without_a_maildir_is_told_in_qmails_words(server: Server) -> None:
    os.rename(server.maildir, server.maildir.with_name("away"))
    client = server.client()
    assert client.say(b"USER joe\r\nPASS secret\r\n").endswith(b"-ERR this user has no $HOME/Maildir\r\n")
    assert not server.maildir.exists()


def test_two_sessions_may_be_in_one_mailbox(server: Server) -> None:
    first, second = server.entered(), server.entered()
    first.say(b"DELE 1\r\nQUIT\r\n")
    assert second.say(b"RETR 1\r\n") == b"-ERR unable to open that message\r\n"
    assert second.say(b"RETR 3\r\n") == b"+OK \r\nx\r\n.\r\n", "the first session has moved it to cur"
    assert second.say(b"DELE 1\r\nDELE 3\r\nQUIT\r\n") == OK * 3
    assert server.files() == ["cur/1001.b:2,S"]


@pytest.mark.parametrize("limit", [1, 3])
def test_after_so_many_failed_logins_the_client_is_hung_up_on(tmp_path: Path, server: Server, limit: int) -> None:
    server = Server(tmp_path, max_failures=limit)
    client = server.client()
    client.read()
    for number in range(limit):
        assert not client.is_closed
        assert client.say(b"USER joe\r\nPASS wrong%d\r\nNOOP\r\n" % number) == OK
        server.clock.pump([0.5] * 20)
        assert client.read() == b"-ERR authorization failed\r\n" + (OK if number < limit - 1 else b"")
    assert client.is_closed
    assert server.log[0] == b"pop3 1: 192.0.2.1:50321 refused joe: authorization failed"
    assert not any(b"wrong" in line for line in server.log), "no password in the log"


def test_apop_is_offered_with_a_checkpassword_program_only(tmp_path: Path, server: Server) -> None:
    server = Server(tmp_path, has_file=False)
    greetings = [server.client().read() for _ in range(2)]
    assert greetings[0] != greetings[1]
    client = server.client()
    challenge = client.read()[4:-2]
    assert challenge.startswith(b"<") and challenge.endswith(b".10000@pop.example.org>")
    assert client.say(b"APOP joe secret\r\n") == OK
    assert server.agent.logins == [(b"joe", b"secret", challenge)]
    assert client.say(b"STAT\r\nQUIT\r\n") == b"+OK 3 53\r\n" + OK
    assert server.agent.workers[0].is_released


def test_the_worker_of_a_login_is_released_however_the_session_ends(tmp_path: Path, server: Server) -> None:
    server = Server(tmp_path, has_file=False)
    client = server.client()
    client.say(b"USER joe\r\nPASS secret\r\n")
    client.hang_up()
    client = server.client()
    assert b"-ERR no such user" in client.say(b"USER ann\r\nPASS secret\r\n")
    client = server.client()
    client.say(b"USER joe\r\nPASS secret\r\n")
    server.agent.is_gone = True
    client.say(b"QUIT\r\n")
    assert [worker.is_released for worker in server.agent.workers] == [True] * 3


def test_a_client_that_hangs_up_while_its_mailbox_is_opened_leaves_nothing_open(server: Server) -> None:
    server.agent.is_held = True
    client = server.client()
    client.say(b"USER joe\r\nPASS secret\r\n")
    client.hang_up()
    server.agent.release()
    server.agent.release()
    assert len(server.agent.boxes) == 0


@pytest.mark.parametrize("limit", [2, 4])
def test_connections_above_the_limit_are_told_and_closed(tmp_path: Path, server: Server, limit: int) -> None:
    server = Server(tmp_path, concurrency=limit)
    clients = [server.client(f"192.0.2.{number}") for number in range(limit)]
    refused = server.client("192.0.2.99")
    assert refused.read() == b"-ERR [SYS/TEMP] too many connections\r\n"
    assert refused.is_closed
    clients[0].hang_up()
    assert server.client("192.0.2.99").read() == GREETING


def test_one_address_cannot_take_all_connections(tmp_path: Path, server: Server) -> None:
    server = Server(tmp_path, concurrency=4)
    for _ in range(2):
        server.client()
    assert server.client().is_closed
    assert not server.client("192.0.2.2").is_closed


def test_a_silent_client_is_hung_up_on_earlier_before_its_login(server: Server) -> None:
    client = server.client()
    server.clock.pump([5] * (LOGIN_S // 5 - 1))
    assert not client.is_closed
    server.clock.pump([5] * 2)
    assert client.is_closed
    client.hang_up()
    client = server.entered()
    server.clock.pump([5] * 119)
    assert not client.is_closed
    client.say(b"NOOP\r\n")
    server.clock.pump([5] * 119)
    assert not client.is_closed
    server.clock.pump([5] * 2)
    assert client.is_closed
    assert b"closed: timeout, joe" in server.log[-1]
    client.hang_up()
    assert server.clock.getDelayedCalls() == []


def test_a_client_that_does_not_read_our_last_words_is_cut_off(server: Server) -> None:
    client = server.entered()
    client.say(b"QUIT\r\n")
    server.clock.pump([5] * (LOGIN_S // 5 - 1))
    assert not client.transport.disconnected
    server.clock.pump([5] * 2)
    assert client.transport.disconnected
    client.hang_up()


def test_a_client_that_sends_and_then_shuts_its_side_gets_its_answers(server: Server) -> None:
    client = server.entered()
    client.session.dataReceived(b"STAT\r\nNOOP\r\nDELE 1\r\n")
    assert isinstance(client.session, Pop3Protocol)
    client.session.readConnectionLost()
    assert client.read() == b"+OK 3 53\r\n" + OK + OK
    assert client.is_closed
    assert len(server.files()) == 3, "no QUIT, nothing deleted"


def test_a_bug_ends_the_session_and_not_the_server(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    client = server.entered()

    def broken(*arguments: object) -> Deferred[object]:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(server.agent, "channel_request", broken)
    client.say(b"DELE 1\r\nRETR 2\r\n")
    assert client.is_closed
    assert any(b"bug: ZeroDivisionError" in line for line in server.log)
    monkeypatch.undo()
    assert len(server.files()) == 3


def test_a_reload_counts_for_later_connections(server: Server) -> None:
    before = server.entered()
    server.factory.configure(settings(greeting=b"new.example.org", timeout_s=30))
    assert server.client().read() == b"+OK new.example.org POP3 service\r\n"
    server.clock.pump([5] * 10)
    assert not before.is_closed


def test_draining_ends_idle_sessions_and_lets_a_command_finish(server: Server) -> None:
    idle, busy = server.entered(), server.entered()
    server.agent.is_held = True
    busy.say(b"RETR 3\r\n")
    drained: list[object] = []
    server.factory.drain(10.0).addCallback(drained.append)
    assert (idle.is_closed, busy.is_closed) == (True, False)
    server.agent.release()
    assert busy.read() == b"+OK \r\nx\r\n.\r\n"
    assert busy.is_closed
    server.agent.is_held = False
    for client in (idle, busy):
        client.hang_up()
    assert drained == [None]
    assert server.clock.getDelayedCalls() == []


def test_login_names_and_their_mailboxes() -> None:
    def sort(address: bytes) -> tuple[str, bytes]:
        if address.endswith(b"@v.example"):
            return "local", b"virtual-" + address
        return ("local" if address.endswith(b"@here.example") else "remote"), address

    names = [b"joe", b"joe@here.example", b"joe@v.example", b"joe@there.example", b""]
    assert list(map(mailboxes_by(sort), names)) == [b"joe", b"joe", b"virtual-joe", None, None]
