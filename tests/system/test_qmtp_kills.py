"""QMTP and QMQP when somebody is killed or stopped: nothing is half-queued, nothing acknowledged is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import tempfile
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import Home, qmtwist
from tests.support.hub import Hub, answer_of, make_home
from tests.support.package_service import MESSAGE, package, request

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def directory() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as made:
        os.chmod(made, 0o755)
        yield made


@pytest.fixture(scope="module")
def home(directory: str) -> Home:
    return make_home(directory)


@pytest.fixture
def hub(home: Home, directory: str) -> Iterator[Hub]:
    """Not started yet; with empty mailboxes."""
    made = Hub(home, directory)
    made.empty()
    yield made
    if made.is_running():
        made.kill()


def queue_files(home: Home) -> list[str]:
    """What the queue holds below mess, intd and todo."""
    found = []
    for part in ("mess", "intd", "todo", "pid"):
        for directory, _, names in os.walk(f"{home.path}/queue/{part}"):
            found += [os.path.join(directory, name) for name in names]
    return found


@pytest.mark.parametrize("size", [1000, 3_000_000])
@pytest.mark.parametrize("is_hub", [False, True])
def test_killed_in_the_middle_nothing_is_half_queued(hub: Hub, size: int, is_hub: bool) -> None:
    before = queue_files(hub.home)
    hub.start()
    to = hub.home.address("alice").encode()
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
    assert all(MESSAGE in message for message in hub.home.messages("alice"))  # after a kill perhaps one of them twice
    left = [path for path in queue_files(hub.home) if path not in before]
    # What a kill leaves is a file in mess that nobody has promised anything about; qmail-clean takes it after 36 hours.
    assert not [path for path in left if "/todo/" in path]
    assert left == [] or is_hub


def test_what_was_acknowledged_before_a_kill_is_delivered_after_it(hub: Hub) -> None:
    hub.start()
    to = hub.home.address("alice").encode()
    for message in (b"small\n", b"large\n" * 100_000):
        assert b":Kok " in hub.ask("qmtp", package(to, message=message))
    hub.kill()
    hub.start()
    count = 2
    while {message.split()[-1] for message in hub.wait_for_messages("alice", count)} != {b"small", b"large"}:
        count += 1  # the small one was delivered before the kill, but that was not on disk yet
    hub.stop()


def test_without_a_certificate_the_daemon_says_so_and_does_not_start(hub: Hub) -> None:
    os.unlink(f"{hub.home.path}/control/servercert.pem")
    with pytest.raises(AssertionError, match="run qmtwist tlskey"):
        hub.start()
    qmtwist("tlskey", "--home", hub.home.path)


def test_a_stop_in_the_middle_of_a_message_waits_for_its_end(hub: Hub) -> None:
    to = hub.home.address("alice").encode()
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
