"""Leaving a list by one click: a small web service. (RFC 8058)

A link leads here (rules/lists/oneclick). GET shows a button and changes nothing; POST with `List-Unsubscribe=One-Click`
queues a message to the list's own address for it, which checks the cookie and takes the address off. The service has no
rights over any list. There is one request in a connection, and everything about it is limited.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from functools import partial
from ipaddress import ip_address
from typing import Any, cast

from twisted.internet.defer import Deferred, DeferredList
from twisted.internet.interfaces import IAddress, IDelayedCall, IHandshakeListener, ITLSTransport
from twisted.internet.protocol import Factory, Protocol, connectionDone
from twisted.python.failure import Failure
from twisted.web import http
from zope.interface import implementer

from qmtwist.control.settings import AccessSettings
from qmtwist.logbook import leaving as logbook
from qmtwist.mail.date import rfc822
from qmtwist.mail.envelope import Envelope
from qmtwist.mail.errors import MailError, Malformed
from qmtwist.mail.trace import smtp_received
from qmtwist.rules.lists import oneclick, page

from .door.crowd import Crowd
from .door.listen import NO_ACCESS, Door, Peer
from .door.sessions import Sessions
from .qmtp.factory import TurnedAway
from .seams import Origin, Receipt
from .smtp.clerk import Staff
from .tls.incoming import IncomingTls

HEADER_BYTES, HEADER_FIELDS, BODY_BYTES = 8192, 60, 4096
TOKEN_BYTES = 2048
IDLE_S, SESSION_S = 20, 60  # nobody needs longer for one small request
LINE_S = 1.0  # lines about what is refused come no oftener
REMEMBERED, REMEMBERED_S = 10_000, 3600  # wishes that are not queued again when somebody clicks twice
_BY_SOCKET = b"unknown"  # the address of who comes by a UNIX socket
NO_LINK = "This link is not one of ours, or not all of it has come here."


class Place:
    """What requests need to know of the service."""

    def __init__(self, staff: Staff, secret: Callable[[], bytes]) -> None:
        self.staff = staff
        self.secret = secret
        self.here = b""  # our name
        self.done: dict[bytes, float] = {}  # addresses to which a wish was sent, and when
        self._line_at = float("-inf")
        self._unsaid = 0

    def note_refusal(self, visit: logbook.Visit, method: bytes, code: int, why: bytes) -> None:
        """Log it, or count it."""
        now = self.staff.clock.seconds()
        if now - self._line_at < LINE_S:
            self._unsaid += 1
        else:
            self.staff.log(logbook.word_refused(visit, method, code, why, self._unsaid))
            self._line_at, self._unsaid = now, 0


class Request(http.Request):
    """One request. Made by its `Visit`."""

    def gotLength(self, length: int | None) -> None:
        """Room for the body; never a file."""
        super().gotLength(min(length or 0, BODY_BYTES))  # type: ignore[no-untyped-call]

    def handleContentChunk(self, data: bytes) -> None:
        """A piece of the body."""
        assert self.content is not None
        if self.content.tell() + len(data) > BODY_BYTES:
            cast(Visit, self.channel).abort()
        else:
            super().handleContentChunk(data)  # type: ignore[no-untyped-call]

    def process(self) -> None:
        """It is complete: a guard post."""
        try:
            cast(Visit, self.channel).answer(self)
        except Exception:
            cast(Visit, self.channel).note_bug()
            self.say(500, page.refusal("Something is wrong here. Please try again later."))

    def say(self, code: int, text: bytes) -> None:
        """The answer."""
        if self._disconnected or self.finished:
            return
        self.setResponseCode(code)
        for name, value in page.FIELDS:
            self.setHeader(name, value)  # type: ignore[no-untyped-call]
        self.setHeader(b"Date", http.datetimeToString())  # type: ignore[no-untyped-call]
        self.setHeader(b"Content-Length", b"%d" % len(text))  # type: ignore[no-untyped-call]
        self.setHeader(b"Connection", b"close")  # type: ignore[no-untyped-call]
        if code == http.NOT_ALLOWED:
            self.setHeader(b"Allow", b"GET, HEAD, POST")  # type: ignore[no-untyped-call]
        self.write(text)  # type: ignore[no-untyped-call]  # which leaves it out for HEAD
        self.finish()  # type: ignore[no-untyped-call]


@implementer(IHandshakeListener)
class Visit(http.HTTPChannel):
    """One connection. Made by the service for a client that was let in."""

    requestFactory = Request
    totalHeadersSize = HEADER_BYTES
    maxHeaders = HEADER_FIELDS
    timeOut = IDLE_S

    def __init__(self, place: Place, hall: Sessions[Visit], peer: Peer, serial: int, tls: IncomingTls | None) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.callLater = place.staff.clock.callLater  # type: ignore[method-assign, assignment]  # TimeoutMixin asks for it
        self._place = place
        self._hall = hall
        self._peer = peer
        self._tls = tls
        name = b"%s:%d" % (peer.ip, peer.port)
        self._visit = logbook.Visit(b"http" if tls is None else b"https", serial, name)
        self._deadline: IDelayedCall | None = None
        self._is_waiting = False  # for the queue

    # -- the connection

    def connectionMade(self) -> None:
        """It begins, perhaps with a handshake."""
        self._deadline = self._place.staff.clock.callLater(SESSION_S, self.abort)
        if self._tls is None:
            super().connectionMade()  # type: ignore[no-untyped-call]
        else:
            cast(ITLSTransport, self.transport).startTLS(self._tls.greeting())

    def handshakeCompleted(self) -> None:
        """IHandshakeListener"""
        super().connectionMade()  # type: ignore[no-untyped-call]

    def checkPersistence(self, request: http.Request, version: bytes) -> bool:
        """One request is enough."""
        return False

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """It has gone; what was queued goes on."""
        if self._deadline is not None and self._deadline.active():
            self._deadline.cancel()
        super().connectionLost(reason)  # type: ignore[no-untyped-call]
        self._hall.gone(self, self._peer)

    def timeoutConnection(self) -> None:
        """Nothing has come for a while."""
        self.abort()

    def abort(self) -> None:
        """Hang up."""
        cast(Any, self.transport).abortConnection()

    # -- sessions.Session

    def look(self, now: float) -> None:
        """Its own timers do that."""

    def stop(self) -> None:
        """The server stops."""
        if not self._is_waiting:
            self.abort()

    def cut_off(self) -> None:
        """It will not wait."""
        self.abort()

    # -- requests

    def note_bug(self) -> None:
        """In an `except`."""
        self._hall.door.note_bug(traceback.format_exc())

    def answer(self, request: Request) -> None:
        """Answer, now or when the queue has."""
        self._visit = self._visit._replace(client=_client(request, self._peer.ip))
        path = bytes(request.path).rpartition(b"/")[2]
        try:
            secret = self._place.secret()
        except OSError as error:
            return self._refuse(request, 503, str(error).encode(), "Please try again later.")
        address = oneclick.address_of(secret, path) if len(path) <= TOKEN_BYTES else None
        try:
            who = oneclick.target_of(address or b"")
        except Malformed:
            return self._refuse(request, 404, b"no link of ours", NO_LINK)
        if request.method in (b"GET", b"HEAD"):
            return request.say(200, page.question(who))
        if request.method != b"POST":
            return self._refuse(request, http.NOT_ALLOWED, b"unknown method", "Please use the button.")
        if not _is_click(request):
            return self._refuse(request, 400, b"no one-click body", "Please use the button.")
        return self._leave(request, address or b"", who)

    def _refuse(self, request: Request, code: int, why: bytes, words: str) -> None:
        if request.method not in (b"GET", b"HEAD") or code >= 500:
            self._place.note_refusal(self._visit, request.method, code, why)
        request.say(code, page.refusal(words))

    def _leave(self, request: Request, address: bytes, who: oneclick.Leaving) -> None:
        now, done = self._place.staff.clock.seconds(), self._place.done
        if done.get(address, now - REMEMBERED_S) > now - REMEMBERED_S:
            return request.say(200, page.farewell(who))
        client = self._visit.client or self._peer.ip
        if not self._hall.door.take_message(client):
            return self._refuse(request, 429, b"too many messages in an hour", "Please try again later.")
        self._is_waiting = True
        try:
            self._queue(address, client, partial(self._queued, request, address, who))
        except MailError as error:
            self._queued(request, address, who, error)
        return None

    def _queue(self, address: bytes, client: bytes, done: Callable[[Receipt | MailError], None]) -> None:
        """:raises MailError: the queue takes nothing now."""
        staff, here = self._place.staff, self._place.here
        now = int(staff.clock.seconds())
        identity = b"%d.%d.oneclick" % (now, self._visit.serial)
        sender, text = oneclick.request(address, rfc822(now), identity, client)
        draft = staff.intake.open(Origin(b"from network", staff.uid), lambda: None)
        draft.write(smtp_received(b"HTTP", b"unknown", client, None, None, here, now) + text)
        draft.commit(Envelope(sender, (address,)), done)

    def _queued(self, request: Request, address: bytes, who: oneclick.Leaving, result: Receipt | MailError) -> None:
        self._is_waiting = False
        if isinstance(result, MailError):
            why = result.text.encode("utf-8", "backslashreplace")
            return self._refuse(request, 503, why, "Please try again later.")
        done = self._place.done
        done.pop(address, None)
        done[address] = self._place.staff.clock.seconds()
        if len(done) > REMEMBERED:
            del done[next(iter(done))]
        self._place.staff.log(logbook.word_accepted(self._visit, result.number, who.target, who.list))
        return request.say(200, page.farewell(who))


class LeavingService:
    """The whole of it, in clear and inside TLS. Made by `PackageServices`; lives as long as the daemon."""

    def __init__(self, staff: Staff, secret: Callable[[], bytes]) -> None:
        self.before_connection: Callable[[], None] = lambda: None  # may call `use`
        self._place = Place(staff, secret)
        door = Door(b"http", staff.clock, staff.log, staff.names, crowd=Crowd(staff.clock))
        self._hall: Sessions[Visit] = Sessions(staff.clock, door, lambda: SESSION_S)
        self._serial = 0
        self._tls: IncomingTls | None = None
        self.clear = Listener(self, is_secure=False)
        self.secure = Listener(self, is_secure=True)

    def use(
        self,
        concurrency: int,
        per_ip: int,
        name: bytes,
        access: AccessSettings = NO_ACCESS,
        tls: IncomingTls | None = None,
    ) -> None:
        """Settings for the connections that come from now on; `name` is that of this server.

        :raises OSError, Malformed: the rules for clients cannot be used; nothing has changed.
        """
        self._hall.door.configure(concurrency, per_ip, access)
        self._place.here, self._tls = name, tls

    def drain(self, patience_s: float) -> Deferred[object]:
        """End the sessions; fires when none is left."""
        return DeferredList([self._hall.drain(patience_s)]).addCallback(lambda _: None)

    def protocol(self, addr: IAddress, is_secure: bool) -> Protocol | None:
        """For who has connected."""
        self.before_connection()
        return self._hall.protocol(addr, lambda peer: self._visit(peer, is_secure), TurnedAway)

    def _visit(self, peer: Peer, is_secure: bool) -> Visit:
        self._serial += 1
        return Visit(self._place, self._hall, peer, self._serial, self._tls if is_secure else None)


class Listener(Factory):
    """The factory of the endpoints, in clear or inside TLS."""

    noisy = False

    def __init__(self, service: LeavingService, is_secure: bool) -> None:
        self._service = service
        self._is_secure = is_secure

    def buildProtocol(self, addr: IAddress) -> Protocol | None:  # type: ignore[override]
        """A visit, or a connection that is closed."""
        protocol = self._service.protocol(addr, self._is_secure)
        if protocol is not None:
            protocol.factory = self
        return protocol

    def log(self, request: http.Request) -> None:
        """What `http.Request` calls at its end; our lines are written before."""


def _is_click(request: http.Request) -> bool:
    """Whether the body is what RFC 8058 §3.2 says, as a form of either kind or without a type."""
    name, _, value = oneclick.BODY.partition(b"=")
    if request.args.get(name) == [value]:
        return True
    assert request.content is not None
    request.content.seek(0)
    return bytes(request.content.read(BODY_BYTES)).strip() == oneclick.BODY


def _client(request: http.Request, ip: bytes) -> bytes:
    """Whom a proxy on this host names as its client; empty for others, who could name anybody."""
    try:
        if ip != _BY_SOCKET and not ip_address(ip.decode()).is_loopback:
            return b""
        named = request.requestHeaders.getRawHeaders(b"X-Forwarded-For") or [b""]
        return str(ip_address(named[-1].rpartition(b",")[2].strip().decode())).encode()
    except ValueError:
        return b""
