"""services/pop3/pop3d.py, login.py and mailbox workers together: sessions, without a network."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from twisted.internet.defer import Deferred

from qmtwist.control import passwords
from qmtwist.control.passwords import set_password
from qmtwist.services.pop3.pop3d import mailboxes_by
from qmtwist.wire.mailbox import PIECE_BYTES
from tests.support.mailboxes import make_maildir
from tests.support.pop3_service import GREETING, OK, Server, furnished


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    return furnished(tmp_path, monkeypatch)


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


def test_login_names_and_their_mailboxes() -> None:
    def sort(address: bytes) -> tuple[str, bytes]:
        if address.endswith(b"@v.example"):
            return "local", b"virtual-" + address
        return ("local" if address.endswith(b"@here.example") else "remote"), address

    names = [b"joe", b"joe@here.example", b"joe@v.example", b"joe@there.example", b""]
    assert list(map(mailboxes_by(sort), names)) == [b"joe", b"joe", b"virtual-joe", None, None]
