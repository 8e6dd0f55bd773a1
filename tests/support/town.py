"""A mail home as its administrator and its users know it, with a daemon: what the promises are tried on.

Root gets a private name space in which qmail's accounts and a few persons exist, so that the daemon becomes qmailq and
mail is delivered as the persons; the machine's own files stay as they are. Anybody else gets a home of his own, where
users/assign names the persons and everything belongs to him.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import pwd
import shutil
import smtplib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator

from tests.support import privately
from tests.support.daemon import LIMIT_S, NOWHERE, Daemon, Home, environment, give_queue_away

HOST = "test.example"
FIRST_UID = 2101


class Space:
    """A private mount name space that outlives the process which made it; None where that is not allowed."""

    def __init__(self, directory: str, accounts: list[privately.Account], groups: dict[str, int]) -> None:
        made, release = os.pipe(), os.pipe()
        pid = os.fork()
        if not pid:
            status = 1
            with contextlib.suppress(BaseException):
                if privately.enter():
                    privately.add_accounts(directory, accounts, groups)
                    os.write(made[1], b"y")
                    os.close(release[1])
                    os.read(release[0], 1)
                    status = 0
            os._exit(status)
        os.close(made[1])
        self._descriptor = os.open(f"/proc/{pid}/ns/mnt", os.O_RDONLY) if os.read(made[0], 1) else -1
        for descriptor in (made[0], *release):
            os.close(descriptor)
        os.waitpid(pid, 0)

    def __bool__(self) -> bool:
        return self._descriptor >= 0

    def enter(self) -> None:
        """What a new process does before it becomes a program."""
        if privately._libc.setns(self._descriptor, privately.NEW_MOUNTS):
            raise OSError(ctypes.get_errno(), "cannot enter the name space")

    def close(self) -> None:
        """Give it back; it ends with its last process."""
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


class Town(Home):
    """A home whose users are `joe` and who else is named; each has a maildir, and mail goes to it by default."""

    def __init__(self, directory: str, users: tuple[str, ...], host: str = HOST) -> None:
        super().__init__(directory, users, host)
        self.top = directory
        self.space: Space | None = None
        self.is_real = False  # whether qmail's accounts and the persons exist

    def make(self) -> None:
        """Set it up, as `qmtwist setup` does it, and let the persons move in."""
        if os.geteuid() == 0:
            self._make_space()
        self.run("qmtwist", "setup", "--home", self.path, "--host", self.host)
        self.write("control/defaultdelivery", "./Maildir/\n")
        self.write("control/smtproutes", NOWHERE)
        os.makedirs(os.path.join(self.top, "people"), exist_ok=True)
        lines = []
        for user in self.users:
            uid, gid = self.owner(user)
            self.folder(user, "")
            for part in ("Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"):
                self.folder(user, part, 0o700)
            lines += [f"={user}:{user}:{uid}:{gid}:{self.directory(user)}:::"]
            lines += [f"+{user}-:{user}:{uid}:{gid}:{self.directory(user)}:-::"]
        if not self.is_real:
            if os.geteuid() == 0:
                give_queue_away(f"{self.path}/queue", *self.owner(""))
            uid, gid = os.getuid(), os.getgid()
            if os.geteuid() == 0:
                uid, gid = self.owner("")
                os.chown(f"{self.path}/alias", uid, gid)
            middle = f":alias:{uid}:{gid}:{self.path}/alias:"
            lines += [f"+{middle}-::", f"=alias{middle}::", f"+alias-{middle}-::", ".\n"]
            self.write("users/assign", "\n".join(lines))
            self.run("qmail-newu")

    def _make_space(self) -> None:
        accounts = privately.mail_accounts(self.path)
        accounts += [
            privately.Account(user, FIRST_UID + place, FIRST_UID, self.directory(user))
            for place, user in enumerate(self.users)
        ]
        # qmail's alias lives in HOME/alias, as INSTALL.ids makes it.
        accounts = [a._replace(home=f"{self.path}/alias") if a.name == "alias" else a for a in accounts]
        space = Space(self.top, accounts, {**privately.MAIL_GROUPS, "people": FIRST_UID})
        if space:
            self.space, self.is_real = space, True

    def owner(self, user: str) -> tuple[int, int]:
        """uid and gid of a person."""
        if self.is_real:
            return FIRST_UID + self.users.index(user), FIRST_UID
        if os.geteuid() != 0:
            return os.getuid(), os.getgid()
        entry = pwd.getpwnam("nobody")
        return entry.pw_uid, entry.pw_gid

    # -- what persons do

    def folder(self, user: str, name: str, mode: int = 0o755) -> str:
        """Make a directory of a person's."""
        path = os.path.join(self.directory(user), name)
        os.makedirs(path, exist_ok=True)
        os.chmod(path, mode)
        os.chown(path, *self.owner(user))
        return path

    def file(self, user: str, name: str, text: str, mode: int = 0o644) -> str:
        """Write a file of a person's, such as `.qmail-list`."""
        path = os.path.join(self.directory(user), name)
        with open(path, "w", encoding="latin-1") as stream:
            stream.write(text)
        os.chmod(path, mode)
        os.chown(path, *self.owner(user))
        return path

    def read(self, user: str, name: str) -> str:
        """A file of a person's; empty when there is none."""
        with (
            contextlib.suppress(FileNotFoundError),
            open(os.path.join(self.directory(user), name), encoding="latin-1") as stream,
        ):
            return stream.read()
        return ""

    def read_control(self, name: str) -> str:
        """A control file."""
        with open(f"{self.path}/control/{name}", encoding="latin-1") as stream:
            return stream.read()

    def read_users(self, name: str) -> str:
        """A file of users/; empty when there is none."""
        with contextlib.suppress(FileNotFoundError), open(f"{self.path}/users/{name}", encoding="latin-1") as stream:
            return stream.read()
        return ""

    def alias(self, name: str, text: str) -> None:
        """Write HOME/alias/.qmail-NAME."""
        self.write(f"alias/.qmail-{name}", text)

    def forget(self, user: str) -> None:
        """Empty a person's maildir."""
        for part in ("new", "cur"):
            for name in os.listdir(f"{self.maildir(user)}/{part}"):
                os.unlink(f"{self.maildir(user)}/{part}/{name}")

    # -- programs

    def before_exec(self, user: str | None = None) -> Callable[[], None]:
        """What a child does first: enter the name space and, if `user` is named and we may, become that person."""
        ids = self.owner(user) if user is not None else None

        def enter() -> None:
            if self.space is not None:
                self.space.enter()
            if ids is not None and os.geteuid() == 0:
                os.setgroups([])
                os.setgid(ids[1])
                os.setuid(ids[0])

        return enter

    def attempt(
        self, *words: str, text: str | bytes = b"", user: str | None = None, more: dict[str, str] | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        """Run a program (one of HOME/bin, when the name has no slash) to its end, whatever that is."""
        path = f"{self.path}/bin/{words[0]}"
        command = [path if "/" not in words[0] and os.path.exists(path) else words[0], *words[1:]]
        if words[0] == "qmtwist":
            command = [sys.executable, "-m", "qmtwist.cli.main", *words[1:]]
        return subprocess.run(
            command,
            input=text.encode("latin-1") if isinstance(text, str) else text,
            capture_output=True,
            env={**environment(), **(more or {})},
            cwd="/",
            timeout=60,
            preexec_fn=self.before_exec(user),
        )

    def run(self, *words: str, text: str | bytes = b"", user: str | None = None) -> str:
        """Run a program to its good end; what it printed."""
        ended = self.attempt(*words, text=text, user=user)
        assert ended.returncode == 0, f"{words} ended with {ended.returncode}:\n{ended.stdout!r}\n{ended.stderr!r}"
        return ended.stdout.decode("latin-1")

    def check(self) -> str:
        """What `qmtwist check` says of the home, whoever listens on this machine."""
        said = self.attempt("qmtwist", "check", "--home", self.path).stdout.decode("latin-1").splitlines()
        return "\n".join(line for line in said if " is taken by " not in line)

    def close(self) -> None:
        """Give the name space back."""
        if self.space is not None:
            self.space.close()


class Office(Daemon):
    """The daemon of a town, and what one says to it and reads of it."""

    def __init__(self, town: Town, *options: str) -> None:
        super().__init__(town, *options)
        self.town = town
        self.before_exec = town.before_exec()

    def queue(self, recipient: str, sender: str = "s@far.example", message: bytes = b"Subject: x\n\nbody\n") -> None:
        """Put a message into the queue with qmail-queue."""
        envelope = b"F%b\0T%b\0\0" % (sender.encode("latin-1"), recipient.encode("latin-1"))
        read, write = os.pipe()
        os.write(write, envelope)
        os.close(write)
        enter = self.town.before_exec()

        def connect() -> None:
            enter()
            os.dup2(read, 1)

        try:
            ended = subprocess.run(
                [self.town.program("qmail-queue")], input=message, env=environment(), preexec_fn=connect, cwd="/"
            )
        finally:
            os.close(read)
        assert ended.returncode == 0, ended

    def smtp(self) -> smtplib.SMTP:
        """A connection to its SMTP service."""
        return smtplib.SMTP("127.0.0.1", self.smtp_port, local_hostname="localhost", timeout=30)

    def mark(self) -> int:
        """Where the log ends now; for `wait_for_line`."""
        return len(self.log)

    def wait_for(self, is_wanted: Callable[[str], bool], since: int = 0, limit_s: float = LIMIT_S) -> str:
        """Wait for such a log line, and return it."""
        deadline = time.monotonic() + limit_s
        while True:
            for line in self.log[since:]:
                if is_wanted(line):
                    return line
            assert time.monotonic() < deadline, "no such line in:\n" + "\n".join(self.log[-60:])
            time.sleep(0.005)

    def wait_for_line(self, text: str, since: int = 0) -> str:
        """Wait for a log line with this text, and return it."""
        return self.wait_for(lambda line: text in line, since)

    def deliver(self, recipient: str, sender: str = "s@far.example", message: bytes = b"Subject: x\n\nbody\n") -> str:
        """Queue a message for a local recipient and wait for the report of its first delivery."""
        since = self.mark()
        self.queue(recipient, sender, message)
        return self.report(recipient, since)

    def report(self, recipient: str, since: int = 0) -> str:
        """Wait for the report of the first delivery to a recipient, as the log names it."""
        started = self.wait_for(
            lambda line: line.startswith("starting delivery") and line.endswith(f" {recipient}"), since
        )
        number = started.split()[2]
        return self.wait_for(lambda line: line.startswith(f"delivery {number} "), since)


@contextlib.contextmanager
def town(*users: str, host: str = HOST, prepare: Callable[[Town], None] | None = None) -> Iterator[Town]:
    """A fresh town; removed at the end."""
    directory = tempfile.mkdtemp(prefix="qmtwist-test-", dir="/tmp")
    os.chmod(directory, 0o755)
    made = Town(directory, users or ("joe",), host)
    try:
        made.make()
        if prepare is not None:
            prepare(made)
        yield made
    finally:
        made.close()
        shutil.rmtree(directory, ignore_errors=True)
