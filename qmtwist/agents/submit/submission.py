"""Hand a message to the queue: to the running server, or to qmail-queue or what QMAILQUEUE names, as its client.

A program is started in the mail home with the message on descriptor 0, the envelope on 1 and a pipe for a text of its
own on 6. (qmail-queue(8), qmail.c) Either way nothing is queued before the last byte of the envelope has been written,
so whoever abandons a submission in the middle leaves nothing behind.
"""

from __future__ import annotations

import os

from qmtwist.mail.envelope import Envelope
from qmtwist.mail.shapes import Iterable, Mapping, NamedTuple, NoReturn
from qmtwist.store.durable import write_all
from qmtwist.wire.envelope import encode_envelope

from .handing import Handing, reach
from .injection import Unavailable

PROGRAM = b"bin/qmail-queue"
TEXT_BYTES = 255  # of descriptor 6 that are looked at
_CHUNK_BYTES = 65536

_TROUBLE = b"Zqq temporary problem (#4.3.0)"
_SURPRISE = b"Zqq waitpid surprise (#4.3.0)"


class SubmitResult(NamedTuple):
    """`qp` is the process id of the queue program, or our own if the server took the message from us; `text` is empty
    when the message is queued, else `D` (permanent) or `Z` (temporary) and a sentence without its full stop.
    """

    qp: int
    text: bytes


class Submission:
    """One message on its way into the queue. Made by whoever receives or writes it; ends with `finish` or `abandon`,
    and as a context manager abandons what was not finished.
    """

    def __init__(self, home: str | bytes, environ: Mapping[bytes, bytes]) -> None:
        """Reach the server of this home, or start its queue program with this environment.

        :raises OSError: no pipe or no process; temporary.
        """
        self._broken = False
        self._ended = False
        self._home, self._environ = os.fsencode(home), environ
        self._message = self._envelope = self._text = -1
        self._handing = reach(os.fsdecode(home), environ)
        if self._handing is not None:
            self.qp = os.getpid()
        else:
            self._start(self._home, environ)

    def _start(self, home: bytes, environ: Mapping[bytes, bytes]) -> None:
        """The queue program, with pipes to it and one back."""
        ours: list[int] = []
        theirs: list[int] = []
        try:
            for is_upward in (False, False, True):
                reading, writing = os.pipe()
                ours.append(reading if is_upward else writing)
                theirs.append(writing if is_upward else reading)
            self.qp = os.fork()
        except OSError:
            _close(ours)
            _close(theirs)
            raise
        if not self.qp:
            _become_queue_program(home, environ, theirs)
        _close(theirs)
        self._message, self._envelope, self._text = ours

    @property
    def is_handed(self) -> bool:
        """Whether it goes to the running server of this home, which has our queue; not to a program of somebody's."""
        return self._handing is not None

    def write(self, data: bytes) -> None:
        """The next bytes of the message. Trouble shows in the result of `finish`."""
        if self._handing is not None:
            self._handing.write(data)
            if not self._handing.is_declined:
                return
            data = self._turn_to_program(self._handing)
        if not self._broken:
            try:
                write_all(self._message, data)
            except OSError:
                self._broken = True

    def finish(self, envelope: Envelope) -> SubmitResult:
        """Give the envelope, and wait for the verdict.

        :raises ValueError: a NUL in an address, which would forge another envelope; nothing is queued.
        """
        if b"\0" in envelope.sender or any(b"\0" in recipient for recipient in envelope.recipients):
            self.abandon()
            raise ValueError("NUL in an envelope address")
        if self._handing is not None:
            try:
                code = self._handing.finish(encode_envelope(envelope))
            except Unavailable:
                self.write(self._turn_to_program(self._handing))
            else:
                self._ended = True
                return SubmitResult(self.qp, _text(code))
        if not self.qp:
            return SubmitResult(0, _TROUBLE)
        self._message = _close_once(self._message)
        if not self._broken:
            try:
                write_all(self._envelope, encode_envelope(envelope))
            except OSError:
                self._broken = True
        return self._verdict()

    def _turn_to_program(self, handing: Handing) -> bytes:
        """The server declines: start the queue program after all; what it has to be given of the message."""
        handing.abandon()
        self._handing = None
        try:
            self._start(self._home, self._environ)
        except OSError:
            self.qp, self._ended, self._broken = 0, True, True
        return handing.kept

    def abandon(self) -> None:
        """Make sure that nothing is queued: the program sees an envelope that ends before it began."""
        if self._handing is not None:
            self._handing.abandon()
        elif not self._ended:
            self._broken = True
            # The envelope first: the end of the message alone must never look like a complete one.
            self._envelope = _close_once(self._envelope)
            self._message = _close_once(self._message)
            self._verdict()

    def __enter__(self) -> Submission:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()

    def _verdict(self) -> SubmitResult:
        self._envelope = _close_once(self._envelope)
        own_text = b""
        try:
            while len(own_text) < TEXT_BYTES and (more := os.read(self._text, TEXT_BYTES - len(own_text))):
                own_text += more
        except OSError:
            own_text = b""
        self._text = _close_once(self._text)
        self._ended = True
        try:
            status = os.waitpid(self.qp, 0)[1]
        except OSError:
            return SubmitResult(self.qp, _SURPRISE)
        if os.WIFSIGNALED(status):
            return SubmitResult(self.qp, _crashed())
        return SubmitResult(self.qp, _text(os.WEXITSTATUS(status), own_text, self._broken))


def submit(
    home: str | bytes, message: int | Iterable[bytes], envelope: Envelope, environ: Mapping[bytes, bytes]
) -> SubmitResult:
    """Queue one message: a descriptor read to its end from where it stands, or pieces of bytes.

    Trouble with reading or with starting the program is a temporary result, not an exception; only trouble in the
    caller's own iterator comes through, and then nothing is queued.
    """
    try:
        submission = Submission(home, environ)
    except OSError:
        return SubmitResult(0, _TROUBLE)
    with submission:
        try:
            for piece in _pieces(message) if isinstance(message, int) else message:
                submission.write(piece)
        except OSError:
            submission.abandon()
            return SubmitResult(submission.qp, _text(54))
        return submission.finish(envelope)


def _text(code: int, own_text: bytes = b"", is_broken: bool = False) -> bytes:
    """What an exit code means. The texts are loaded when one is needed."""
    if not code and not is_broken:
        return b""
    from qmtwist.rules.queueresult import result_text

    return result_text(code, own_text, is_broken)


def _crashed() -> bytes:
    from qmtwist.rules.queueresult import CRASHED

    return CRASHED


def _pieces(descriptor: int) -> Iterable[bytes]:
    while piece := os.read(descriptor, _CHUNK_BYTES):
        yield piece


def _close_once(descriptor: int) -> int:
    """Close it unless that was done already; what to remember in its place."""
    if descriptor >= 0:
        os.close(descriptor)
    return -1


def _close(descriptors: list[int]) -> None:
    for descriptor in descriptors:
        os.close(descriptor)


def _become_queue_program(home: bytes, environ: Mapping[bytes, bytes], descriptors: list[int]) -> NoReturn:
    """The child: descriptors 0, 1 and 6 as agreed, nothing else of ours but 2, in the mail home."""
    from qmtwist.store.signals import signal

    try:
        program = environ.get(b"QMAILQUEUE") or PROGRAM
        # First out of the way of the numbers they are to get.
        high = [_duplicate_above(descriptor, 7) for descriptor in descriptors]
        for descriptor, target in zip(high, (0, 1, 6), strict=True):
            os.dup2(descriptor, target)
        os.closerange(3, 6)
        os.closerange(7, 65536)
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)
        try:
            os.chdir(home)
        except OSError:
            os._exit(61)
        os.execve(program, [program], dict(environ))
    except BaseException:
        os._exit(120)


def _duplicate_above(descriptor: int, lowest: int) -> int:
    """The same open file under a number of at least `lowest`."""
    import fcntl

    return fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, lowest)
