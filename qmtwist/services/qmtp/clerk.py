"""What the QMTP and QMQP services answer: the message handed to the queue, the log written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

from qmtwist.logbook import qmtp as logbook
from qmtwist.mail.errors import MailError, Permanent
from qmtwist.mail.trace import smtp_received
from qmtwist.rules.dnsbl import Plan, Verdict
from qmtwist.services.door.dnsbl import KNOWN, inquire
from qmtwist.services.door.listen import Door, Peer
from qmtwist.services.drafting import Drafting, environment_of
from qmtwist.services.seams import Origin, Receipt
from qmtwist.services.smtp.clerk import Staff
from qmtwist.wire.package import (
    ANSWERED,
    Content,
    MessageBegan,
    MessageEnded,
    MessageSpoiled,
    PackageSession,
    RecipientOffered,
    SenderOffered,
)
from qmtwist.wire.smtp import reply as replies

TOO_MANY_MESSAGES = b"Z" + replies.TOO_MANY_MESSAGES.text
REFUSAL_LINES = 20  # of one session in the log
TEXT_BYTES = 400  # of an answer that was not written by us

Served = MessageBegan | Content | MessageSpoiled | SenderOffered | RecipientOffered | MessageEnded

_ONE_LINE = bytes(32 if byte < 32 or byte == 127 else byte for byte in range(256))


class Caller(NamedTuple):
    """The client of one session, its words in the log, and the door it came in by."""

    peer: Peer
    session: logbook.Session
    door: Door


NO_LISTS = Plan()


class PackageClerk(Drafting):
    """Answers the events of one session that both protocols have. Made by the session's factory.

    `attach` says whom it wakes when an answer came later, and how it tells (inside an `except`) that it went wrong;
    `begin` that the client is the one it will be.
    """

    def __init__(
        self,
        staff: Staff,
        core: PackageSession,
        caller: Caller,
        protocol: bytes,
        localhost: bytes,
        lists: Plan = NO_LISTS,
    ) -> None:
        """`protocol` and `localhost` are words of the Received field; an empty `localhost`: our address. `lists` are
        asked about the client, unless its rule or its key says who it is.
        """
        super().__init__(lambda: None, lambda: None)
        self._staff = staff
        self._core = core
        self._caller = caller
        self._protocol = protocol
        self._localhost = localhost
        self._lists = lists
        self._inquiry = KNOWN
        self._is_pinned = False
        self._accepted = self._refusals = 0
        self._has_complained = False  # about this message
        self.is_waiting = False  # for somebody else's answer
        self.local = (b"unknown", 0)  # our end's address and port

    def attach(self, wake: Callable[[], None], fail: Callable[[], None]) -> None:
        """Before anything else."""
        self._wake, self._fail = wake, fail

    def begin(self) -> None:
        """The session begins; what there was to be said by TLS has been said. A key counts for more than an address."""
        if not self._is_pinned:
            peer = self._caller.peer
            self._inquiry = inquire(self._staff.lists, self._lists, peer.ip, peer.variables)

    def introduce(self, name: bytes) -> None:
        """The client has one of the keys in control/tlsclients; `name` is what is written there."""
        self._is_pinned = True
        self._caller = self._caller._replace(session=self._caller.session._replace(name=name))

    @property
    def is_kept_out(self) -> bool:
        """Whether a list or a rule has something against the client: then no address of his is looked at."""
        verdict = self._inquiry.verdict
        return verdict is not None and verdict.code != 0

    @property
    def is_busy(self) -> bool:
        """Whether it is us for whom the client waits."""
        return self.is_behind or self.is_waiting

    def serve(self, event: Served) -> None:
        """Answer an event, now or later."""
        if isinstance(event, Content):
            self._write(event.data)
        elif isinstance(event, MessageBegan):
            self._open()
        elif isinstance(event, MessageEnded):
            self._commit(event)
        elif isinstance(event, MessageSpoiled):
            if self._core.fault:
                self._complain(None, self._core.fault)
            self._has_complained = False
            self.abandon()
        else:
            raise AssertionError(f"nobody asked about {event}")

    def forget(self) -> None:
        """The session is over: nothing that is still to come belongs to it, and an unfinished message is dropped."""
        self._transaction += 1
        self._inquiry.forget()
        self.abandon()

    def note_end(self, reason: bytes) -> None:
        """Log why the session ended, unless that was its only message, which has its own line."""
        if reason == ANSWERED:
            return
        unshown = max(0, self._refusals - REFUSAL_LINES)
        about = self._inquiry.words
        self._staff.log(logbook.word_closed(self._caller.session, reason, self._accepted, unshown, about))

    def note_bug(self, trace: str) -> None:
        """Log a traceback."""
        service, serial, *_ = self._caller.session
        for line in trace.splitlines():
            self._staff.log(b"%s %d: bug: %s" % (service, serial, line.encode("utf-8", "backslashreplace")))

    # -- the message

    def _open(self) -> None:
        """A message comes: no byte of it is stored before the lists have spoken, which they do within their limit."""
        self._has_complained = False
        verdict = self._inquiry.verdict
        if verdict is None:
            self.is_waiting = True
            return self._inquiry.when_known(partial(self._looked_up, self._transaction))
        if verdict.code:
            return self.refuse(None, listed_answer(verdict))
        return self._open_draft()

    def _looked_up(self, transaction: int) -> None:
        if transaction != self._transaction:
            return
        self.is_waiting = False
        try:
            self._open()
        except Exception:
            self._fail()
        self._wake()

    def _open_draft(self) -> None:
        peer = self._caller.peer
        if not self._caller.door.take_message(peer.ip):
            return self.refuse(None, TOO_MANY_MESSAGES)
        program = peer.variables.get(b"QMAILQUEUE")
        origin = Origin(
            b"from network", self._staff.uid, program, environment=environment_of(peer, self.local, self._localhost)
        )
        try:
            self._draft = self._staff.intake.open(origin, self._drained)
        except MailError as trouble:
            return self.refuse(None, mail_error_answer(trouble))
        self._write(self._received())
        return self._core.go_ahead()

    def _received(self) -> bytes:
        peer = self._caller.peer
        return smtp_received(
            self._protocol,
            peer.variables.get(b"TCPREMOTEHOST", b"unknown"),
            peer.ip,
            peer.variables.get(b"TCPREMOTEINFO"),
            None,
            peer.variables.get(b"TCPLOCALHOST") or self._localhost or self.local[0],
            int(self._staff.clock.seconds()),
        )

    def _commit(self, event: MessageEnded) -> None:
        self.is_waiting = True
        self._hand_in(event.envelope, partial(self._committed, event))

    def _committed(self, event: MessageEnded, result: Receipt | MailError, is_current: bool) -> None:
        self.is_waiting = False
        if isinstance(result, Receipt):
            sender, recipients = event.envelope
            self._accepted += 1
            line = logbook.word_accepted(self._caller.session, result.number, sender, len(recipients), event.size)
            self._staff.log(line)  # even when the client has gone: the message is ours
            if is_current:
                self._core.stored(int(self._staff.clock.seconds()), result.number)
        elif is_current:
            self.refuse(None, mail_error_answer(result))
        if is_current:
            self._wake()

    # -- saying no

    def refuse(self, about: bytes | None, text: bytes) -> None:
        """Refuse what is offered: an address or, with None, the message."""
        self._complain(about, text)
        self._core.refuse(text)

    def _complain(self, about: bytes | None, text: bytes) -> None:
        if about is None and self._has_complained:
            return
        self._has_complained = self._has_complained or about is None
        self._refusals += 1
        if self._refusals <= REFUSAL_LINES:
            why = self._inquiry.words if self.is_kept_out else b""
            self._staff.log(logbook.word_refused(self._caller.session, about, text, why))


def listed_answer(verdict: Verdict) -> bytes:
    """What a client is told whom a list or a rule keeps out.

    >>> listed_answer(Verdict(553, b"go away", b"RBLSMTPD"))
    b'Dgo away (#5.7.1)'
    """
    return b"%s%s (#%d.7.1)" % (b"D" if verdict.code == 553 else b"Z", verdict.text, verdict.code // 100)


def mail_error_answer(error: MailError) -> bytes:
    """What a client is told when its message could not be taken.

    >>> from qmtwist.mail.errors import Temporary
    >>> mail_error_answer(Temporary("disk full", "4.3.1"))
    b'Zdisk full (#4.3.1)'
    """
    text = error.text if "(#" in error.text or not error.status else f"{error.text} (#{error.status})"
    letter = b"D" if isinstance(error, Permanent) else b"Z"
    return letter + text.encode("utf-8").translate(_ONE_LINE)[:TEXT_BYTES].strip()
