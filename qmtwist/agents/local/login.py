"""Logins by a checkpassword program, several at a time; the agent's part. (checkpassword interface)

The program gets the credentials on descriptor 3, becomes the user and executes what we name: `qmail-lspawn --mailbox
4`, a worker that serves nothing but that user's mailboxes. That its greeting arrives on the other end of descriptor 4
is the proof that the login is good; nothing else is.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time

from qmtwist.control.replaced import is_ours
from qmtwist.mail.errors import Malformed, suppress
from qmtwist.mail.shapes import Container, NamedTuple, NoReturn
from qmtwist.rules.users import Account
from qmtwist.store.signals import signal
from qmtwist.wire import spawn

LIMIT_S = 60.0
LIMIT = 100  # at a time
CHANNEL = 4  # the descriptor's number in the program
_RECORD_BYTES = 512  # what checkpassword programs read
_NOBODY = b"Dthere are no logins here"
_TOO_LONG = b"Dthat is too long for a name and a secret"
_BUSY = b"Ztoo many logins at a time"
_TROUBLE = b"Zthe login cannot be checked now"
_WRONG = b"Dauthorization failed"


class LoginEnded(NamedTuple):
    """With an account and the channel of its mailbox worker, or with a report that says why not."""

    number: int
    account: Account | None
    channel: int | None
    report: bytes


class _Login:
    def __init__(self, number: int, pid: int, channel: socket.socket, deadline: float) -> None:
        self.number, self.pid, self.channel, self.deadline = number, pid, channel, deadline
        self.reader = spawn.FrameReader()


class Logins:
    """Those under way. Made by the agent, which calls `turn` after each poll and `reaped` for each child."""

    def __init__(self, home: str, checkpassword: list[bytes], poll: select.poll) -> None:
        self._home = home
        self._command = checkpassword
        self._poll = poll
        self._running: dict[int, _Login] = {}  # by the descriptor of the channel
        self._ended: list[LoginEnded] = []

    def start(self, number: int, record: bytes) -> bytes | None:
        """Begin a login; a report if that cannot be. `record` is name NUL secret NUL challenge NUL."""
        if not self._command:
            return _NOBODY
        if len(record) > _RECORD_BYTES or record.count(b"\0") != 3 or not record.endswith(b"\0"):
            return _TOO_LONG
        if len(self._running) >= LIMIT:
            return _BUSY
        try:
            self._fork(number, record)
        except OSError:
            return _TROUBLE
        return None

    def patience_ms(self) -> float | None:
        """How long a poll may take."""
        if not self._running:
            return None
        return max(0.0, min(login.deadline for login in self._running.values()) - time.monotonic()) * 1000 + 1

    def turn(self, ready: Container[int]) -> list[LoginEnded]:
        """The logins that have ended by now."""
        now = time.monotonic()
        for login in [login for login in self._running.values() if login.channel.fileno() in ready]:
            self._listen(login)
        for login in [login for login in self._running.values() if login.deadline <= now]:
            self._kill(login)
            self._end(login, _TROUBLE)
        ended, self._ended = self._ended, []
        return ended

    def reaped(self, pid: int, status: int) -> None:
        """A child has ended."""
        for login in [login for login in self._running.values() if login.pid == pid]:
            self._listen(login)
            if login.channel.fileno() in self._running:
                self._end(login, _WRONG if status in (1, 2) else _TROUBLE)

    def stop(self) -> None:
        """The daemon is gone: nobody waits for an answer."""
        for login in list(self._running.values()):
            self._kill(login)
            self._end(login, _TROUBLE)

    def _fork(self, number: int, record: bytes) -> None:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        with theirs:
            reading, writing = os.pipe2(os.O_CLOEXEC)
            try:
                os.write(writing, record)  # fits into the pipe
                pid = os.fork()
                if not pid:
                    self._become(reading, theirs.fileno())
            except OSError:
                ours.close()
                raise
            finally:
                os.close(reading)
                os.close(writing)
        ours.setblocking(False)
        self._running[ours.fileno()] = _Login(number, pid, ours, time.monotonic() + LIMIT_S)
        self._poll.register(ours.fileno(), select.POLLIN)

    def _become(self, reading: int, channel: int) -> NoReturn:
        """The child: descriptors 3 and 4 in place, all others but 0 to 2 closed, and on to the program."""
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            high = os.dup(os.dup(os.dup(channel)))  # out of the way of the numbers they are to get
            reading = os.dup(os.dup(os.dup(reading)))
            os.dup2(reading, 3)
            os.dup2(high, CHANNEL)
            os.closerange(CHANNEL + 1, os.sysconf("SC_OPEN_MAX"))
            words = [*self._command, *mailbox_command(self._home)]
            os.execvp(words[0], words)
        except BaseException:
            os._exit(111)

    def _listen(self, login: _Login) -> None:
        """Its worker's greeting, or its end: then it is judged by its exit status."""
        try:
            data = login.channel.recv(4096)
            frames = list(login.reader.receive(data))
        except BlockingIOError:
            return
        except (OSError, Malformed):
            data, frames = b"", []
        if not data:
            with suppress(KeyError):
                self._poll.unregister(login.channel.fileno())
        elif frames:
            account = parse_greeting(frames[0])
            if account is None:
                self._kill(login)
                self._end(login, _TROUBLE)
            else:
                self._forget(login)
                self._ended.append(LoginEnded(login.number, account, login.channel.detach(), b""))

    def _end(self, login: _Login, report: bytes) -> None:
        self._forget(login)
        login.channel.close()
        self._ended.append(LoginEnded(login.number, None, None, report))

    def _forget(self, login: _Login) -> None:
        del self._running[login.channel.fileno()]
        with suppress(KeyError):
            self._poll.unregister(login.channel.fileno())

    def _kill(self, login: _Login) -> None:
        for kill in (os.killpg, os.kill):
            with suppress(ProcessLookupError, PermissionError):
                kill(login.pid, signal.SIGKILL)


def mailbox_command(home: str) -> list[bytes]:
    """The words that start a worker for mailboxes on descriptor 4."""
    launcher = f"{home}/bin/qmail-lspawn"
    words = [launcher] if is_ours(launcher) else own_command(home)
    return [os.fsencode(word) for word in [*words, "--mailbox", str(CHANNEL)]]


def own_command(home: str) -> list[str]:
    """The words that start qmail-lspawn in a home that has no launchers."""
    paths = [path for path in sys.path if path]
    code = f"import sys; sys.path += {paths!a}; open('/proc/self/comm', 'w').write('qmail-lspawn'); "
    code += f"from qmtwist.cli.launch import run; run('qmail-lspawn', {home!a})"
    return [sys.executable, "-I", "-S", "-c", code]


def greeting(account: Account) -> bytes:
    """The first frame of a worker for mailboxes."""
    payload = b"%d\0%d\0%d\0%s\0%s" % (spawn.VERSION, account.uid, account.gid, account.user, account.home)
    return spawn.frame(spawn.HELLO, 0, payload)


def parse_greeting(frame: spawn.Frame) -> Account | None:
    """Who has logged in; None if this is no such greeting."""
    fields = frame.payload.split(b"\0")
    if frame.kind != spawn.HELLO or len(fields) != 5 or fields[0] != b"%d" % spawn.VERSION:
        return None
    if not (fields[1].isdigit() and fields[2].isdigit()):
        return None
    return Account(fields[3], int(fields[1]), int(fields[2]), fields[4], b"", b"")
