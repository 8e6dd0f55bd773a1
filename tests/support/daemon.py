"""A real daemon for a test: a fresh home, mailboxes, free loopback ports; run as an administrator runs it."""

from __future__ import annotations

import contextlib
import functools
import os
import pwd
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator

from qmtwist.control.passwords import hash_secret
from tests.support.processes import holders, kill_all, tree

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TWISTD = os.path.join(os.path.dirname(sys.executable), "twistd")
HOST = "test.example"
LIMIT_S = 60.0
NOWHERE = ":127.0.0.1:1\n"  # mail for other hosts is deferred at once, and nobody's DNS is asked


def environment() -> dict[str, str]:
    """The caller's, with the package importable and nothing that changes where our programs look."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("QMTWIST_", "QMAIL"))}
    return {**kept, "PYTHONPATH": TOP, "PYTHONUNBUFFERED": "1"}


def qmtwist(*words: str, text: str = "") -> str:
    """Run a `qmtwist` subcommand; what it printed.

    :raises subprocess.CalledProcessError: it failed.
    """
    command = [sys.executable, "-m", "qmtwist.cli.main", *words]
    ended = subprocess.run(
        command, check=True, input=text, text=True, stdout=subprocess.PIPE, cwd=TOP, env=environment()
    )
    return ended.stdout


def mail_owner() -> tuple[int, int]:
    """uid and gid for mailboxes: our own, or nobody's for root, to whom nothing is delivered."""
    if os.geteuid() != 0:
        return os.getuid(), os.getgid()
    entry = pwd.getpwnam("nobody")
    return entry.pw_uid, entry.pw_gid


def give_queue_away(queue: str, uid: int, gid: int) -> None:
    """On a machine without qmail's accounts the server becomes the owner of the queue, who must not be root."""
    try:
        pwd.getpwnam("qmailq")
    except KeyError:
        for directory, _, names in os.walk(queue):
            for path in (directory, *(os.path.join(directory, name) for name in names)):
                os.chown(path, uid, gid)


def free_port() -> int:
    """A loopback port that nobody listens on at this moment.

    None of those that the kernel itself hands out: somebody else could be given it before it is used.
    """
    while True:
        with socket.socket() as probe, contextlib.suppress(OSError):
            port = 10000 + secrets.randbelow(22000)
            probe.bind(("127.0.0.1", port))
            return port


@functools.cache
def stored(password: str) -> str:
    """What is kept of a password."""
    return hash_secret(password.encode()).decode()


class Home:
    """A mail home below a directory that every account may enter, with users who have maildirs."""

    def __init__(self, directory: str, users: tuple[str, ...] = ("alice", "bob"), host: str = HOST) -> None:
        self.path = os.path.join(directory, "home")
        self.host = host
        self.users = users
        self._people = os.path.join(directory, "people")

    def make(self) -> None:
        """Set it up, with an account, an assign line and a password (`NAME-password`) for every user."""
        qmtwist("setup", "--home", self.path, "--host", self.host)
        self.write("control/defaultdelivery", "./Maildir/\n")
        self.write("control/smtproutes", NOWHERE)
        uid, gid = mail_owner()
        if os.geteuid() == 0:
            give_queue_away(f"{self.path}/queue", uid, gid)
        lines = []
        for user in self.users:
            for path in (
                self.directory(user),
                *(f"{self.maildir(user)}{name}" for name in ("", "/tmp", "/new", "/cur")),
            ):
                os.makedirs(path, mode=0o700)
                os.chown(path, uid, gid)
            lines += [f"={user}:{user}:{uid}:{gid}:{self.directory(user)}:::"]
            lines += [f"+{user}-:{user}:{uid}:{gid}:{self.directory(user)}:-::"]
        # Everybody else's mail goes by HOME/alias, without an account of that name on the machine.
        alias = f"{self.path}/alias"
        os.chown(alias, uid, gid)
        lines += [f"+:alias:{uid}:{gid}:{alias}:-::"]
        os.chmod(self._people, 0o755)
        self.write("users/assign", "\n".join([*lines, ".\n"]))
        subprocess.run([self.program("qmail-newu")], check=True, env=environment())
        self._write_passwords()

    def _write_passwords(self) -> None:
        """As `qmtwist passwd` does it, but for the time that a hash takes: each is made once for all homes."""
        lines = [f"{user}:{stored(self.password(user))}\n" for user in self.users]
        self.write("users/passwords", "".join(lines))
        path = f"{self.path}/users/passwords"
        os.chmod(path, 0o600)
        if os.geteuid() == 0:
            queue = os.stat(f"{self.path}/queue")
            os.chown(path, queue.st_uid, queue.st_gid)

    def directory(self, user: str) -> str:
        """A user's home directory."""
        return os.path.join(self._people, user)

    def maildir(self, user: str) -> str:
        """A user's maildir."""
        return os.path.join(self._people, user, "Maildir")

    def address(self, user: str) -> str:
        """A user's address."""
        return f"{user}@{self.host}"

    @staticmethod
    def password(user: str) -> str:
        """A user's password."""
        return f"{user}-password"

    def program(self, name: str) -> str:
        """The path of one of the classic programs."""
        return os.path.join(self.path, "bin", name)

    def write(self, name: str, text: str) -> None:
        """Write a file of the home: `control/databytes`, for example. Nobody sees half a control file."""
        path = os.path.join(self.path, name)
        is_read_by_others = name.startswith("control/") and os.path.exists(path)
        with open(f"{self.path}/.writing" if is_read_by_others else path, "w", encoding="latin-1") as stream:
            stream.write(text)
        if is_read_by_others:
            os.chmod(stream.name, os.stat(path).st_mode & 0o7777)
            os.rename(stream.name, os.path.realpath(path))

    def messages(self, user: str) -> list[bytes]:
        """Everything in a user's maildir, in order of its names."""
        found = []
        for part in ("new", "cur"):
            directory = os.path.join(self.maildir(user), part)
            for name in sorted(os.listdir(directory)):
                with contextlib.suppress(FileNotFoundError), open(os.path.join(directory, name), "rb") as stream:
                    found.append(stream.read())
        return found


class Daemon:
    """`twistd -n qmtwist` over a home. Start and stop it as often as you like; the ports stay the same."""

    before_exec: Callable[[], None] | None = None  # what its process does first, such as entering a name space

    def __init__(self, home: Home, *options: str) -> None:
        self.home = home
        self.smtp_port = free_port()
        self.pop3_port = free_port()
        self.log: list[str] = []
        self._options = options
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None

    @property
    def pid(self) -> int:
        """The process id of the daemon itself."""
        assert self._process is not None
        return self._process.pid

    def command(self) -> list[str]:
        """The command line that `start` runs."""
        words = [TWISTD, "-n", "--pidfile=", "qmtwist", "--home", self.home.path]
        for service, port in (("smtp", self.smtp_port), ("pop3", self.pop3_port)):
            words += ["--listen", f"{service}=tcp:{port}:interface=127.0.0.1"]
        return [*words, *self._options]

    def start(self) -> None:
        """Start it, and wait until both services greet: then its signals are understood, too."""
        self._join()
        self._process = subprocess.Popen(
            self.command(),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            env=environment(),
            cwd="/",
            start_new_session=True,
            preexec_fn=self.before_exec,
        )
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        for port in (self.smtp_port, self.pop3_port):
            self._wait_for(port)

    def _read_log(self) -> None:
        assert self._process is not None and self._process.stdout is not None
        for line in self._process.stdout:
            self.log.append(line.rstrip("\n"))

    def _wait_for(self, port: int) -> None:
        deadline = time.monotonic() + LIMIT_S
        while time.monotonic() < deadline:
            assert self._process is not None
            if self._process.poll() is not None:
                self._join()
                raise AssertionError(f"the daemon ended with {self._process.returncode}:\n" + "\n".join(self.log))
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1) as connection:
                connection.settimeout(LIMIT_S)
                if connection.recv(3) in (b"220", b"+OK"):
                    return
            time.sleep(0.02)
        raise AssertionError(f"nothing greets on {port}:\n" + "\n".join(self.log))

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """kill -9 the daemon and everything it started, and wait until all of it is gone."""
        assert self._process is not None
        kill_all(list(tree(self.pid)))
        self._process.wait(LIMIT_S)
        self._join()

    def is_running(self) -> bool:
        """Whether the daemon itself lives."""
        return self._process is not None and self._process.poll() is None

    def stop(self) -> None:
        """Stop it as a supervisor does; it must end with 0."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        status = self._process.wait(LIMIT_S)
        self._join()
        assert status == 0, f"the daemon ended with {status}:\n" + "\n".join(self.log[-40:])

    def _join(self) -> None:
        if self._process is None or self._process.stdout is None or self._reader is None:
            return
        self._reader.join(LIMIT_S)
        # Closing the pipe under its reader would wait for ever.
        assert not self._reader.is_alive(), f"the log is still open in {holders(self._process.stdout.fileno())}"
        self._process.stdout.close()

    def wait_for_messages(self, user: str, count: int, limit_s: float = LIMIT_S) -> list[bytes]:
        """Wait until a user's maildir holds at least so many messages, and return them all."""
        deadline = time.monotonic() + limit_s
        while len(found := self.home.messages(user)) < count:
            if time.monotonic() > deadline:
                tail = "\n".join(self.log[-40:])
                raise AssertionError(f"{len(found)} of {count} messages for {user} after {limit_s} s; log:\n{tail}")
            time.sleep(0.02)
        return found


@contextlib.contextmanager
def running(daemon: Daemon) -> Iterator[Daemon]:
    """A started daemon; stopped cleanly at the end, or killed if the test failed."""
    try:
        daemon.start()
        yield daemon
    except BaseException:
        daemon.kill()
        raise
    daemon.stop()
