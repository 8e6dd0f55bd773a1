"""Under systemd, whose part is played here: readiness, sockets that are passed, reload, stop, and signs of life."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from tests.support.daemon import LIMIT_S, TWISTD, environment
from tests.support.processes import kill_all, tree
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
# What systemd does between fork and exec: the sockets become 3, 4, ..., and the process is told that they are his.
BECOME = """
import os, sys
count = int(sys.argv[1])
sockets = [os.dup(int(word)) for word in sys.argv[2 : 2 + count]]
high = [os.dup2(descriptor, 200 + place) for place, descriptor in enumerate(sockets)]
for place, descriptor in enumerate(high):
    os.dup2(descriptor, 3 + place, inheritable=True)
os.closerange(3 + count, 300)
os.environ["LISTEN_PID"] = os.environ["WATCHDOG_PID"] = str(os.getpid())
os.execv(sys.argv[2 + count], sys.argv[2 + count:])
"""


class Systemd:
    """The part of systemd that one service sees."""

    def __init__(self, made: Town, keep: contextlib.ExitStack, **sockets: list[socket.socket]) -> None:
        path = f"{made.top}/notify"
        self.sockets = sockets
        self.notices = keep.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        self.notices.bind(path)
        os.chmod(path, 0o777)
        self.said: list[str] = []
        passed = [(name, each) for name, some in sockets.items() for each in some]
        numbers = [str(each.fileno()) for _, each in passed]
        words = [TWISTD, "-n", "--pidfile=", "qmtwist", "--home", made.path]
        told = {"NOTIFY_SOCKET": path, "LISTEN_FDS": str(len(passed)), "WATCHDOG_USEC": "300000"}
        self.process = subprocess.Popen(
            [sys.executable, "-c", BECOME, str(len(passed)), *numbers, *words],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            pass_fds=[each.fileno() for _, each in passed],
            env={**environment(), **told, "LISTEN_FDNAMES": ":".join(name for name, _ in passed)},
            preexec_fn=made.before_exec(),
            cwd="/",
            text=True,
        )

    def wait_for(self, word: str) -> list[str]:
        """Wait until it says this; the lines of that notice."""
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            if select.select([self.notices], [], [], 1)[0]:
                lines = self.notices.recv(4096).decode().splitlines()
                self.said += lines
                if word in lines:
                    return lines
            assert self.process.poll() is None or word == "STOPPING=1", self.process.communicate()
        raise AssertionError(self.said)

    def end(self) -> str:
        """TERM; the log."""
        self.process.terminate()
        said = self.process.communicate(timeout=LIMIT_S)[0]
        assert self.process.returncode == 0, said
        return said


def listening(keep: contextlib.ExitStack, family: socket.AddressFamily = socket.AF_INET) -> socket.socket:
    """A socket that listens on a free port of this host."""
    made = keep.enter_context(socket.socket(family))
    made.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    made.listen()
    return made


def greeting(wanted: socket.socket) -> bytes:
    """What is said there."""
    with socket.create_connection(wanted.getsockname()[:2], LIMIT_S) as connection:
        return connection.recv(100)


@pytest.fixture
def made() -> Iterator[Town]:
    with town("joe") as place:
        place.write("control/listensmtp", "tcp:1:interface=192.0.2.1\n")  # does not count where sockets are passed
        place.write("control/listenpop3", "")
        yield place


@pytest.fixture
def keep() -> Iterator[contextlib.ExitStack]:
    """What is closed at the end."""
    with contextlib.ExitStack() as stack:
        yield stack


@pytest.fixture
def systemd(made: Town, keep: contextlib.ExitStack) -> Iterator[Systemd]:
    smtp = [listening(keep), listening(keep, socket.AF_INET6 if has_ipv6() else socket.AF_INET)]
    with socket.create_connection(smtp[0].getsockname(), LIMIT_S) as early:  # before anybody serves
        played = Systemd(made, keep, smtp=smtp, pop3=[listening(keep)], odd=[listening(keep)])
        try:
            played.wait_for("READY=1")
            assert early.recv(3) == b"220"
            yield played
        finally:
            if played.process.poll() is None:
                kill_all(list(tree(played.process.pid)))
                played.process.communicate(timeout=LIMIT_S)


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


def test_passed_sockets_are_served_and_ready_means_ready(made: Town, systemd: Systemd) -> None:
    assert systemd.said == ["READY=1"]
    assert [greeting(each)[:3] for each in systemd.sockets["smtp"]] == [b"220", b"220"]
    Office(made).queue(f"joe@{H}")
    wait_until(lambda: made.messages("joe"))
    log = systemd.end()
    assert "warning: a socket of systemd is named odd, which is no service of ours\n" in log


def test_a_reload_and_a_stop_are_told(systemd: Systemd) -> None:
    systemd.process.send_signal(signal.SIGHUP)
    lines = systemd.wait_for("RELOADING=1")
    assert lines[1].startswith("MONOTONIC_USEC=") and lines[1].partition("=")[2].isdigit()
    systemd.wait_for("READY=1")
    systemd.end()
    systemd.wait_for("STOPPING=1")


def test_it_shows_that_it_lives(systemd: Systemd) -> None:
    for _ in range(3):
        systemd.wait_for("WATCHDOG=1")


def test_connections_wait_over_a_restart(made: Town, keep: contextlib.ExitStack) -> None:
    """systemd keeps the socket: nobody is refused, and who comes meanwhile is served by the next server."""
    wanted = listening(keep)
    first = Systemd(made, keep, smtp=[wanted])
    first.wait_for("READY=1")
    first.end()
    with socket.create_connection(wanted.getsockname(), LIMIT_S) as waiting:
        os.unlink(f"{made.top}/notify")
        second = Systemd(made, keep, smtp=[wanted])
        second.wait_for("READY=1")
        assert waiting.recv(3) == b"220"
    second.end()


def test_programs_do_not_inherit_what_systemd_gave(made: Town, systemd: Systemd) -> None:
    """Neither the sockets nor the right to speak in the server's name."""
    show = "|env | grep -E '^(LISTEN|NOTIFY|WATCHDOG)'; ls -l /proc/$$/fd | grep -c socket; exit 0\n"
    made.file("joe", ".qmail-show", show)
    Office(made).queue(f"joe-show@{H}")
    wait_until(lambda: "messages in queue: 0\n" in made.run("qmail-qstat"))
    log = systemd.end()
    assert "success: 0/did_0+0+1/" in log, log


def test_qmail_start_is_ready_too(made: Town) -> None:
    path = f"{made.top}/start-notify"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notices:
        notices.bind(path)
        os.chmod(path, 0o777)
        notices.settimeout(LIMIT_S)
        process = subprocess.Popen(
            [made.program("qmail-start"), "./Maildir/"],
            stdout=subprocess.DEVNULL,
            env={**environment(), "NOTIFY_SOCKET": path},
            preexec_fn=made.before_exec(),
        )
        try:
            assert notices.recv(100) == b"READY=1"
        finally:
            process.terminate()
            assert process.wait(LIMIT_S) == 0
        assert notices.recv(100) == b"STOPPING=1"
