"""The POP3 service of the daemon: sessions here, mailboxes in the users' workers. (RFC 1939, RFC 2449)

Passwords are checked by a Gatekeeper; listings, messages and deletions are asked of the worker of the user whose
mailbox it is.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any, cast

from twisted.internet.defer import Deferred
from twisted.internet.interfaces import IAddress, IReactorTime
from twisted.internet.protocol import Factory
from twisted.internet.protocol import Protocol as TwistedProtocol

from qmtwist.control.passwords import PasswordFile
from qmtwist.control.settings import AccessSettings, PopSettings
from qmtwist.mail.address import split
from qmtwist.services.disk import Disk
from qmtwist.services.door.clientnames import ClientNames
from qmtwist.services.door.listen import NO_ACCESS, Door, Peer
from qmtwist.services.door.sessions import Sessions
from qmtwist.services.wire import Wire

from .login import Gatekeeper, LoginAgent
from .session import Pop3Protocol

SWEEP_S = 5.0  # how often silent clients are looked for
TOO_MANY = b"-ERR [SYS/TEMP] too many connections\r\n"


class TurnedAway(TwistedProtocol):
    """A connection too many: told so, and closed."""

    def connectionMade(self) -> None:
        """Say it and hang up."""
        wire = cast(Wire, self.transport)
        wire.write(TOO_MANY)
        wire.loseConnection()


class Pop3Factory(Factory):
    """Makes a session of each connection that may come in. Made by `make_pop3_factory`; lives as long as it."""

    noisy = False

    def __init__(
        self,
        clock: IReactorTime,
        gatekeeper: Gatekeeper,
        log: Callable[[bytes], None],
        names: ClientNames | None = None,
    ) -> None:
        self.clock = clock
        self.gatekeeper = gatekeeper
        self.log = log
        self._sessions: Sessions[Pop3Protocol] = Sessions(clock, Door(b"pop3", clock, log, names), lambda: SWEEP_S)
        self._settings: PopSettings | None = None
        self._serial = 0
        self.gone = self._sessions.gone
        self.drain = self._sessions.drain

    def configure(self, settings: PopSettings, access: AccessSettings = NO_ACCESS) -> None:
        """Settings for the connections that come from now on; at start and at every reload.

        :raises OSError, Malformed: control/tcprules cannot be used; nothing has changed.
        """
        # one address alone cannot keep everybody else out
        self._sessions.door.configure(settings.concurrency, max(1, settings.concurrency // 2), access)
        self._settings = settings

    def challenge(self, host: bytes) -> bytes:
        """A challenge that was never used before; empty where APOP cannot work. (RFC 1939 §7)"""
        if not self.gatekeeper.has_apop:
            return b""
        return b"<%d.%d@%s>" % (int.from_bytes(os.urandom(8), "big"), int(self.clock.seconds()), host)

    def buildProtocol(self, addr: IAddress) -> TwistedProtocol | None:  # type: ignore[override]
        """A session, or a word of regret."""
        return self._sessions.protocol(addr, self._session, TurnedAway)

    def _session(self, peer: Peer) -> Pop3Protocol:
        assert self._settings is not None
        self._serial += 1
        return Pop3Protocol(self, self._settings, peer, self._serial)


class LoginThreads:
    """Two threads for password hashes: enough to keep a core busy, too few to starve the mail. Started when needed."""

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._disk: Disk | None = None

    def run(self, work: Callable[[bytes, bytes, bytes], bool], a: bytes, b: bytes, c: bytes, /) -> Deferred[bool]:
        """Call `work` in a thread."""
        if self._disk is None:
            self._disk = Disk(self._reactor, "passwords", threads=2)
            self._disk.start()
            self._reactor.addSystemEventTrigger("during", "shutdown", self._disk.stop)
        return self._disk.run(work, a, b, c)


def mailboxes_by(sort: Callable[[bytes], tuple[str, bytes]] | None) -> Callable[[bytes], bytes | None]:
    """Whose mailbox a login name means: `joe` is joe's; `joe@domain` goes by the rules of routing, None: not ours."""

    def mailbox_of(name: bytes) -> bytes | None:
        if b"@" not in name or sort is None:
            return split(name)[0] or None
        channel, recipient = sort(name)
        return split(recipient)[0] or None if channel == "local" else None

    return mailbox_of


def make_pop3_factory(
    reactor: Any,
    home: str,
    settings: PopSettings,
    agent: LoginAgent,
    log: Callable[[bytes], None],
    sort: Callable[[bytes], tuple[str, bytes]] | None = None,
    access: AccessSettings = NO_ACCESS,
    names: ClientNames | None = None,
) -> Pop3Factory:
    """The POP3 service's factory, for any stream endpoint; at a reload call its `configure`, at a stop its `drain`.

    `sort` gives channel and rewritten recipient of an address; without it a login name's domain is not looked at.

    :raises OSError, Malformed: control/tcprules cannot be used.
    """
    passwords = None if settings.checkpassword else PasswordFile(home)
    gatekeeper = Gatekeeper(reactor, agent, LoginThreads(reactor), passwords, mailboxes_by(sort))
    factory = Pop3Factory(reactor, gatekeeper, log, names)
    factory.configure(settings, access)
    return factory
