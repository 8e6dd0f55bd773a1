"""The QMTP service: relaying by SMTP's rules, an answer for each recipient. (qmail-qmtpd(8))

Beyond qmail: badmailfrom, control/rcptcheck, control/rbldns and the count of hops hold here as they do for SMTP.
"""

from __future__ import annotations

from twisted.internet.defer import Deferred
from twisted.python.failure import Failure

from qmtwist.control.settings import AccessSettings, SmtpSettings
from qmtwist.mail.errors import Malformed
from qmtwist.rules import relay
from qmtwist.rules.relay import RelayRules
from qmtwist.services.door.listen import NO_ACCESS, Peer
from qmtwist.services.smtp.clerk import Staff
from qmtwist.services.smtp.policy import SmtpPolicy
from qmtwist.services.tls.incoming import IncomingTls
from qmtwist.wire.package import Limits, RecipientOffered, SenderOffered
from qmtwist.wire.qmtpserver import QmtpServer
from qmtwist.wire.smtp import reply as replies
from qmtwist.wire.smtp.server import HOP_LIMIT

from .clerk import Caller, PackageClerk, Served
from .factory import PackageFactory, PackageSettings

ADDRESS_BYTES = 1000  # qmail's limit; RELAYCLIENT counts
BAD_SENDER = b"D" + replies.BAD_SENDER.text
NO_RELAY = b"D" + replies.NO_RELAY.text
NO_MAILBOX = b"D" + replies.NO_MAILBOX.text
NO_CONTROLS = b"Z" + replies.NO_CONTROLS.text


class QmtpClerk(PackageClerk):
    """Answers the events of one QMTP session. Made by `QmtpFactory`."""

    def __init__(self, staff: Staff, core: QmtpServer, caller: Caller, policy: SmtpPolicy, rules: RelayRules) -> None:
        super().__init__(staff, core, caller, b"QMTP", rules.localiphost or b"", policy.lists)
        self._qmtp = core
        self._rules = rules
        self._is_rcptcheck = policy.settings.is_rcptcheck

    def introduce(self, name: bytes) -> None:
        """A client whose key is pinned may relay."""
        super().introduce(name)
        if self._rules.relayclient is None:
            self._rules = self._rules._replace(relayclient=b"")

    def serve(self, event: Served) -> None:
        """Answer an event, now or later."""
        if self.is_kept_out and isinstance(event, SenderOffered | RecipientOffered):
            self._qmtp.accept(event.address)  # he hears why from the message, in one answer for all
        elif isinstance(event, RecipientOffered):
            self._judge_recipient(event.address)
        elif isinstance(event, SenderOffered):
            self._judge_sender(event.address)
        else:
            super().serve(event)

    def _judge_sender(self, sender: bytes) -> None:
        if relay.is_bad_sender(self._rules, sender):
            self.refuse(sender, BAD_SENDER)
            self._has_complained = True
        else:
            self._qmtp.accept(sender)

    def _judge_recipient(self, address: bytes) -> None:
        rules = self._rules
        if rules.relayclient is not None:
            address += rules.relayclient
        else:
            try:
                is_ours = relay.may_receive(rules, address)
            except (OSError, Malformed) as trouble:
                self._staff.log(b"qmtp: alert: control/morercpthosts.cdb: %s" % str(trouble).encode())
                return self.refuse(address, NO_CONTROLS)
            if not is_ours:
                return self.refuse(address, NO_RELAY)
        if not self._is_rcptcheck:
            return self._qmtp.accept(address)
        verdict = self._staff.check.check(address)
        if isinstance(verdict, Deferred):
            self.is_waiting = True
            verdict.addBoth(self._checked, self._transaction, address)
            return None
        return self._answer_check(address, verdict)

    def _checked(self, verdict: bool | None | Failure, transaction: int, address: bytes) -> None:
        if transaction != self._transaction:
            return
        self.is_waiting = False
        try:
            # a check that failed says nothing about the recipient
            self._answer_check(address, None if isinstance(verdict, Failure) else verdict)
        except Exception:
            self._fail()
        self._wake()

    def _answer_check(self, address: bytes, has_mailbox: bool | None) -> None:
        if has_mailbox is False:
            self.refuse(address, NO_MAILBOX)
        else:
            self._qmtp.accept(address)


class QmtpFactory(PackageFactory):
    """The QMTP service. Made by `make_qmtp_service`; lives as long as the daemon."""

    word = b"qmtp"
    is_closed = False
    _policy: SmtpPolicy

    def configure(
        self,
        settings: PackageSettings,
        smtp: SmtpSettings,
        access: AccessSettings = NO_ACCESS,
        tls: IncomingTls | None = None,
    ) -> None:
        """Settings for the connections that come from now on; relaying is by those of SMTP.

        :raises OSError, Malformed: the rules for clients cannot be used; nothing has changed.
        """
        self.use(settings, access, tls)
        self._policy = SmtpPolicy(smtp)

    def make(self, caller: Caller) -> tuple[QmtpServer, QmtpClerk]:
        """A session and its clerk."""
        policy, peer = self._policy, caller.peer
        rules, limits = policy.rules(peer), policy.terms(peer).limits
        longest = max(1, ADDRESS_BYTES - len(rules.relayclient or b""))
        core = QmtpServer(Limits(limits.databytes, limits.max_recipients, HOP_LIMIT, longest))
        return core, QmtpClerk(self.staff, core, caller, policy, rules)

    def is_welcome(self, peer: Peer) -> bool:
        """Everybody may deliver here whom the rules let in."""
        return True


def make_qmtp_service(
    staff: Staff,
    settings: PackageSettings,
    smtp: SmtpSettings,
    access: AccessSettings = NO_ACCESS,
    tls: IncomingTls | None = None,
) -> QmtpFactory:
    """The QMTP service, for any stream endpoint; at a reload call its `configure`, at a stop its `drain`.

    :raises OSError, Malformed: the rules for clients cannot be used.
    """
    service = QmtpFactory(staff)
    service.configure(settings, smtp, access, tls)
    return service
