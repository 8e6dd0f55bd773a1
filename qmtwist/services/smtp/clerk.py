"""What the SMTP service answers: the rules asked, the message handed to the queue, the log written."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, assert_never

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IReactorTime
from twisted.python.failure import Failure

from qmtwist.logbook import smtp as logbook
from qmtwist.mail.errors import MailError, Malformed, Permanent
from qmtwist.mail.trace import smtp_received
from qmtwist.rules import relay
from qmtwist.rules.spf.check import Client, Result
from qmtwist.rules.spf.field import received_spf
from qmtwist.rules.spf.policy import judge, level
from qmtwist.services.door.clientnames import ClientNames
from qmtwist.services.door.dnsbl import Blocklists, inquire
from qmtwist.services.door.listen import Door, Peer
from qmtwist.services.drafting import Drafting, environment_of
from qmtwist.services.seams import Intake, Origin, Receipt, RecipientCheck
from qmtwist.wire.smtp import reply as replies
from qmtwist.wire.smtp.events import (
    Content,
    MessageEnded,
    MessageOffered,
    MessageSpoiled,
    NodeOffered,
    RecipientOffered,
    Refused,
    SenderOffered,
)
from qmtwist.wire.smtp.reply import Reply
from qmtwist.wire.smtp.server import ServerSession

from .autoturn import AutoTurn
from .policy import SmtpPolicy
from .senderpolicy import SenderPolicies

REFUSAL_LINES = 20  # of one session in the log

Served = (
    SenderOffered | RecipientOffered | MessageOffered | Content | MessageEnded | MessageSpoiled | NodeOffered | Refused
)


class Staff(NamedTuple):
    """Whom the sessions of a service talk to. `log` takes a line without LF; `uid` is recorded with each message.

    Without `lists` only the variable RBLSMTPD of a client's rule keeps him out. Without `policies` there is no SPF.
    """

    clock: IReactorTime
    intake: Intake
    check: RecipientCheck
    log: Callable[[bytes], None]
    uid: int
    lists: Blocklists | None = None
    names: ClientNames | None = None
    turns: AutoTurn | None = None
    policies: SenderPolicies | None = None


class Clerk(Drafting):
    """Answers the events of one session. Made by its `SmtpProtocol`.

    It calls `wake` when an answer came later, `fail` inside an `except` when that went wrong.
    """

    __slots__ = ("_accepted", "_asked", "_door", "_inquiry", "_name", "_peer", "_policy", "_refusals", "_rules",
                 "_sender", "_serial", "_session", "_spf", "_staff", "_strictness", "local_ip",
                 "local_port")  # fmt: skip

    service = b"smtp"

    def __init__(
        self,
        staff: Staff,
        policy: SmtpPolicy,
        peer: Peer,
        serial: int,
        session: ServerSession,
        door: Door,
        wake: Callable[[], None],
        fail: Callable[[], None],
    ) -> None:
        super().__init__(wake, fail)
        self._staff = staff
        self._policy = policy
        self._peer = peer
        self._serial = serial
        self._name = b"%s:%d" % (peer.ip, peer.port)
        self._session = session
        self._door = door
        self._rules = policy.rules(peer)
        self._sender = b""
        self._strictness = 0 if staff.policies is None else level(policy.settings.spfbehavior, peer.variables)
        self._asked: Deferred[Result] | None = None
        self._spf: tuple[Client, Result] | None = None  # what was found for this sender
        self._accepted = self._refusals = 0
        self._inquiry = inquire(staff.lists, policy.lists, peer.ip, peer.variables)
        self.local_ip, self.local_port = b"unknown", 0

    def serve(self, event: Served) -> None:
        """Answer an event, now or later."""
        match event:
            case Content(data):
                self._write(data)
            case RecipientOffered(address):
                self._judge_recipient(address)
            case SenderOffered(address):
                self._judge_sender(address)
            case MessageOffered():
                self._open()
            case MessageEnded():
                self._commit(event)
            case MessageSpoiled():
                self.abandon()
            case NodeOffered(node):
                self._turn(node)
            case Refused(about, reply):
                self._note_refusal(about, reply)
            case other:
                assert_never(other)

    def forget(self) -> None:
        """The session is over: nothing that is still to come belongs to it, and an unfinished message is dropped."""
        self._transaction += 1
        self._inquiry.forget()
        if self._asked is not None:
            self._asked.cancel()
        self.abandon()

    def note_end(self, reason: bytes) -> None:
        """Log why the session ended."""
        unshown = max(0, self._refusals - REFUSAL_LINES)
        about = self._inquiry.words
        rule, accepted = self._peer.rule, self._accepted
        fact = logbook.Closed(self._serial, self._name, reason, accepted, unshown, about, rule, self.service)
        self._staff.log(logbook.word(fact))

    def note_bug(self, trace: str) -> None:
        """Log a traceback."""
        for line in trace.splitlines():
            self._staff.log(b"%s %d: bug: %s" % (self.service, self._serial, line.encode("utf-8", "backslashreplace")))

    def _turn(self, node: bytes) -> None:
        """ETRN is offered to those whom `turns` knows."""
        assert self._staff.turns is not None
        self._staff.turns.asked(self._peer, node).addCallback(self._turned, self._transaction)

    def _turned(self, reply: Reply, transaction: int) -> None:
        if transaction == self._transaction:
            self._session.tell(reply)
            self._wake()

    # -- senders and recipients

    def _judge_sender(self, offered: bytes) -> None:
        if not self._door.may_send(self._peer.ip):
            return self._session.abort(replies.TOO_MANY_MESSAGES, b"too many messages in an hour")
        self._spf = None
        try:
            self._sender = relay.rewrite_own_address(self._rules, offered)
        except OSError as trouble:
            return self._session.abort(replies.NO_ADDRESSES, b"own addresses: %s" % str(trouble).encode())
        return self._session.accept(self._sender)

    def _judge_recipient(self, offered: bytes) -> None:
        verdict = self._inquiry.verdict
        if verdict is None:
            return self._inquiry.when_known(partial(self._looked_up, self._transaction, offered))
        if verdict.code:
            return self._session.refuse(replies.listed(verdict.code, verdict.text))
        return self._judge_welcome(offered)

    def _looked_up(self, transaction: int, offered: bytes) -> None:
        if transaction == self._transaction:
            try:
                self._judge_recipient(offered)
            except Exception:
                self._fail()
            self._wake()

    def _judge_welcome(self, offered: bytes) -> None:
        """A recipient that a client names who is not kept out."""
        rules, session = self._rules, self._session
        if relay.is_bad_sender(rules, self._sender):
            return session.refuse(replies.BAD_SENDER)
        try:
            address = relay.rewrite_own_address(rules, offered)
            if rules.relayclient is not None:
                address += rules.relayclient
            elif not relay.may_receive(rules, address):
                return session.refuse(replies.NO_RELAY)
        except (OSError, Malformed) as trouble:
            return session.abort(replies.NO_CONTROLS, b"control/morercpthosts.cdb: %s" % str(trouble).encode())
        if self._strictness and self._spf is None:
            return self._ask_domain(address)
        return self._judge_by_spf(address)

    def _ask_domain(self, address: bytes) -> None:
        """Ask whether the sender's domain lets the client send, at the first recipient that could be taken."""
        policies, settings, now = self._staff.policies, self._policy.settings, int(self._staff.clock.seconds())
        assert policies is not None
        receiver = settings.localiphost or self.local_ip
        client = Client(self._peer.ip, self._sender, self._session.helo or b"", receiver, now)
        self._asked = policies.check(client, settings.spfrules)
        self._asked.addBoth(self._domain_answered, self._transaction, client, address)

    def _domain_answered(self, result: Result | Failure, transaction: int, client: Client, address: bytes) -> None:
        if transaction != self._transaction:
            return
        self._asked = None
        try:
            if isinstance(result, Failure):
                result.raiseException()
            self._spf = client, result
            self._judge_by_spf(address)
        except Exception:
            self._fail()
        self._wake()

    def _judge_by_spf(self, address: bytes) -> None:
        if self._spf is not None:
            client, result = self._spf
            refusal = judge(result, self._strictness, client, self._policy.settings.spfexp)
            if refusal is not None:
                return self._session.refuse(replies.foreign(refusal.code, refusal.text, refusal.status))
        return self._judge_mailbox(address)

    def _judge_mailbox(self, address: bytes) -> None:
        if not self._policy.settings.is_rcptcheck:
            return self._session.accept(address)
        verdict = self._staff.check.check(address)
        if isinstance(verdict, Deferred):
            verdict.addBoth(self._checked, self._transaction, address)
            return None
        return self._answer_check(address, verdict)

    def _checked(self, verdict: bool | None | Failure, transaction: int, address: bytes) -> None:
        if transaction != self._transaction:
            return
        try:
            # a check that failed says nothing about the recipient
            self._answer_check(address, None if isinstance(verdict, Failure) else verdict)
        except Exception:
            self._fail()
        self._wake()

    def _answer_check(self, address: bytes, has_mailbox: bool | None) -> None:
        if has_mailbox is False:
            self._session.refuse(replies.NO_MAILBOX)
        else:
            self._session.accept(address)

    # -- the message

    def _open(self) -> None:
        if not self._door.take_message(self._peer.ip):
            return self._session.abort(replies.TOO_MANY_MESSAGES, b"too many messages in an hour")
        program = self._peer.variables.get(b"QMAILQUEUE")
        origin = Origin(b"from network", self._staff.uid, program, environment=self._environment())
        try:
            # before 354: whatever the queue needs for this message is its own from now on
            self._draft = self._staff.intake.open(origin, self._drained)
        except MailError as trouble:
            return self._session.refuse(mail_error_reply(trouble))
        if self._spf is not None:
            client, result = self._spf
            self._write(received_spf(result, client))  # RFC 7208 §9.1: above our Received
        self._write(self._received())
        return self._session.go_ahead()

    def _received(self) -> bytes:
        variables, helo = self._peer.variables, self._session.helo
        remote_host = variables.get(b"TCPREMOTEHOST", b"unknown")
        return smtp_received(
            b"SMTP",
            remote_host,
            self._peer.ip,
            variables.get(b"TCPREMOTEINFO"),
            None if helo is None or helo.lower() == remote_host.lower() else helo,
            variables.get(b"TCPLOCALHOST") or self._policy.settings.localiphost or self.local_ip,
            int(self._staff.clock.seconds()),
        )

    def _environment(self) -> dict[bytes, bytes]:
        local = self.local_ip, self.local_port
        return environment_of(self._peer, local, self._policy.settings.localiphost or b"")

    def _commit(self, event: MessageEnded) -> None:
        self._write(event.data)
        self._hand_in(event.envelope, partial(self._committed, event))

    def _committed(self, event: MessageEnded, result: Receipt | MailError, is_waiting: bool) -> None:
        if isinstance(result, Receipt):
            sender, recipients = event.envelope
            self._accepted += 1
            serial, count = self._serial, len(recipients)
            fact = logbook.Accepted(serial, self._name, result.number, sender, count, event.size, self.service)
            self._staff.log(logbook.word(fact))  # even when the client has gone: the message is ours
            if is_waiting:
                self._session.stored(int(self._staff.clock.seconds()), result.number)
        elif is_waiting:
            self._session.refuse(mail_error_reply(result))
        if is_waiting:
            self._wake()

    def _note_refusal(self, about: bytes, reply: Reply) -> None:
        self._refusals += 1
        if self._refusals <= REFUSAL_LINES:
            fact = logbook.Refused(self._serial, self._name, about, reply.code, reply.text, self.service)
            self._staff.log(logbook.word(fact))


def mail_error_reply(error: MailError) -> Reply:
    """What a client is told when its message could not be taken; 452 is for a full disk. (RFC 5321 §4.2.2)

    >>> from qmtwist.mail.errors import Temporary
    >>> mail_error_reply(Temporary("disk full", "4.3.1")).plain
    b'452 disk full (#4.3.1)\\r\\n'
    """
    code = 554 if isinstance(error, Permanent) else 452 if error.status == "4.3.1" else 451
    text = error.text if "(#" in error.text or not error.status else f"{error.text} (#{error.status})"
    return replies.foreign(code, text.encode("utf-8"), error.status.encode("ascii"))
