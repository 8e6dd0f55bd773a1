"""One POP3 connection of the daemon: a pump between a transport and the cores in wire/pop3 and wire/pop3_login."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable, Coroutine
from typing import Any, Protocol, cast

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.interfaces import IHalfCloseableProtocol, IPushProducer, IReactorTime, ITCPTransport
from twisted.internet.protocol import Protocol as TwistedProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from qmtwist.control.settings import PopSettings
from qmtwist.logbook import pop3 as logbook
from qmtwist.mail.errors import MailError, Permanent
from qmtwist.services.door.listen import Peer
from qmtwist.services.local.mailboxes import MailboxWorker, RemoteMailbox, open_mailbox
from qmtwist.services.wire import Wire
from qmtwist.wire.pop3 import OK, Quit, Retrieve, Transaction
from qmtwist.wire.pop3_command import CommandReader
from qmtwist.wire.pop3_login import REFUSED, Credentials, Login
from qmtwist.wire.pop3_phase import Flush, Hangup
from qmtwist.wire.session import NEED_DATA, Pause

from .login import Gatekeeper

LOGIN_S = 60  # of silence are allowed before the login and after the end
INPUT_LIMIT_BYTES = 16 * 1024  # commands that wait for an answer; above it we read no more
BROKEN = b"-ERR [SYS/TEMP] the mailbox cannot be reached now\r\n"
LATER = b"-ERR [SYS/TEMP] unable to check this now\r\n"


class Service(Protocol):
    """What a session needs of the factory that made it."""

    clock: IReactorTime
    gatekeeper: Gatekeeper
    log: Callable[[bytes], None]

    def challenge(self, host: bytes) -> bytes:
        """A new APOP challenge, or nothing."""

    def gone(self, session: Pop3Protocol, peer: Peer) -> None:
        """The connection has ended."""


@implementer(IHalfCloseableProtocol, IPushProducer)
class Pop3Protocol(TwistedProtocol):
    """One connection. Made by `Pop3Factory`, which it tells when it is gone.

    Commands are answered in order: while one waits for a password check or a worker, those behind it wait too.
    """

    def __init__(self, service: Service, settings: PopSettings, peer: Peer, serial: int) -> None:
        self._service = service
        self._settings = settings
        self._peer = peer
        self._serial = serial
        self._commands = CommandReader()
        self._challenge = service.challenge(settings.greeting)
        self._phase: Login | Transaction = Login(self._commands, self._challenge or None, settings.greeting)
        self._mailbox: RemoteMailbox | None = None
        self._checking: Deferred[Any] | None = None  # a login that must not go on without its client
        self._drained: Deferred[None] | None = None
        self._name = b""
        self._failed_logins = self._deleted = self._failures = self._sent = 0
        self._is_pumping = self._is_congested = self._is_eof = self._is_stopping = False
        self._is_lost = self._is_over = False
        self._is_reading = True
        self._active = service.clock.seconds()

    # -- what the transport tells us

    def connectionMade(self) -> None:
        """Greet."""
        if ITCPTransport.providedBy(self.transport):
            self.transport.setTcpNoDelay(True)  # one answer, one packet
        self._wire = cast(Wire, self.transport)  # Twisted's type promises only what every transport has
        self._wire.registerProducer(self, True)
        self._run()

    def dataReceived(self, data: bytes) -> None:
        """Take commands."""
        self._active = self._service.clock.seconds()
        self._phase.receive(data)
        self._run()

    def readConnectionLost(self) -> None:
        """The client sends nothing more, but still reads: everything it sent gets its answer."""
        self._is_eof = True
        self._run()

    def writeConnectionLost(self) -> None:
        """We have closed our side."""

    def connectionLost(self, reason: Failure | None = None) -> None:
        """The connection is gone; without QUIT nothing is deleted and nothing moved."""
        self._is_lost = True
        self._end(b"the client closed the connection")
        if self._checking is not None:
            self._checking.cancel()
        if self._drained is not None:
            self.resumeProducing()
        self._service.gone(self, self._peer)

    def pauseProducing(self) -> None:
        """The client does not read: we send nothing more, and read none of its commands."""
        self._is_congested = True
        self._set_reading()

    def resumeProducing(self) -> None:
        """What we sent is on its way."""
        self._is_congested = False
        self._active = self._service.clock.seconds()
        if self._drained is not None:
            drained, self._drained = self._drained, None
            drained.callback(None)
        self._run()

    def stopProducing(self) -> None:
        """The transport is closing; connectionLost follows."""

    # -- the pump

    def _run(self) -> None:
        if self._is_pumping or self._is_over:
            return
        self._is_pumping = True
        try:
            self._pump()
        except Exception:  # a bug ends one session, never the daemon, and nothing is deleted
            self._note_bug()
        finally:
            self._is_pumping = False

    def _pump(self) -> None:
        while not (self._is_congested or self._is_over):
            event = self._phase.next_event()
            if isinstance(event, Pause):
                self._flush()
                if event is NEED_DATA and self._is_eof:
                    self._end(b"the client closed the connection")
                elif event is NEED_DATA and self._is_stopping:
                    self._end(b"the server is stopping")
                break
            if isinstance(event, Retrieve):
                self._start(self._retrieve(event))
            elif isinstance(event, Credentials):
                self._start(self._enter(event))
            elif isinstance(event, Quit):
                self._start(self._quit(event))
            elif isinstance(event, Hangup):
                self._flush()
                self._end(b"quit")
            elif isinstance(event, Flush):
                self._flush()
        self._set_reading()

    def _start(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        """Let a coroutine run; the pump goes on when it has ended."""
        Deferred.fromCoroutine(self._guard(work))

    async def _guard(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        try:
            await work
        except CancelledError:
            return
        except Exception:
            self._note_bug()
            return
        self._run()

    def _flush(self) -> None:
        self._write(self._phase.take_output())

    def _write(self, data: bytes) -> None:
        if data and not self._is_lost:
            self._sent += len(data)
            self._active = self._service.clock.seconds()
            self._wire.write(data)

    def _set_reading(self) -> None:
        is_wanted = not self._is_congested and len(self._commands) <= INPUT_LIMIT_BYTES
        if self._is_reading is not is_wanted and not (self._is_eof or self._is_over):
            self._is_reading = is_wanted
            if is_wanted:
                self._wire.resumeProducing()
            else:
                self._wire.pauseProducing()

    def _end(self, reason: bytes, is_abort: bool = False) -> None:
        """Once: hang up when all is written, say so in the log, let the mailbox go."""
        if self._is_over:
            return
        self._is_over = True
        if not self._is_lost:
            self._wire.unregisterProducer()
            if is_abort:
                self._wire.abortConnection()
            else:
                self._wire.loseConnection()
        retrieved = self._phase.retrievals if isinstance(self._phase, Transaction) else 0
        counts = (retrieved, self._deleted, self._failures, self._sent)
        self._log(logbook.Closed(self._serial, self._shown_peer(), reason, self._name, *counts, self._peer.rule))
        if self._mailbox is not None:
            self._mailbox.abandon()

    def _break(self, answer: bytes, reason: bytes) -> None:
        """The mailbox is out of reach: say so and hang up."""
        self._flush()
        self._write(answer)
        self._end(reason)

    def _note_bug(self) -> None:
        for line in traceback.format_exc().splitlines():
            self._service.log(b"pop3 %d: bug: %s" % (self._serial, line.encode("ascii", "backslashreplace")))
        try:
            self._end(b"internal error", is_abort=True)
        except Exception:
            self._service.log(b"pop3 %d: bug: %s" % (self._serial, repr(sys.exc_info()[1]).encode()))

    def _log(self, fact: logbook.Pop3Fact) -> None:
        self._service.log(logbook.word(fact))

    def _shown_peer(self) -> bytes:
        return b"%s:%d" % (self._peer.ip, self._peer.port)

    # -- the login

    async def _enter(self, wanted: Credentials) -> None:
        self._flush()
        check = self._service.gatekeeper.login(
            wanted.name, wanted.secret, wanted.is_apop, self._challenge, self._peer.ip
        )
        self._checking = Deferred.fromCoroutine(check)
        try:
            admission = await self._checking
        finally:
            self._checking = None
        if admission.worker is not None:
            return await self._open(wanted.name, admission.worker)
        self._refuse(wanted.name, LATER if admission.is_temporary else REFUSED, admission.reason)
        return None

    def _refuse(self, name: bytes, answer: bytes, reason: bytes) -> None:
        assert isinstance(self._phase, Login)
        self._log(logbook.LoginRefused(self._serial, self._shown_peer(), name, reason))
        self._failed_logins += 1
        self._phase.refused(answer, is_last=self._failed_logins >= self._settings.max_failures)

    async def _open(self, name: bytes, worker: MailboxWorker) -> None:
        assert isinstance(self._phase, Login)
        try:
            mailbox = await open_mailbox(worker, self._settings.maildir)
        except MailError as error:
            text = error.text.encode("ascii", "replace").partition(b"\n")[0]
            code = b"" if isinstance(error, Permanent) else b"[SYS/TEMP] "
            return self._refuse(name, b"-ERR %s%s\r\n" % (code, text), text)
        if self._is_over:  # nobody waits for it any more
            return mailbox.abandon()
        self._name = name
        self._mailbox = mailbox
        sizes, names = mailbox.listing.sizes, mailbox.listing.names
        self._log(logbook.LoggedIn(self._serial, self._shown_peer(), name, len(sizes), sum(sizes)))
        self._phase.accepted()
        self._flush()
        self._phase = Transaction(self._commands, sizes, names)
        return None

    # -- the mailbox

    async def _retrieve(self, asked: Retrieve) -> None:
        session, mailbox = self._phase, self._mailbox
        assert isinstance(session, Transaction) and mailbox is not None
        encoder = session.encoder(asked)
        try:
            piece, has_more = await mailbox.fetch(asked.position, 0)
        except Permanent:
            return session.missing()
        except MailError as error:
            return self._break(BROKEN, error.text.encode("ascii", "replace"))
        offset = len(piece)
        self._write_piece(session.take_output() + OK + encoder.encode(piece), encoder.finish, has_more, encoder.is_done)
        while has_more and not encoder.is_done:
            await self._until_drained()
            if self._is_over:
                return None
            try:
                piece, has_more = await mailbox.fetch(asked.position, offset)
            except MailError as error:
                # Half a message must not look whole: no final dot.
                return self._end(error.text.encode("ascii", "replace"), is_abort=True)
            offset += len(piece)
            self._write_piece(encoder.encode(piece), encoder.finish, has_more, encoder.is_done)
        return session.retrieved()

    def _write_piece(self, data: bytes, finish: Callable[[], bytes], has_more: bool, is_done: bool) -> None:
        """One write where the whole answer fits."""
        self._write(data if has_more and not is_done else data + finish())

    async def _until_drained(self) -> None:
        if self._is_congested and not self._is_lost:
            self._drained = Deferred()
            await self._drained

    async def _quit(self, wanted: Quit) -> None:
        session, mailbox = self._phase, self._mailbox
        assert isinstance(session, Transaction) and mailbox is not None
        try:
            failures = await mailbox.leave(wanted.deletions)
        except MailError as error:
            return self._break(BROKEN, error.text.encode("ascii", "replace"))
        self._deleted, self._failures = len(wanted.deletions) - failures, failures
        return session.left(failures)

    # -- what the factory asks for

    def stop(self) -> None:
        """The server stops: the session ends with what is being answered."""
        self._is_stopping = True
        self._run()

    def cut_off(self) -> None:
        """The server cannot wait any longer."""
        self._end(b"the server is stopping", is_abort=True)

    def look(self, now: float) -> None:
        """Time has passed: hang up on a client that is silent or does not read, or whose mailbox does not answer."""
        limit_s = self._settings.timeout_s
        if self._is_over or (isinstance(self._phase, Login) and self._checking is None):
            limit_s = min(limit_s, LOGIN_S)
        if now - self._active < limit_s:
            return
        if self._is_over:  # it does not read our last words
            self._wire.abortConnection()
        else:
            self._end(b"timeout", is_abort=self._is_congested)
