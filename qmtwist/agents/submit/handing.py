"""Hand a message to the running server without starting qmail-queue, which costs as much as the whole caller.

A small message is sent in one piece with its introduction and its envelope, so that the server answers once. Until the
server has said that it takes the message all of it is kept here: it can still be given to the queue program.
"""

from __future__ import annotations

import os

from qmtwist.control.replaced import is_ours
from qmtwist.mail.shapes import Mapping
from qmtwist.wire import injection

from .injection import Handover, Lost, Unavailable, open_connection

PROGRAM = "bin/qmail-queue"
LOST = 74  # qmail-queue's exit code for it
TOGETHER_BYTES = 32768  # of message and envelope that are sent with the introduction; the server keeps twice as much


def reach(home: str, environ: Mapping[bytes, bytes]) -> Handing | None:
    """A server that listens for this process's mail now. None: the queue program has to be run.

    That is so where no server can be reached, where QMAILQUEUE names another program or one has taken the place of
    ours, and for a process with borrowed rights: on whose behalf it acts is for qmail-queue to tell.
    """
    if environ.get(b"QMAILQUEUE") or os.getuid() != os.geteuid():
        return None
    program = os.path.join(home, PROGRAM)
    if not is_ours(program) or os.path.islink(program):  # a null client's is a link
        return None
    for socket in injection.SOCKETS:
        try:
            return Handing(Handover(open_connection(f"{home}/{socket}")))
        except Unavailable:
            continue
    return None


class Handing:
    """One message on its way to the server. Made by `reach`; ends with `finish` or `abandon`.

    `kept` is what has been written while the server may still decline. After `is_declined` it has taken nothing.
    """

    def __init__(self, handover: Handover) -> None:
        self.kept = b""
        self.is_declined = False
        self._handover = handover
        self._is_introduced = False
        self._reply: injection.Reply | None = None

    def write(self, data: bytes) -> None:
        """The next bytes of the message. Trouble shows in the result of `finish`."""
        if not self._is_introduced:
            self.kept += data
            if len(self.kept) > TOGETHER_BYTES and self._introduce(b""):
                data, self.kept = self.kept, b""
                self._send(data)
        elif data:
            self._send(data)

    def finish(self, records: bytes) -> int:
        """Give the whole envelope and wait; the exit code that qmail-queue would have.

        :raises Unavailable: the server declines, and has taken nothing: `kept` is the whole message.
        """
        end = injection.END_OF_MESSAGE + injection.pieces(records)
        if not self._is_introduced and not self.is_declined:
            together = injection.pieces(self.kept) + end
            if len(together) <= 2 * TOGETHER_BYTES:
                self._introduce(together)
                end = b""
            elif self._introduce(b""):
                self._send(self.kept)
        if self.is_declined:
            raise Unavailable
        try:
            # A lost connection means the same before the envelope and after it: temporary, and no second way.
            return (self._reply or self._handover.finish(end)).code
        except Lost:
            return LOST
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Hang up: what was not finished is forgotten by the server."""
        self._handover.close()

    def _introduce(self, more: bytes) -> bool:
        """Say who we are, and `more`; whether the server goes on."""
        try:
            self._reply = self._handover.introduce(os.getuid(), os.getpid(), more)
        except Unavailable:
            self.is_declined = True
        except Lost:
            self._reply = injection.Reply(LOST, b"")
        self._is_introduced = not self.is_declined
        return self._is_introduced and self._reply is None

    def _send(self, data: bytes) -> None:
        if self._reply is None:
            try:
                self._reply = self._handover.send(injection.pieces(data))
            except Lost:
                self._reply = injection.Reply(LOST, b"")
