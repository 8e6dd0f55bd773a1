"""QMQP, both sides, without a socket. (Bernstein, Quick Mail Queueing Protocol; qmail-qmqpd(8), qmail-qmqpc(8))

A request is `NS( NS(message) NS(sender) NS(recipient)... )`, one for a connection; it is answered by one netstring for
the whole message. Lines end with LF, and the bytes are stored as they are.
"""

from __future__ import annotations

from qmtwist.mail.envelope import Envelope

from .package import PackageSession, Steps

BAD_ADDRESS = b"Dsorry, I can't accept addresses like that (#5.1.3)"
TOO_MANY_RECIPIENTS = b"Dsorry, too many recipients (#5.5.3)"
_OUTER_BYTES = 100  # that the outer length may take


class QmqpServer(PackageSession):
    """One client's request. Made by a listener or by qmail-qmqpd, and over with the answer. Senders and recipients are
    not offered: whoever may use QMQP may name any. There may be no recipient at all.
    """

    __slots__ = ()

    def _run(self) -> Steps:
        self._budget = _OUTER_BYTES
        self._budget = yield from self._length(is_outer=True)
        yield from self._message((yield from self._length()), False)
        sender = yield from self._address((yield from self._length()))
        is_bad = sender is None
        recipients: list[bytes] = []
        while self._budget:
            recipient = yield from self._address((yield from self._length()))
            if recipient is None:
                is_bad = True
            elif len(recipients) <= self._limits.max_recipients:
                recipients.append(recipient)
        self._budget = -1
        yield from self._comma()
        if is_bad:
            yield from self._spoil(BAD_ADDRESS)
        elif len(recipients) > self._limits.max_recipients:
            yield from self._spoil(self._fault or TOO_MANY_RECIPIENTS)
        yield from self._end(Envelope(sender or b"", tuple(recipients)))
        self._say(self._answer)
        self.is_in_message = False
