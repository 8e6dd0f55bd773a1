"""Signals and deaths: whoever dies, nothing acknowledged is lost; and a stop ends within its time."""

from __future__ import annotations

import contextlib
import os
import signal
import smtplib
import socket
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

from tests.support.daemon import TOP, Daemon, Home, environment, mail_owner, running
from tests.support.processes import is_running, kill_all, tree
from tests.torture.ledger import identities, message

pytestmark = pytest.mark.system
LIMIT_S = 60.0


def wait_for(condition: Callable[[], bool], daemon: Daemon) -> None:
    deadline = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < deadline, "\n".join(daemon.log[-40:])
        time.sleep(0.02)


def says(daemon: Daemon, words: str) -> Callable[[], bool]:
    return lambda: any(words in line for line in daemon.log)


def send(daemon: Daemon, identity: str, to: str = "alice", size: int = 500) -> None:
    with smtplib.SMTP("127.0.0.1", daemon.smtp_port, local_hostname="localhost", timeout=LIMIT_S) as client:
        client.sendmail("ann@sender.example", [to if "@" in to else daemon.home.address(to)], message(identity, size))


def instruct(home: Home, user: str, text: str) -> None:
    path = f"{home.directory(user)}/.qmail"
    with open(path, "w", encoding="ascii") as stream:
        stream.write(text)
    os.chown(path, *mail_owner())
    os.chmod(path, 0o600)


def child_of(daemon: Daemon, program: str) -> int:
    """A child of the daemon itself that runs this program."""
    for pid, stat in tree(daemon.pid).items():
        with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", "rb") as stream:
            if stat.parent == daemon.pid and program.encode() in stream.read():
                return pid
    raise AssertionError(f"no {program}")


def children(pid: int) -> list[int]:
    return [other for other, stat in tree(pid).items() if stat.parent == pid]


def status_of(daemon: Daemon) -> int:
    """Wait for the end of a daemon that ends by itself."""
    assert daemon._process is not None
    status = daemon._process.wait(LIMIT_S)
    daemon._join()
    return status


@pytest.fixture
def home(open_directory: str) -> Home:
    made = Home(open_directory)
    made.make()
    return made


def retried(daemon: Daemon, user: str, *wanted: str) -> Callable[[], bool]:
    """Try again what was deferred, until all of these are there."""

    def look() -> bool:
        if set(wanted) <= set(identities(daemon.home.messages(user))):
            return True
        daemon.signal(signal.SIGALRM)
        return False

    return look


def test_a_killed_worker_defers_its_deliveries_and_is_replaced(home: Home) -> None:
    go = f"{home.directory('alice')}/go"
    instruct(home, "alice", f"|test -e {go} || {{ sleep 60; exit 111; }}\n./Maildir/\n")
    with running(Daemon(home)) as daemon:
        for name in ("one", "two", "three"):
            send(daemon, name)
        agent = child_of(daemon, "qmail-lspawn")
        wait_for(lambda: bool(children(agent)) and len(children(children(agent)[0])) == 3, daemon)
        with open(go, "wb"):
            pass
        kill_all(children(agent))
        wait_for(says(daemon, "qmail-local_crashed"), daemon)
        send(daemon, "four")
        wait_for(retried(daemon, "alice", "one", "two", "three", "four"), daemon)


def test_without_the_local_agent_the_daemon_ends_with_111_and_its_successor_delivers_all(home: Home) -> None:
    go = f"{home.directory('alice')}/go"
    instruct(home, "alice", f"|test -e {go} || {{ sleep 1; exit 111; }}\n./Maildir/\n")
    daemon = Daemon(home)
    daemon.start()
    send(daemon, "one")
    send(daemon, "large", size=400_000)
    os.kill(child_of(daemon, "qmail-lspawn"), signal.SIGKILL)
    assert status_of(daemon) == 111
    assert says(daemon, "lost spawn connection")() and not says(daemon, "Traceback")(), daemon.log
    with open(go, "wb"):
        pass
    with running(daemon):
        wait_for(retried(daemon, "alice", "one", "large"), daemon)


def test_a_killed_remote_agent_is_started_again_and_defers(home: Home) -> None:
    with running(Daemon(home)) as daemon:
        first = child_of(daemon, "qmail-rspawn")
        os.kill(first, signal.SIGKILL)
        wait_for(says(daemon, "lost qmail-rspawn"), daemon)
        words = [home.program("qmail-inject"), "-fann@sender.example", "someone@far.example"]
        subprocess.run(words, input=b"Subject: x\n\nhello\n", check=True, env=environment())
        wait_for(says(daemon, "qmail-rspawn_is_not_running"), daemon)
        wait_for(lambda: any("qmail-rspawn" in command(pid) for pid in tree(daemon.pid)), daemon)
        send(daemon, "one")
        daemon.wait_for_messages("alice", 1)


def command(pid: int) -> str:
    with contextlib.suppress(OSError), open(f"/proc/{pid}/cmdline", encoding="latin-1") as stream:
        return stream.read()
    return ""


def in_data(daemon: Daemon, size: int) -> socket.socket:
    """A client in the middle of a message, so much of which the server has read."""
    client = socket.create_connection(("127.0.0.1", daemon.smtp_port), timeout=LIMIT_S)
    client.sendall(b"HELO x\r\nMAIL FROM:<ann@sender.example>\r\nRCPT TO:<alice@test.example>\r\nDATA\r\n")
    said = b""
    while b"354" not in said:
        said += client.recv(1000)
    client.sendall(b"X-Ledger: half\r\n\r\n" + (b"x" * 70 + b"\r\n") * (size // 72))
    return client


def test_a_daemon_killed_in_a_large_message_leaves_only_what_is_cleaned_up(home: Home) -> None:
    daemon = Daemon(home)
    daemon.start()
    with in_data(daemon, 3_000_000):
        wait_for(lambda: bool(left_over(home)), daemon)
        daemon.kill()
    assert {name.split("/")[0] for name in left_over(home)} <= {"mess", "pid", "intd"}
    for directory, _, names in os.walk(f"{home.path}/queue"):
        for name in names:
            if "lock" not in directory and "journal" not in directory:
                os.utime(f"{directory}/{name}", (1, 1))
    with running(daemon):  # what is older than a day and a half nobody owns
        send(daemon, "one")
        daemon.wait_for_messages("alice", 1)
        wait_for(lambda: not left_over(home), daemon)
    assert not any(b"X-Ledger: half" in found for found in home.messages("alice"))


def left_over(home: Home) -> list[str]:
    top = f"{home.path}/queue"
    found = []
    for directory, _, names in os.walk(top):
        found += [os.path.relpath(f"{directory}/{name}", top) for name in names]
    return [name for name in found if not name.startswith(("lock/", "journal/"))]


def test_term_in_a_message_waits_a_little_and_a_message_that_ends_then_is_kept(home: Home) -> None:
    daemon = Daemon(home)
    daemon.start()
    with in_data(daemon, 1000) as client:
        daemon.signal(signal.SIGTERM)
        time.sleep(0.3)
        daemon.signal(signal.SIGTERM)
        client.sendall(b"end of half\r\n.\r\n")
        assert client.recv(1000).startswith(b"250 ")
        started = time.monotonic()
        assert status_of(daemon) == 0
        assert time.monotonic() - started < 20
    with running(daemon):
        wait_for(retried(daemon, "alice", "half"), daemon)
        assert len(home.messages("alice")) == 1


def test_term_during_a_slow_program_ends_within_its_time_and_defers(home: Home) -> None:
    instruct(home, "alice", "|trap '' TERM; sleep 600 & wait; sleep 600\n./Maildir/\n")
    daemon = Daemon(home)
    daemon.start()
    send(daemon, "one")
    agent = child_of(daemon, "qmail-lspawn")
    wait_for(lambda: any("sleep" in command(pid) for pid in tree(agent)), daemon)
    everybody = list(tree(daemon.pid))
    started = time.monotonic()
    daemon.stop()
    assert time.monotonic() - started < 25
    wait_for(lambda: not [pid for pid in everybody if is_running(pid)], daemon)
    instruct(home, "alice", "./Maildir/\n")
    with running(daemon):
        wait_for(retried(daemon, "alice", "one"), daemon)


def test_a_storm_of_signals_disturbs_nothing(home: Home) -> None:
    with running(Daemon(home)) as daemon:
        for number in range(300):
            daemon.signal((signal.SIGHUP, signal.SIGALRM)[number % 2])
            if number % 30 == 0:
                send(daemon, f"storm{number}")
        daemon.wait_for_messages("alice", 10)
        assert len(home.messages("alice")) == 10


MANY = """
import sys
from qmtwist.store.queue.layout import Layout
from qmtwist.store.queue.rest import Resting, put_to_rest
layout, now = Layout(sys.argv[1]), int(sys.argv[2])
put_to_rest(layout, [
    Resting(number, now, b"", b"Subject: x\\n\\n", [(False, b"alice@test.example")], [], now + 9999, now + 9999, b"")
    for number in range(10_000_000_000, 10_000_003_000)
])
"""


def test_alrm_with_thousands_of_deferred_messages_keeps_the_server_awake(home: Home) -> None:
    words = [sys.executable, "-c", MANY, f"{home.path}/queue", str(int(time.time()))]
    subprocess.run(words, check=True, env=environment(), cwd=TOP)
    if os.geteuid() == 0:
        owner = os.stat(f"{home.path}/queue/mess/0")
        for directory, _, names in os.walk(f"{home.path}/queue"):
            for name in names:
                os.chown(f"{directory}/{name}", owner.st_uid, owner.st_gid)
    with running(Daemon(home)) as daemon:
        daemon.signal(signal.SIGALRM)
        slowest = 0.0
        for _ in range(10):
            started = time.monotonic()
            with smtplib.SMTP("127.0.0.1", daemon.smtp_port, local_hostname="localhost", timeout=LIMIT_S) as client:
                client.noop()
            slowest = max(slowest, time.monotonic() - started)
        assert slowest < 2.0, slowest
        daemon.wait_for_messages("alice", 200)
