"""A null client and its hub inside TLS, each known to the other by its key alone."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Iterator

import pytest

from tests.support.daemon import environment, qmtwist, running
from tests.support.hub import LIMIT_S, Hub, make_home

pytestmark = pytest.mark.system

NAME = "null.example"


@pytest.fixture(scope="module")
def hub() -> Iterator[Hub]:
    """One that only those may use whose keys it knows."""
    with tempfile.TemporaryDirectory() as directory:
        os.chmod(directory, 0o755)
        made = Hub(make_home(directory), directory)
        made.home.write("control/tcprules.qmqp", ":deny\n")
        with running(made):
            yield made


def pin_of(home: str) -> str:
    return qmtwist("tlskey", "--home", home).split()[0]


class NullClient:
    """A home without a queue, made for these hubs."""

    def __init__(self, directory: str, *hubs: str) -> None:
        self.path = f"{directory}/client"
        words = [word for hub in hubs for word in ("--hub", hub)]
        self.said = qmtwist("setup", "--null-client", *words, "--home", self.path, "--host", NAME)

    def send(self, to: str, user: int | None = None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [f"{self.path}/bin/qmail-inject", "-fjoe@null.example", to],
            input="Subject: hello\n\nhow are you\n",
            capture_output=True,
            text=True,
            env=environment(),
            timeout=LIMIT_S,
            user=user,
        )


def let_in(hub: Hub, line: str) -> None:
    """The hub knows this key, and no other."""
    since = len(hub.log)
    hub.home.write("control/tlsclients", line + "\n")
    hub.signal(signal.SIGHUP)
    hub.wait_for("control: ", "tlsclients", since=since)


def place(hub: Hub, pin: str) -> str:
    return f"127.0.0.1:{hub.ports['qmqps']}/tls:pin:{pin}"


def test_each_side_is_known_by_its_key(hub: Hub, open_directory: str) -> None:
    client = NullClient(open_directory, place(hub, pin_of(hub.home.path)))
    line = f"{pin_of(client.path)} {NAME}"
    assert line in client.said.splitlines()
    hub.empty()
    since = len(hub.log)
    # a stranger is refused, whatever his address
    ended = client.send(hub.home.address("alice"))
    assert (ended.returncode, ended.stdout) == (111, "")
    # what setup has printed is the line that lets him in
    let_in(hub, line)
    ended = client.send(hub.home.address("alice"))
    assert (ended.returncode, ended.stderr) == (0, "")
    (message,) = hub.wait_for_messages("alice", 1)
    assert message.endswith(b"\n\nhow are you\n") and b"with QMQP; " in message
    hub.wait_for("qmqps ", f" {NAME} accepted ", since=since)


def test_another_hub_gets_nothing_and_its_user_is_told_why(hub: Hub, open_directory: str) -> None:
    client = NullClient(open_directory, place(hub, "0" * 64))
    let_in(hub, f"{pin_of(client.path)} {NAME}")
    hub.empty()
    ended = client.send(hub.home.address("alice"))
    assert ended.returncode == 111
    assert "no TLS with 127.0.0.1: the key of its certificate is none of those" in ended.stderr
    assert os.listdir(f"{hub.home.maildir('alice')}/new") == []


def test_the_next_hub_is_asked_when_one_has_another_key(hub: Hub, open_directory: str) -> None:
    client = NullClient(open_directory, place(hub, "0" * 64), place(hub, pin_of(hub.home.path)))
    let_in(hub, f"{pin_of(client.path)} {NAME}")
    hub.empty()
    assert client.send(hub.home.address("alice")).returncode == 0
    assert len(hub.wait_for_messages("alice", 1)) == 1


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="becomes another user")
def test_any_user_of_a_null_client_that_root_has_made_can_send(hub: Hub, open_directory: str) -> None:
    client = NullClient(open_directory, place(hub, pin_of(hub.home.path)))
    let_in(hub, f"{pin_of(client.path)} {NAME}")
    hub.empty()
    ended = client.send(hub.home.address("alice"), user=65534)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert len(hub.wait_for_messages("alice", 1)) == 1
    # where its owner has closed the key to others, they are told
    os.chmod(f"{client.path}/control/servercert.pem", 0o600)
    ended = client.send(hub.home.address("alice"), user=65534)
    assert ended.returncode == 111
    assert "our certificate or its key cannot be read: Permission denied" in ended.stderr
