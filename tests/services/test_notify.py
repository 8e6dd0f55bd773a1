"""What systemd is told, and where nobody listens."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from twisted.internet.task import Clock

from qmtwist.services import activation
from qmtwist.services.notify import Notifier


def test_without_systemd_nothing_is_said() -> None:
    clock, environ = Clock(), {"PATH": "/bin", "WATCHDOG_USEC": "1000"}
    notifier = Notifier(clock, environ)  # type: ignore[arg-type]  # Clock is enough of a reactor
    for tell in (notifier.ready, notifier.reloading, notifier.stopping):
        tell()
    assert clock.getDelayedCalls() == [] and environ == {"PATH": "/bin"}


@pytest.mark.parametrize("is_abstract", [False, True])
def test_a_socket_may_be_abstract_and_its_reader_may_go(tmp_path: Path, is_abstract: bool) -> None:
    name = f"qmtwist-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    environ = {"NOTIFY_SOCKET": f"@{name}" if is_abstract else name}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
        reader.bind(f"\0{name}" if is_abstract else name)
        notifier = Notifier(Clock(), environ)  # type: ignore[arg-type]  # as above
        notifier.ready()
        assert reader.recv(100) == b"READY=1"
        for _ in range(10_000):  # more than the socket holds: nothing waits
            notifier.say("STATUS=" + "x" * 100)
    notifier.stopping()
    notifier.close()
    notifier.stopping()


@pytest.mark.parametrize(("pid", "count"), [("ours", 3), ("another's", 0)])
def test_signs_of_life_come_at_half_the_time(tmp_path: Path, pid: str, count: int) -> None:
    path, clock = str(tmp_path / "notify"), Clock()
    named = os.getpid() if pid == "ours" else os.getpid() + 1
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as reader:
        reader.bind(path)
        reader.setblocking(False)
        environ = {"NOTIFY_SOCKET": path, "WATCHDOG_USEC": "2000000", "WATCHDOG_PID": str(named)}
        notifier = Notifier(clock, environ)  # type: ignore[arg-type]  # as above
        notifier.ready()
        notifier.ready()  # after a reload
        clock.pump([1.0, 1.0])
        said = []
        while len(said) < count + 2:
            said.append(reader.recv(100))
        assert said.count(b"READY=1") == 2 and said.count(b"WATCHDOG=1") == count
        notifier.close()
        clock.advance(5)
        with pytest.raises(BlockingIOError):
            reader.recv(100)


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"LISTEN_PID": "1", "LISTEN_FDS": "1", "LISTEN_FDNAMES": "smtp"},
        {"LISTEN_FDNAMES": ":".join(["smtp"] * 300)},
    ],
)
def test_what_is_not_for_us_or_does_not_listen_is_no_service(
    told: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activation, "FIRST", 5000)  # closed
    assert activation.passed({"smtp"}, told) == ({}, []) and "LISTEN_FDNAMES" not in told
