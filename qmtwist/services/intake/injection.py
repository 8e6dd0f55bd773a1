"""The injection socket: local programs hand their messages to the running daemon (wire/injection)."""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Callable, Container
from typing import Protocol as Typed
from typing import assert_never

from twisted.internet.interfaces import IDelayedCall, IListeningPort, IReactorTime, IReactorUNIX
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure

from qmtwist.mail.errors import MailError, Permanent
from qmtwist.services.seams import Draft, Intake, Origin, Receipt
from qmtwist.store.queue.invoker import invoker, special_invokers
from qmtwist.wire import injection
from qmtwist.wire.envelope import TOO_LARGE
from qmtwist.wire.injection import Reply
from qmtwist.wire.injectionserver import (
    Event,
    Introduced,
    MessagePiece,
    Ordered,
    QueueAsked,
    Refused,
    ServerSession,
    Submitted,
    format_listing,
    format_reply,
)

HELLO_TIMEOUT_S = 10
OVERALL_TIMEOUT_S = 86400
CLIENT_LIMIT = 500  # one more is hung up on, and writes queue files itself
USER_LIMIT = 100  # of one user, by himself: nobody may take all places from the others
ENVELOPES_LIMIT_BYTES = 256 * 1024 * 1024  # of one user, in our memory at the same time; one envelope has room
PATH_LIMIT_BYTES = 100  # of a socket's name; the kernel's limit is 108

_CLOSING_STATUS, _DISK_FULL_STATUS = "4.3.2", "4.3.1"


class Log(Typed):
    """Where lines for the log go."""

    def line(self, line: bytes, /) -> None:
        """Take one line without its LF."""


class InjectionFactory(Factory):
    """Makes a protocol for each client. Made by `assemble`.

    `believed_uids`: who may say on whose behalf it queues (qmailq, root, the daemon); all others queue for themselves.
    `list_queue`: paragraphs (see wire/queuelist) of the messages that rest in no queue file. `obey`: carries an order
    out, and says whether deliveries are paused.
    """

    noisy = False

    def __init__(
        self,
        intake: Intake,
        believed_uids: Container[int],
        log: Log,
        reactor: IReactorTime,
        list_queue: Callable[[], list[bytes]] | None = None,
        obey: Callable[[bytes], bool] | None = None,
    ) -> None:
        self.intake = intake
        self.log = log
        self.reactor = reactor
        self.list_queue = list_queue
        self.obey = obey
        self.clients = 0
        self.users: dict[int, int] = {}  # uid to number of clients; bounded by CLIENT_LIMIT
        self._envelopes: dict[int, int] = {}  # uid to what those of its clients take; bounded by CLIENT_LIMIT
        self._believed_uids = believed_uids
        self._special = special_invokers()

    def buildProtocol(self, addr: object) -> InjectionProtocol:
        """One client."""
        return InjectionProtocol(self)

    def is_believed(self, uid: int) -> bool:
        """Whether it may queue for others, and see what they have queued."""
        return uid in self._believed_uids

    def enter(self, uid: int) -> bool:
        """Count a client; False if there are too many. `leave` takes it back in either case."""
        self.clients += 1
        self.users[uid] = self.users.get(uid, 0) + 1
        return self.clients <= CLIENT_LIMIT and (self.is_believed(uid) or self.users[uid] <= USER_LIMIT)

    def leave(self, uid: int) -> None:
        """It has gone."""
        self.clients -= 1
        self.users[uid] -= 1
        if not self.users[uid]:
            del self.users[uid]

    def weigh(self, uid: int, more_bytes: int) -> bool:
        """Count what envelopes on behalf of a user take, or take no more; False if that is too much."""
        total = self._envelopes.pop(uid, 0) + more_bytes
        if total:
            self._envelopes[uid] = total
        return total <= ENVELOPES_LIMIT_BYTES

    def origin(self, pid: int, peer_uid: int, said_uid: int) -> Origin:
        """On whose behalf a client queues, and what its caller calls it: `qp PID` in the report of a forward."""
        uid = said_uid if self.is_believed(peer_uid) else peer_uid
        return Origin(invoker(uid, self._special), uid, qp=pid)


class InjectionProtocol(Protocol):
    """One client: pumps between its socket, the session and a draft; holds no opinion about mail."""

    def __init__(self, factory: InjectionFactory) -> None:
        self._factory = factory
        self._session = ServerSession()
        self._draft: Draft | None = None
        self._timer: IDelayedCall | None = None
        self._is_over = False
        self._pid = self._uid = 0  # what the kernel vouches for
        self._owner, self._weight_bytes = 0, 0  # who is charged for the envelope, and with how much

    def connectionMade(self) -> None:
        """A client; it has a moment to introduce itself."""
        self._pid, self._uid = self._peer()
        self._set_timer(HELLO_TIMEOUT_S)
        if not self._factory.enter(self._uid):
            self._hang_up()

    def dataReceived(self, data: bytes) -> None:
        """Bytes of the client; those after the end interest nobody."""
        self._session.receive(data)
        self._weigh()
        while not self._is_over and (event := self._session.next_event()) is not None:
            self._obey(event)
            self._weigh()

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The client has gone: what it had not finished is forgotten, what it had submitted goes on."""
        self._factory.leave(self._uid)
        self._factory.weigh(self._owner, -self._weight_bytes)
        self._is_over = True
        self._set_timer(None)
        self._abandon()

    def _obey(self, event: Event) -> None:
        match event:
            case Introduced(uid, _):
                self._begin(uid)
            case MessagePiece(data):
                if self._draft is not None and not self._draft.write(data):
                    self._transport().pauseProducing()
            case Submitted(envelope):
                draft, self._draft = self._draft, None
                if draft is not None:
                    draft.commit(envelope, self._committed)
            case QueueAsked() | Ordered() if not self._factory.is_believed(self._uid):
                wish = b"asked for the queue" if isinstance(event, QueueAsked) else b"said " + event.order
                self._factory.log.line(b"warning: injection refused: uid %d %s" % (self._uid, wish))
                self._hang_up()
            case Ordered(order):
                is_paused = self._factory.obey(order) if self._factory.obey is not None else False
                self._end(format_reply(Reply(0, b"paused" if is_paused else b"running")))
            case QueueAsked():
                listed = self._factory.list_queue() if self._factory.list_queue is not None else []
                self._end(format_listing(listed))
            case Refused(reply):
                self._factory.log.line(b"warning: injection refused: " + reply.text)
                self._end(format_reply(reply))
            case other:
                assert_never(other)

    def _weigh(self) -> None:
        more, self._weight_bytes = self._session.envelope_bytes - self._weight_bytes, self._session.envelope_bytes
        if more and not self._factory.weigh(self._owner, more) and not self._is_over:
            self._obey(Refused(Reply(TOO_LARGE, b"too many large envelopes of uid %d" % self._owner)))

    def _begin(self, said_uid: int) -> None:
        origin = self._factory.origin(self._pid, self._uid, said_uid)
        self._owner = origin.uid
        try:
            self._draft = self._factory.intake.open(origin, self._drained)
        except MailError as error:
            is_closing = error.status == _CLOSING_STATUS
            word = injection.SAY_CLOSING if is_closing else format_reply(refusal(error))
            self._end(word)
            return
        self._set_timer(OVERALL_TIMEOUT_S)
        self._transport().write(self._session.go_on())

    def _committed(self, result: Receipt | MailError) -> None:
        if not self._is_over:
            reply = Reply(0, b"%d" % result.number) if isinstance(result, Receipt) else refusal(result)
            self._end(format_reply(reply))

    def _drained(self) -> None:
        if not self._is_over:
            self._transport().resumeProducing()

    def _end(self, last_word: bytes) -> None:
        self._transport().write(last_word)
        self._hang_up()

    def _hang_up(self) -> None:
        self._is_over = True
        self._set_timer(None)
        self._abandon()
        self._transport().loseConnection()

    def _abandon(self) -> None:
        draft, self._draft = self._draft, None
        if draft is not None:
            draft.abandon()

    def _set_timer(self, seconds: int | None) -> None:
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None if seconds is None else self._factory.reactor.callLater(seconds, self._expired)

    def _expired(self) -> None:
        self._transport().abortConnection()

    def _transport(self) -> _UnixTransport:
        transport: _UnixTransport = self.transport  # type: ignore[assignment]  # Twisted types it as ITransport only
        return transport

    def _peer(self) -> tuple[int, int]:
        """The process id and the uid that the kernel vouches for."""
        size = struct.calcsize("3i")
        credentials = self._transport().getHandle().getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        pid, uid, _ = struct.unpack("3i", credentials)
        return int(pid), int(uid)


class _UnixTransport(Typed):
    """What we need of Twisted's UNIX socket."""

    def write(self, data: bytes) -> None:
        """Send."""

    def loseConnection(self) -> None:
        """End after sending."""

    def abortConnection(self) -> None:
        """End now."""

    def pauseProducing(self) -> None:
        """Read no more for now."""

    def resumeProducing(self) -> None:
        """Read again."""

    def getHandle(self) -> socket.socket:
        """The socket itself."""


def refusal(error: MailError) -> Reply:
    """The exit code that tells qmail-queue's caller what the daemon's refusal means; temporary if in doubt."""
    text = error.text.encode("utf-8", "backslashreplace")
    if isinstance(error, Permanent):
        return Reply(31, text)
    return Reply(53 if error.status == _DISK_FULL_STATUS else 71, text)


def listen(reactor: IReactorUNIX, path: str, factory: InjectionFactory, mode: int | None = None) -> IListeningPort:
    """Make the socket and serve it; one left by a daemon that crashed is replaced.

    The caller holds the queue's lock, so no other daemon is behind the old one. Without a `mode` those may connect who
    may write to the directory: where qmail-queue cannot be set-uid, people queue under their own name.

    :raises OSError: something else lies there, or the directory is not ours.
    """
    directory, name = os.path.split(path)
    if mode is None:
        mode = 0o600 | (os.stat(directory).st_mode & 0o022)
    if os.path.lexists(path):
        if not stat.S_ISSOCK(os.lstat(path).st_mode):
            raise FileExistsError(f"{path} is not a socket")
        os.unlink(path)
    if len(os.fsencode(path)) > PATH_LIMIT_BYTES:
        # The kernel takes no longer name; this one stays valid as long as the descriptor, that is until we end.
        descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        path = f"/proc/self/fd/{descriptor}/{name}"
    port: IListeningPort = reactor.listenUNIX(path, factory, 50, mode, False)
    return port


def listen_for_users(reactor: IReactorUNIX, home: str, factory: InjectionFactory) -> list[IListeningPort]:
    """The socket of a server that root started, whose queue directory users cannot enter; none without its directory.

    The kernel tells who they are. Until setup has made the directory they run qmail-queue, which is set-uid.

    :raises OSError: it cannot be made there.
    """
    path = f"{home}/{injection.SOCKETS[1]}"
    try:
        if os.stat(os.path.dirname(path)).st_uid != os.geteuid():
            return []
    except FileNotFoundError:
        return []
    return [listen(reactor, path, factory, 0o666)]
