"""Where the server's log goes, and that no reader of it holds up mail; on a real daemon."""

from __future__ import annotations

import contextlib
import fcntl
import os
import select
import signal
import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.support.daemon import LIMIT_S, TWISTD, environment
from tests.support.processes import kill_all, tree, wait_until_gone
from tests.support.remote import wait_until
from tests.support.town import Office, Town, town

pytestmark = pytest.mark.system

H = "test.example"
PIPE_BYTES = 4096


@pytest.fixture
def made() -> Iterator[Town]:
    with town("joe") as place:
        yield place


class Unread(Office):
    """A daemon into whose standard output and standard error, a small pipe, nobody looks until `read_all`."""

    def start(self) -> None:
        self.reading, self.writing = os.pipe()
        fcntl.fcntl(self.writing, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
        self._process = subprocess.Popen(
            self.command(), stdin=subprocess.DEVNULL, stdout=self.writing, stderr=self.writing, text=True,
            env=environment(), cwd="/", preexec_fn=self.before_exec,
        )  # fmt: skip
        for port in (self.smtp_port, self.pop3_port):
            self._wait_for(port)

    def is_full(self) -> bool:
        """Whether the next write would wait."""
        return not select.select([], [self.writing], [], 0)[1]

    def read_all(self) -> bytes:
        """Everything up to its end."""
        os.close(self.writing)
        with open(self.reading, "rb") as stream:
            return stream.read()


def sessions(office: Office, count: int) -> None:
    """So many SMTP sessions, each with lines in the log."""
    for _ in range(count):
        with office.smtp() as client:
            client.helo()
            client.mail("s@far.example")
            client.rcpt("x@nowhere.example")


def greeting(office: Office) -> str:
    """What the SMTP service says it can do."""
    with office.smtp() as client:
        return client.ehlo()[1].decode()


def test_a_pipe_that_nobody_reads_stalls_nothing_and_loses_nothing_that_fits(made: Town) -> None:
    office = Unread(made)
    try:
        office.start()
        sessions(office, 60)
        wait_until(office.is_full)
        office.queue(f"joe@{H}")
        office.wait_for_messages("joe", 1)
        sessions(office, 20)
        assert office.is_running()
        assert office._process is not None
        office._process.send_signal(signal.SIGTERM)
        log = office.read_all()
        assert office._process.wait(LIMIT_S) == 0
    finally:
        if office.is_running():
            office.kill()
    assert log.count(b"refused <x@nowhere.example>") == 80
    assert log.count(b"end msg ") == 1
    assert b"were lost" not in log
    assert log.endswith(b"status: exiting\n")


def test_standard_error_that_nobody_reads_stalls_nothing_either(made: Town) -> None:
    """`--strict-log` sends our own remarks there, and a reload has one for every file that changed."""
    office = Unread(made, "--strict-log")
    try:
        office.start()
        for size in range(100, 200):
            made.write("control/databytes", f"{size}\n")
            made.write("control/doublebounceto", f"d{size}\n")
            office.signal(signal.SIGHUP)
            wait_until(lambda wanted=size: f"SIZE {wanted}" in greeting(office))
        wait_until(office.is_full)
        made.write("control/databytes", "100000\n")
        office.queue(f"joe@{H}")
        office.wait_for_messages("joe", 1)
        office.signal(signal.SIGTERM)
        log = office.read_all()
        assert office._process is not None and office._process.wait(LIMIT_S) == 0
    finally:
        if office.is_running():
            office.kill()
    # a client that comes between the file and the signal makes the server look at the file, too: then two are one
    assert log.count(b"control: control/databytes: ") >= 90


def stamped(path: str) -> list[bytes]:
    """The lines of a log file, without their stamps."""
    with open(path, "rb") as stream:
        lines = stream.read().splitlines()
    assert all(line[:1] == b"@" and len(line.split()[0]) == 25 for line in lines), lines
    return [line.partition(b" ")[2] for line in lines]


@contextlib.contextmanager
def served(office: Office) -> Iterator[Office]:
    try:
        office.start()
        yield office
    finally:
        if office.is_running():
            office.stop()


def test_the_server_keeps_a_multilog_directory(made: Town) -> None:
    directory = f"{made.folder('joe', 'logs')}/mail"
    office = Office(made, "--log-to", f"multilog:{directory}:size=4096:number=5")
    with served(office):
        office.queue(f"joe@{H}")
        office.wait_for_messages("joe", 1)
        wait_until(lambda: any(line.startswith(b"end msg") for line in stamped(f"{directory}/current")))
        office.signal(signal.SIGUSR1)
        wait_until(lambda: any(name.startswith("@") for name in os.listdir(directory)))
        sessions(office, 120)
    names = sorted(name for name in os.listdir(directory) if name.startswith("@"))
    assert len(names) == 4 and all(name.endswith(".s") for name in names)
    assert stamped(f"{directory}/current")[-1] == b"status: exiting"
    assert os.stat(f"{directory}/current").st_mode & 0o777 == 0o744
    assert office.log == []
    with served(office):  # another one goes on there, and ours can read it
        second = Office(made, "--log-to", f"multilog:{directory}")
        with pytest.raises(AssertionError, match="unable to lock directory"):
            second.start()
    history = subprocess.run(
        ["sh", "-c", f"cat {directory}/@* {directory}/current | {made.path}/bin/tai64nlocal"],
        capture_output=True, check=True, env=environment(), preexec_fn=made.before_exec(),
    ).stdout  # fmt: skip
    assert history.splitlines()[-1].endswith(b"status: exiting") and not history.startswith(b"@")


def test_a_server_in_the_background_keeps_its_log_too(made: Town) -> None:
    log, pid_file = f"{made.top}/log", f"{made.top}/pid"
    words = [TWISTD, f"--pidfile={pid_file}", f"--logfile={made.top}/twistd.log"]
    words += ["qmtwist", "--home", made.path, "--no-listeners", "--log-to", f"multilog:{log}"]
    subprocess.run(words, check=True, env=environment(), cwd="/", preexec_fn=made.before_exec())
    wait_until(lambda: os.path.exists(pid_file) and os.path.exists(f"{log}/current"))
    wait_until(lambda: b"status: local 0/10 remote 0/20" in stamped(f"{log}/current"))
    with open(pid_file) as stream:
        pid = int(stream.read())
    try:
        Office(made).queue(f"joe@{H}")
        wait_until(lambda: made.messages("joe"))
        os.kill(pid, signal.SIGTERM)
        assert wait_until_gone([pid], LIMIT_S) == []
    finally:
        kill_all(list(tree(pid)))
    assert stamped(f"{log}/current")[-1] == b"status: exiting"
    assert os.stat(f"{log}/current").st_mode & 0o777 == 0o744


def test_the_server_writes_to_the_journal(made: Town) -> None:
    path = f"{made.top}/journal"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.bind(path)
        journal.settimeout(LIMIT_S)
        os.chmod(path, 0o666)
        with served(Office(made, "--log-to", f"journal:{path}")) as office:
            office.queue(f"joe@{H}")
            while not (entry := journal.recv(65536)).startswith(b"PRIORITY=6\n") or b"MESSAGE=end msg" not in entry:
                assert b"SYSLOG_IDENTIFIER=qmtwist\n" in entry
            made.write("control/locals", "")
            os.unlink(f"{made.path}/control/me")
            office.signal(signal.SIGHUP)
            while b"MESSAGE=alert: unable to reread controls" not in (entry := journal.recv(65536)):
                assert b"SYSLOG_IDENTIFIER=qmtwist\n" in entry
            assert entry.startswith(b"PRIORITY=1\n")
            assert office.log == []


@pytest.mark.parametrize(
    ("wanted", "complaint"),
    [
        ("syslog", "--log-to syslog: want -, multilog:DIR or journal"),
        ("multilog:relative", "want a path that begins with a slash"),
        ("multilog:/tmp:number=1", "want a number from 2"),
        ("multilog:/dev/null", "unable to open directory /dev/null: not a directory"),
        ("journal:/nonexistent/socket", "no journal at /nonexistent/socket"),
    ],
)
def test_what_cannot_be_written_to_keeps_the_server_from_starting(made: Town, wanted: str, complaint: str) -> None:
    with pytest.raises(AssertionError) as refused:
        Office(made, "--log-to", wanted).start()
    assert complaint in str(refused.value)
