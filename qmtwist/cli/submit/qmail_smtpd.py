"""qmail-smtpd: receive mail by SMTP

SYNOPSIS

    qmail-smtpd

DESCRIPTION

Receives mail messages by the Simple Mail Transfer Protocol on descriptors 0 and 1 and hands each to qmail-queue. It is
started once for a connection, by tcpserver, inetd or recordio; the service inside the daemon does the same work without
a process.

CONTROL FILES

me, smtpgreeting, localiphost, timeoutsmtpd (seconds, 1200), databytes (0: no limit), rcpthosts, morercpthosts.cdb,
badmailfrom, maxcommand, maxrecipients, maxerrors, maxidlecommands, spfbehavior, spfrules, spfexp, and for SPF
nameservers. They are read for each connection. Without rcpthosts every recipient is taken, from everybody, and a
warning is written to descriptor 2.

ENVIRONMENT

TCPREMOTEIP, TCPREMOTEHOST, TCPREMOTEINFO, TCPLOCALHOST, TCPLOCALIP (for the Received field), RELAYCLIENT (set: any
recipient is taken and the value is appended to it), DATABYTES (instead of the control file), BADMAILFROM (more entries
of badmailfrom, separated by blanks), SPFBEHAVIOR (instead of the control file), QMAILQUEUE (a program to run instead of
bin/qmail-queue).

EXIT STATUS

0 after QUIT, 1 after everything else.

SEE ALSO

tcp-environ(5), qmail-control(5), qmail-queue(8)
"""

from __future__ import annotations

import os
import time

from qmtwist.agents.submit.smtpstdio import SmtpStdio, Trouble, read_limits
from qmtwist.control import grammar
from qmtwist.control.morehosts import MoreHosts
from qmtwist.mail.errors import Malformed
from qmtwist.mail.shapes import TYPE_CHECKING, Mapping
from qmtwist.rules import relay
from qmtwist.rules.relay import RelayRules
from qmtwist.store.interfaces import own_addresses
from qmtwist.wire.smtp import reply as replies
from qmtwist.wire.smtp.events import (
    Content,
    Event,
    MessageEnded,
    MessageOffered,
    MessageSpoiled,
    RecipientOffered,
    SenderOffered,
    Terms,
    make_terms,
)
from qmtwist.wire.smtp.server import ServerSession

if TYPE_CHECKING:
    from qmtwist.agents.submit.senderpolicy import SenderPolicy

RELAY_WARNING = b"qmail-smtpd: warning: no control/rcpthosts: anybody can relay through this host\n"


def main(arguments: list[bytes], home: str) -> int:
    """Serve one client; the exit status."""
    environ = os.environb
    try:
        terms = read_terms(home, environ)
        rules = read_rules(home, environ)
        timeout_s = max(1, grammar.read_number(home, "timeoutsmtpd", 1200))
        policy = read_policy(home, environ)
    except (OSError, Malformed):
        os.write(1, replies.NO_CONTROLS.plain)
        return 1
    if rules.rcpthosts is None and rules.relayclient is None:
        os.write(2, RELAY_WARNING)
    return Conversation(home, environ, terms, rules, timeout_s, policy).run()


def read_terms(home: str, environ: Mapping[bytes, bytes]) -> Terms:
    """What the control files say about the session.

    :raises OSError: one cannot be read, or none has our name.
    """
    greeting = grammar.read_line(home, "smtpgreeting")
    if greeting is None:
        greeting = grammar.read_line(home, "me")
    if greeting is None:
        raise FileNotFoundError("control/me")
    # a process that sleeps costs more than the client it slows down
    return make_terms(greeting, read_limits(home, environ), is_slowing=False)


def read_rules(home: str, environ: Mapping[bytes, bytes]) -> RelayRules:
    """What the control files say about senders and recipients.

    :raises OSError: one cannot be read.
    """
    rcpthosts = grammar.read_list(home, "rcpthosts")
    localiphost = grammar.read_line(home, "localiphost")
    rules = RelayRules(
        None if rcpthosts is None else grammar.parse_names(rcpthosts),
        MoreHosts(grammar.control_path(home, "morercpthosts.cdb")),
        grammar.parse_names(grammar.read_list(home, "badmailfrom") or []),
        None,
        grammar.read_line(home, "me") if localiphost is None else localiphost,
        lambda packed: packed in own_addresses(),
    )
    return relay.with_variables(rules, environ)


def read_policy(home: str, environ: Mapping[bytes, bytes]) -> SenderPolicy | None:
    """SPF, if the control files or a variable want it for this client.

    :raises OSError: a file cannot be read.
    :raises Malformed: control/spfrules cannot be used.
    """
    wanted = grammar.read_number(home, "spfbehavior", 0)
    if b"RELAYCLIENT" in environ or not (wanted or b"SPFBEHAVIOR" in environ):
        return None
    from qmtwist.agents.submit.senderpolicy import SenderPolicy  # large, and not for everybody

    return SenderPolicy(home, environ, wanted)


class Conversation(SmtpStdio):
    """Pumps between descriptors 0 and 1, the session and the queue program. Lives as long as the connection."""

    def __init__(
        self,
        home: str,
        environ: Mapping[bytes, bytes],
        terms: Terms,
        rules: RelayRules,
        timeout_s: int,
        policy: SenderPolicy | None = None,
    ) -> None:
        super().__init__(home, environ, ServerSession(terms), timeout_s)
        self._rules = rules
        self._policy = policy
        self._sender = b""

    def _answer(self, event: Event) -> None:
        session = self._session
        if isinstance(event, Content):
            if self._submission is not None:
                self._submission.write(event.data)
        elif isinstance(event, RecipientOffered):
            self._judge_recipient(event.address)
        elif isinstance(event, SenderOffered):
            self._sender = relay.rewrite_own_address(self._rules, event.address)
            if self._policy is not None:
                self._policy.forget()
            session.accept(self._sender)
        elif isinstance(event, MessageOffered):
            self._open()
        elif isinstance(event, MessageEnded):
            self._finish(event)
        elif isinstance(event, MessageSpoiled):
            self._abandon()

    def _judge_recipient(self, offered: bytes) -> None:
        rules, session = self._rules, self._session
        if relay.is_bad_sender(rules, self._sender):
            return session.refuse(replies.BAD_SENDER)
        try:
            address = relay.rewrite_own_address(rules, offered)
        except OSError:
            raise Trouble(replies.NO_ADDRESSES) from None
        if rules.relayclient is not None:
            return session.accept(address + rules.relayclient)
        try:
            is_ours = relay.may_receive(rules, address)
        except (OSError, Malformed):
            raise Trouble(replies.NO_CONTROLS) from None
        if not is_ours:
            return session.refuse(replies.NO_RELAY)
        if self._policy is not None:
            self._write(session.take_output())  # before the DNS is asked
            refusal = self._policy.judge(self._sender, session.helo or b"")
            if refusal is not None:
                return session.refuse(replies.foreign(refusal.code, refusal.text, refusal.status))
        return session.accept(address)

    # -- the queue program

    def _open(self) -> None:
        session = self._session
        try:
            self._submit(b"SMTP", session.helo, self._policy.field if self._policy is not None else b"")
        except OSError:
            return session.refuse(replies.QUEUE_FAILURE)
        return session.go_ahead()

    def _finish(self, event: MessageEnded) -> None:
        submission, self._submission = self._submission, None
        assert submission is not None
        self._write(self._session.take_output())
        submission.write(event.data)
        self._tell(submission.finish(event.envelope), int(time.time()))
