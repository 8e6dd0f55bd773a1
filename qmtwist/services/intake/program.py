"""The way in through another program: QMAILQUEUE, or a bin/qmail-queue that is not ours. (qmail-queue(8))

The message goes to its descriptor 0, the envelope to 1; a text of its own may come from 6.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from twisted.internet.interfaces import IPushProducer, IReactorProcess
from twisted.internet.protocol import ProcessProtocol
from twisted.python.failure import Failure
from zope.interface import implementer

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, Permanent, Temporary
from qmtwist.rules.queueresult import CRASHED, result_text
from qmtwist.services.seams import Committed, Origin, Receipt
from qmtwist.wire.envelope import encode_envelope

OWN_TEXT_BYTES = 255


class ProgramIntake:
    """Made by `assemble` where a program stands in for our own queueing, and for single sessions by a rule."""

    def __init__(self, reactor: IReactorProcess, home: str, program: bytes, environment: dict[bytes, bytes]) -> None:
        self._reactor = reactor
        self._home = home
        self._program = program
        self._environment = environment

    def open(self, origin: Origin, on_drain: Callable[[], None]) -> ProgramDraft:
        """Start the program.

        :raises Temporary: it cannot be started.
        """
        draft = ProgramDraft(on_drain)
        try:
            self._reactor.spawnProcess(
                draft,
                self._program,
                [self._program],
                env=self._environment,
                path=self._home.encode(),
                childFDs={0: "w", 1: "w", 2: 2, 6: "r"},
            )
        except OSError as error:
            raise Temporary("qq temporary problem (#4.3.0)", "4.3.0") from error
        return draft


@implementer(IPushProducer)
class ProgramDraft(ProcessProtocol):
    """One message handed to one process (seams.Draft); its number is the process id."""

    def __init__(self, on_drain: Callable[[], None]) -> None:
        self.number = 0
        self._on_drain = on_drain
        self._is_paused = False
        self._is_broken = False
        self._is_over = False
        self._text = b""
        self._process: Any = None  # IProcessTransport names neither pid nor pipes
        self._message_pipe: Any = None
        self._done: Committed | None = None
        self._result: Receipt | MailError | None = None

    # -- seams.Draft

    def write(self, data: bytes) -> bool:
        """Pass it on; False while the program is behind."""
        if not self._is_over:
            self._put(0, data)
        return not self._is_paused

    def commit(self, envelope: Envelope, done: Committed) -> None:
        """Hand over the envelope; the program's exit code is the answer."""
        self._done = done
        if self._result is not None:
            done(self._result)
            return
        if 1 not in self._process.pipes:  # it cannot have queued what it was not told
            self._is_broken = True
        self._put(1, encode_envelope(envelope))
        self._process.closeChildFD(0)
        self._process.closeChildFD(1)

    def abandon(self) -> None:
        """End the program; without an envelope it must not queue anything."""
        if not self._is_over:
            self._process.loseConnection()

    def _put(self, descriptor: int, data: bytes) -> None:
        if descriptor in self._process.pipes:  # or the program has closed it; its exit code tells why
            self._process.writeToChild(descriptor, data)

    # -- Twisted

    def connectionMade(self) -> None:
        """The program runs."""
        self._process = self.transport
        self.number = self._process.pid
        self._message_pipe = self._process.pipes[0]
        self._message_pipe.registerProducer(self, True)

    def pauseProducing(self) -> None:
        """The program reads more slowly than the client sends."""
        self._is_paused = True

    def resumeProducing(self) -> None:
        """It has caught up."""
        if self._is_paused:
            self._is_paused = False
            self._on_drain()

    def stopProducing(self) -> None:
        """The pipe is closed: by us after the last byte, or by the program before it."""
        pipe = self._message_pipe
        is_written = self._done is not None and not pipe.dataBuffer and not pipe._tempDataBuffer
        self._is_broken |= not is_written
        self.resumeProducing()

    def childDataReceived(self, childFD: int, data: bytes) -> None:
        """A text of the program's own."""
        if childFD == 6 and len(self._text) < OWN_TEXT_BYTES:
            self._text = (self._text + data)[:OWN_TEXT_BYTES]

    def processEnded(self, reason: Failure) -> None:
        """Its exit code says what became of the message."""
        self._is_over = True
        code = getattr(reason.value, "exitCode", None)
        text = CRASHED if code is None else result_text(code, self._text, self._is_broken)
        self._result = self._meaning(text)
        if self._done is not None:
            self._done(self._result)

    def _meaning(self, text: bytes) -> Receipt | MailError:
        if not text:
            return Receipt(self.number)
        words = text[1:].replace(b"\r", b" ").replace(b"\n", b" ").decode("latin-1")
        return Permanent(words, "5.3.0") if text[:1] == b"D" else Temporary(words, "4.3.0")
