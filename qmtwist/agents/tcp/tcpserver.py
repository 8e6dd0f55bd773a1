"""A server that runs a program for each TCP connection. (ucspi-tcp tcpserver.c)

One process listens. When nothing has to be looked up for a connection it reads the rules itself and starts the program
straight away, with vfork; no Python runs for that connection. Otherwise, and to report what went wrong, a forked child
does the work and becomes the program, so a slow name server holds up one client only.
"""

from __future__ import annotations

import os
import select
import socket
import sys
import time

from qmtwist.agents import pathexec
from qmtwist.logbook import tcpserver as words
from qmtwist.mail.errors import Malformed
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Callable, Mapping, NoReturn
from qmtwist.rules.peers import decide
from qmtwist.rules.tcprules import decode
from qmtwist.store import durable
from qmtwist.store.cdb import Reader
from qmtwist.store.signals import signal

from . import ends, ident
from .ends import Ends, Known

DENIED, DROPPED = 100, 111
PAUSE_S = 0.05  # when nothing can be accepted
SILENT, TERSE, VERBOSE = 0, 1, 2
_DEFAULT_SIGNALS = (signal.SIGCHLD, signal.SIGTERM, *pathexec.IGNORED)


class Settings:
    """What tcpserver's options say; its manual (cli/tcp/tcpserver.py) explains them."""

    def __init__(self) -> None:
        self.command: list[bytes] = []
        self.verbosity = TERSE
        self.limit = 40
        self.rules: bytes | None = None
        self.may_lack_rules = False
        self.banner = b""
        self.local_host: bytes | None = None
        self.looks_up_host = True
        self.is_paranoid = False
        self.asks_info = True
        self.info_timeout_s = 26
        self.kills_options = True
        self.is_delayed = True


class Trouble(Exception):
    """Why a connection is dropped, in words for the log."""

    def __init__(self, text: bytes) -> None:
        super().__init__(text)
        self.text = text


class Server:
    """Accepts connections on a listening socket for ever. Made by the program, which has bound and dropped its rights.

    `resolver` makes who answers DNS questions; it is called in a child.
    """

    def __init__(self, settings: Settings, listener: socket.socket, resolver: Callable[[], ends.Asked]) -> None:
        self._settings = settings
        self._listener = listener
        self._resolver = resolver
        self._children: set[int] = set()
        self._environ = dict(os.environb)
        self._places = pathexec.candidates(settings.command[0])
        self._is_quick = not (
            settings.banner or settings.looks_up_host or settings.asks_info or settings.local_host is None
        )

    def run(self) -> NoReturn:
        """SIGTERM ends the process with status 0; its children go on."""
        reading, writing = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(writing, warn_on_full_buffer=False)
        self._listener.setblocking(False)
        self._log_status()
        poll = select.poll()
        poll.register(reading, select.POLLIN)
        is_open = False
        while True:
            # At the limit nothing is accepted: clients wait in the backlog.
            if is_open != (len(self._children) < self._settings.limit):
                is_open = not is_open
                (poll.register if is_open else poll.unregister)(self._listener.fileno())
            poll.poll()
            self._drain(reading)
            self._reap()
            self._accept()

    @staticmethod
    def _drain(reading: int) -> None:
        try:
            while os.read(reading, 512):
                pass
        except BlockingIOError:
            return

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            if pid in self._children:
                self._children.remove(pid)
                self._log(words.ended(pid, status))
                self._log_status()

    def _accept(self) -> None:
        while len(self._children) < self._settings.limit:
            try:
                connection, peer = self._listener.accept()
            except (BlockingIOError, ConnectionAbortedError):
                return
            except OSError:  # descriptors or memory are short; he waits
                time.sleep(PAUSE_S)
                return
            with connection:
                self._log_status(1)
                pid = self._begin(connection, ends.of(connection, peer))
            if pid:
                self._children.add(pid)
            else:
                self._log_status()

    # -- one connection

    def _begin(self, connection: socket.socket, here: Ends) -> int:
        """The process that serves it; 0 if there is none."""
        if self._is_quick:
            pid = self._begin_quickly(connection, here)
            if pid is not None:
                return pid
        try:
            pid = os.fork()
        except OSError as error:
            self._warn(b"unable to fork: " + reason(error))
            return 0
        if not pid:
            self._serve_as_child(connection, here)
        return pid

    def _begin_quickly(self, connection: socket.socket, here: Ends) -> int | None:
        """Like `_begin`; None if this connection needs a child of its own that says what is wrong."""
        known = Known(self._settings.local_host)
        self._prepare(connection)
        try:
            is_denied, variables = self._judge(here, known)
        except Trouble:
            return None
        if is_denied:
            return None if self._settings.verbosity >= VERBOSE else 0
        pid = self._spawn(connection.fileno(), {**ends.environment(self._environ, here, known), **variables})
        if pid is not None:
            self._log(words.began(pid, here.remote_ip) + _judged(pid, False, here, known))
        return pid

    def _spawn(self, connection: int, environ: Mapping[bytes, bytes]) -> int | None:
        actions = [(os.POSIX_SPAWN_DUP2, connection, 0), (os.POSIX_SPAWN_DUP2, connection, 1)]
        for place in self._places:
            if not os.access(place, os.X_OK):
                continue
            try:
                return os.posix_spawn(
                    place, self._settings.command, environ,
                    file_actions=actions, setsigdef=_DEFAULT_SIGNALS, setsigmask=(),
                )  # fmt: skip
            except OSError:
                continue
        return None

    def _serve_as_child(self, connection: socket.socket, here: Ends) -> NoReturn:
        """In a forked child: everything for one connection, and then the program."""
        status = DROPPED
        try:
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._listener.close()
            status = self._serve(connection, here)
        except Trouble as trouble:
            self._warn(trouble.text)
        except MemoryError:
            self._warn(b"out of memory")
        except BaseException:  # a bug: it costs this connection
            sys.excepthook(*sys.exc_info())
        finally:
            os._exit(status)

    def _serve(self, connection: socket.socket, here: Ends) -> int:
        """The exit status of a connection that comes to no program.

        :raises Trouble: the connection is dropped.
        """
        pid = os.getpid()
        self._log(words.began(pid, here.remote_ip))
        self._prepare(connection)
        self._greet(connection)
        known = self._find_out(here)
        is_denied, variables = self._judge(here, known)
        self._log(_judged(pid, is_denied, here, known))
        if is_denied:
            return DENIED
        os.dup2(connection.fileno(), 0)
        os.dup2(connection.fileno(), 1)
        command = self._settings.command
        error = pathexec.become(command, {**ends.environment(self._environ, here, known), **variables})
        raise Trouble(b"unable to run %s: %s" % (command[0], reason(error)))

    def _prepare(self, connection: socket.socket) -> None:
        """Set the options of the socket. What a kernel does not know does not matter."""
        try:
            if self._settings.kills_options and connection.family == socket.AF_INET:
                connection.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS, b"")
            if not self._settings.is_delayed:
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        except OSError:
            return

    def _greet(self, connection: socket.socket) -> None:
        try:
            if self._settings.banner:
                connection.sendall(self._settings.banner)
        except OSError as error:
            raise Trouble(b"unable to print banner: " + reason(error))

    def _find_out(self, here: Ends) -> Known:
        """Names and IDENT information, as far as they are wanted."""
        settings = self._settings
        local, remote = settings.local_host, None
        wanted = [here.local_ip] * (local is None) + [here.remote_ip] * settings.looks_up_host
        if wanted:
            resolver = self._resolver()
            names = dict(zip(wanted, ends.host_names(resolver, wanted), strict=True))
            if local is None:
                local = names[here.local_ip]
            if settings.looks_up_host:
                remote = names[here.remote_ip]
            if remote and settings.is_paranoid and not ends.points_back(resolver, remote, here.remote_ip):
                remote = None
        info = ident.ask(here, settings.info_timeout_s) if settings.asks_info else None
        return Known(local, remote, info)

    def _judge(self, here: Ends, known: Known) -> tuple[bool, Mapping[bytes, bytes]]:
        """Whether the rules deny, and the variables they set. The file is opened anew for each connection.

        :raises Trouble: it cannot be read.
        """
        path = self._settings.rules
        if path is None:
            return False, {}
        try:
            with Reader(path) as reader:
                found = decide(reader.get, here.remote_ip, known.remote_host, known.remote_info)
        except FileNotFoundError as error:
            if self._settings.may_lack_rules:
                return False, {}
            raise _unreadable(path, reason(error))
        except OSError as error:
            raise _unreadable(path, reason(error))
        except Malformed:
            raise _unreadable(path, b"protocol error")  # EPROTO, as cdb's library has it
        if found is None:
            return False, {}
        is_denied, variables = decode(found[1])
        return is_denied, {name: value for name, value in variables if name}

    # -- the log

    def _log(self, lines: bytes, verbosity: int = VERBOSE) -> None:
        if self._settings.verbosity >= verbosity:
            try:
                durable.write_all(2, lines)
            except OSError:  # nobody reads it any more; that is no reason not to serve
                return

    def _log_status(self, more: int = 0) -> None:
        self._log(words.status(len(self._children) + more, self._settings.limit))

    def _warn(self, trouble: bytes) -> None:
        self._log(words.dropped(trouble), TERSE)


def _judged(pid: int, is_denied: bool, here: Ends, known: Known) -> bytes:
    local = known.local_host, here.local_ip, here.local_port
    remote = known.remote_host, here.remote_ip, known.remote_info, here.remote_port
    return words.judged(pid, is_denied, local, remote)


def _unreadable(path: bytes, why: bytes) -> Trouble:
    return Trouble(b"unable to read %s: %s" % (path, why))
