"""The OFMIP service: mail readers hand in what they want sent, and it is put into order. (ofmipd(8) of mess822)

It speaks SMTP and takes every recipient, so it is closed to everybody but those whom a rule of control/tcprules.ofmip
allows, or one of the common rules that gives RELAYCLIENT. Limits, time-outs and log lines are those of SMTP.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial

import attrs

from qmtwist.control.ofmipnames import OfmipNames
from qmtwist.control.settings import AccessSettings, OfmipSettings, SmtpSettings
from qmtwist.mail.errors import Malformed
from qmtwist.rules.completion import Hosts
from qmtwist.rules.ofmip import Author, Letter, Ofmip, received
from qmtwist.rules.rewrite import Rules, default_lines
from qmtwist.services.door.listen import NO_ACCESS, Door, Peer
from qmtwist.wire.smtp import reply as replies
from qmtwist.wire.smtp.events import Content, MessageEnded
from qmtwist.wire.smtp.ofmip import NO_NAMES, OfmipSession, letter_reply
from qmtwist.wire.smtp.server import ServerSession

from .clerk import Clerk, Served, Staff
from .policy import SmtpPolicy
from .smtpd import SmtpFactory


class OfmipClerk(Clerk):
    """Answers the events of one session; `ofmip` says what becomes of its mail."""

    __slots__ = ("_author", "_letter", "_ofmip")
    service = b"ofmip"

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
        ofmip: Ofmip,
    ) -> None:
        super().__init__(staff, policy, peer, serial, session, door, wake, fail)
        self._ofmip = ofmip
        self._author = Author(b"", None)
        self._letter: Letter | None = None

    def serve(self, event: Served) -> None:
        """Answer an event, now or later."""
        if isinstance(event, Content):
            if self._letter is not None:
                self._write(self._letter.receive(event.data))
        else:
            super().serve(event)

    def _judge_sender(self, offered: bytes) -> None:
        if not self._door.may_send(self._peer.ip):
            return self._session.abort(replies.TOO_MANY_MESSAGES, b"too many messages in an hour")
        try:
            author = self._ofmip.author(offered)
        except (OSError, Malformed) as trouble:
            return self._session.abort(NO_NAMES, b"control/ofmipname.cdb: %s" % str(trouble).encode())
        if author is None:
            return self._session.refuse(replies.SYNTAX)
        self._author = author
        return self._session.accept(author.address)

    def _judge_welcome(self, offered: bytes) -> None:
        """A recipient: whoever was let in may name everybody."""
        address = self._ofmip.recipient(offered)
        if address is None:
            self._session.refuse(replies.SYNTAX)
        else:
            self._session.accept(address)

    def _open(self) -> None:
        self._letter = self._ofmip.letter(self._author, int(self._staff.clock.seconds()))
        super()._open()

    def _received(self) -> bytes:
        info = self._peer.variables.get(b"TCPREMOTEINFO")
        return received(info, self._peer.ip, int(self._staff.clock.seconds()))

    def _commit(self, event: MessageEnded) -> None:
        letter, self._letter = self._letter, None
        assert letter is not None
        self._write(letter.receive(event.data))
        self._write(letter.end())
        if letter.fault is not None:
            self.abandon()
            return self._session.refuse(letter_reply(letter.fault))
        return self._hand_in(event.envelope, partial(self._committed, event))


class OfmipFactory(SmtpFactory):
    """The OFMIP service. Made by `PackageServices`; lives as long as the daemon."""

    word = b"ofmip"
    is_closed = True

    def __init__(self, staff: Staff) -> None:
        # lists of strangers are not asked about clients whom a rule allows, and nobody here gets mail back
        super().__init__(staff._replace(lists=None, turns=None, policies=None))
        self._rules = Rules(())
        self._idhost = b""
        self._names: OfmipNames | None = None

    def use(self, smtp: SmtpSettings, ofmip: OfmipSettings, access: AccessSettings = NO_ACCESS) -> None:
        """Settings for the connections that come from now on; at start and at every reload.

        :raises OSError, Malformed: the rules for clients cannot be used; nothing has changed.
        """
        self.configure(attrs.evolve(smtp, concurrencyincoming=ofmip.concurrency), access)
        hosts = Hosts(ofmip.defaulthost, ofmip.defaultdomain, ofmip.plusdomain, ofmip.idhost)
        self._rules = Rules(default_lines(hosts) if ofmip.rewrite is None else ofmip.rewrite)
        self._idhost = ofmip.idhost
        self._names = None if ofmip.names is None else OfmipNames(ofmip.names)

    def session(self, policy: SmtpPolicy, peer: Peer) -> ServerSession:
        """For a client that was let in."""
        return OfmipSession(policy.terms(peer))

    def clerk(
        self,
        policy: SmtpPolicy,
        peer: Peer,
        serial: int,
        session: ServerSession,
        wake: Callable[[], None],
        fail: Callable[[], None],
    ) -> Clerk:
        """Who answers what happens in it."""
        chance = int.from_bytes(os.urandom(8), "big")
        names = None if self._names is None else self._names.get
        ofmip = Ofmip(self._rules, self._idhost, os.getpid(), chance, names)
        return OfmipClerk(self.staff, policy, peer, serial, session, self.door, wake, fail, ofmip)
