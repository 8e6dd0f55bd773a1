"""Hand a message to the running server without starting qmail-queue, which costs as much as the whole caller."""

from __future__ import annotations

import os

from qmtwist.control.replaced import is_ours
from qmtwist.mail.shapes import Mapping
from qmtwist.wire import injection

from .injection import Handover, Lost, Unavailable, connect

PROGRAM = "bin/qmail-queue"
LOST = 74  # qmail-queue's exit code for it


def reach(home: str, environ: Mapping[bytes, bytes]) -> Handing | None:
    """A server that takes a message for this process now. None: the queue program has to be run.

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
            return Handing(connect(f"{home}/{socket}", os.getuid(), os.getpid()))
        except Unavailable:
            continue
    return None


class Handing:
    """One message on its way to the server. Made by `reach`; ends with `finish` or `abandon`."""

    def __init__(self, answer: Handover | injection.Reply) -> None:
        self._reply = answer if isinstance(answer, injection.Reply) else None
        self._handover = None if isinstance(answer, injection.Reply) else answer

    def write(self, data: bytes) -> None:
        """The next bytes of the message. Trouble shows in the result of `finish`."""
        if self._reply is None and self._handover is not None and data:
            try:
                self._reply = self._handover.send(injection.pieces(data))
            except Lost:
                self._reply = injection.Reply(LOST, b"")

    def finish(self, records: bytes) -> int:
        """Give the whole envelope and wait; the exit code that qmail-queue would have."""
        handover, reply = self._handover, self._reply
        if handover is None:
            return reply.code if reply is not None else LOST
        try:
            # A lost connection means the same before the envelope and after it: temporary, and no second way.
            return (reply or handover.finish(injection.END_OF_MESSAGE + injection.pieces(records))).code
        except Lost:
            return LOST
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Hang up: what was not finished is forgotten by the server."""
        handover, self._handover = self._handover, None
        if handover is not None:
            handover.close()
