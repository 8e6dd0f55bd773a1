"""serialqmtp's work: messages of a maildir down a QMTP connection, none waiting for the answer to another.

Messages go out for as long as the connection takes them, and answers are read as they come, in the same order: over a
slow line no time is lost in waiting. (serialqmtp(1); Bernstein, Quick Mail Transfer Protocol)
"""

from __future__ import annotations

import os
import select
import time

from qmtwist.mail.errors import Malformed
from qmtwist.mail.reasons import reason
from qmtwist.mail.shapes import Iterator, deque
from qmtwist.wire.netstring import netstring
from qmtwist.wire.qmtp import AnswerReader

from .ends import (
    FROM_NETWORK,
    PIECE_BYTES,
    TO_NETWORK,
    WRITE_S,
    Fatal,
    Opened,
    answer,
    open_message,
    prepare,
    read_names,
)

ANSWER_S = 3600


class SerialQmtp:
    """One connection, which is there already. Made by the program."""

    def __init__(self, prefix: bytes, remote_ip: bytes | None) -> None:
        self._prefix = prefix
        self._said = remote_ip + b" said: " if remote_ip else b""
        self._answers = AnswerReader()
        self._waiting: deque[bytes] = deque()  # names of what was sent, or has begun to be
        self._trouble: Fatal | None = None  # nothing more is sent; what was sent still has its answers
        self._written = 0.0  # when the connection last took something

    def run(self) -> None:
        """Send what descriptor 0 names, and wait for all answers.

        :raises Fatal: some have none.
        """
        prepare()
        self._written = time.monotonic()
        stream = self._packages()
        data: bytes | None = self._more(stream)
        while data is not None or self._waiting:
            ready = self._wait(data is not None)
            if not ready and data is None:
                raise Fatal(b"network read error: timed out")
            if FROM_NETWORK in ready:
                self._read()
            if TO_NETWORK in ready and data is not None:
                data = self._write(data)
            elif data is not None and time.monotonic() - self._written >= WRITE_S:
                self._stop(Fatal(b"unable to write to network: timed out"))
            if not data:
                data = self._more(stream) if self._trouble is None else None
        if self._trouble is not None:
            raise self._trouble

    # -- out

    def _packages(self) -> Iterator[bytes]:
        """Everything that is to be written, in pieces that are not empty."""
        for name in read_names():
            opened = open_message(name, self._prefix)
            if opened is not None:
                try:
                    yield from self._package(opened)
                finally:
                    os.close(opened.descriptor)

    def _package(self, opened: Opened) -> Iterator[bytes]:
        self._waiting.append(opened.name)
        # the first byte says that lines end with LF
        yield b"%d:\n" % (opened.size_bytes + 1)
        left = opened.size_bytes
        while left:
            try:
                piece = os.read(opened.descriptor, min(left, PIECE_BYTES))
            except OSError as error:
                raise Fatal(b"unable to read file: " + reason(error)) from error
            if not piece:
                raise Fatal(b"unable to read file: it has become shorter")
            left -= len(piece)
            yield piece
        yield b"," + netstring(opened.sender) + netstring(netstring(opened.recipient))

    def _more(self, stream: Iterator[bytes]) -> bytes | None:
        """The next piece to write; None: there is none."""
        try:
            piece = next(stream, None)
        except Fatal as trouble:
            self._stop(trouble)
            return None
        self._written = time.monotonic()  # the time it took to get it is not the other side's
        return piece

    def _write(self, data: bytes) -> bytes:
        """Write some of it; the rest."""
        try:
            data = data[os.write(TO_NETWORK, data) :]
        except BlockingIOError:
            return data
        except OSError as error:
            self._stop(Fatal(b"unable to write to network: " + reason(error)))
            return b""
        self._written = time.monotonic()
        return data

    def _stop(self, trouble: Fatal) -> None:
        """Send no more. The package that is on its way will never be complete, and has no answer."""
        self._trouble = trouble
        if self._waiting:
            self._waiting.pop()

    # -- in

    def _wait(self, is_writing: bool) -> set[int]:
        """Which end is ready; none: nothing came in or could go out for as long as we wait."""
        limit_s = WRITE_S if is_writing else ANSWER_S
        poll = select.poll()
        poll.register(FROM_NETWORK, select.POLLIN)
        if is_writing:
            poll.register(TO_NETWORK, select.POLLOUT)
        return {descriptor for descriptor, _ in poll.poll(limit_s * 1000)}

    def _read(self) -> None:
        try:
            data = os.read(FROM_NETWORK, PIECE_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise Fatal(b"network read error: " + reason(error)) from error
        if not data:
            raise self._trouble or Fatal(b"network read error: end of file")
        self._answers.receive(data)
        try:
            while self._waiting and (answered := self._answers.next_answer()):
                letter, text = answered
                answer(self._waiting.popleft(), letter, self._said + text)
            if not self._waiting and self._answers.has_unread:
                raise Malformed("an answer before the question")
        except Malformed as error:
            raise Fatal(b"remote protocol violation") from error
