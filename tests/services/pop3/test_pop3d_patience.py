"""services/pop3/pop3d.py: how often, how many, how long; reloads and the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from qmtwist.services.pop3.session import LOGIN_S, Pop3Protocol
from tests.support.pop3_service import GREETING, OK, Server, furnished, settings


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Server:
    return furnished(tmp_path, monkeypatch)


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
