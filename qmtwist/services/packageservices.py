"""QMTP, QMQP, OFMIP and leaving lists in the daemon: the listeners that control/ asks for, set up together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

from twisted.internet.defer import Deferred
from twisted.internet.protocol import Factory

from qmtwist.control.settings import Settings

from .qmtp.factory import PackageSettings
from .qmtp.qmqpd import QmqpFactory
from .qmtp.qmtpd import QmtpFactory
from .smtp.clerk import Staff
from .smtp.ofmipd import OfmipFactory
from .tls.incoming import IncomingTls
from .tls.ownkey import Unusable

if TYPE_CHECKING:
    from .leaving import LeavingService

NO_CERTIFICATE = "there is no control/servercert.pem, nor does control/tlscert name a certificate; run qmtwist tlskey"


class Listening(NamedTuple):
    """An endpoint that is to be listened on."""

    service: str
    endpoint: str
    factory: Factory


class PackageServices:
    """Made by `assemble` at the start; lives as long as the daemon."""

    def __init__(self, staff: Staff, settings: Settings, secret: Callable[[], bytes]) -> None:
        """`secret` is what links for leaving lists are made with.

        :raises OSError, Malformed: the rules for clients cannot be used.
        :raises Unusable: there is to be TLS, and our certificate or its key is not good for it.
        """
        listen = settings.listen
        self._log = staff.log
        self._qmtp = QmtpFactory(staff) if listen.qmtp or listen.qmtps else None
        self._qmqp = QmqpFactory(staff) if listen.qmqp or listen.qmqps else None
        self._ofmip = OfmipFactory(staff) if listen.ofmip else None
        self._leaving = _leaving(staff, secret) if listen.http or listen.https else None
        self._has_tls = bool(listen.qmtps or listen.qmqps or listen.https)
        self._tls = _certificate(settings) if self._has_tls else None
        self._https = _certificate(settings, wants_key=False) if listen.https else None
        self._apply(settings)

    def endpoints(self, settings: Settings) -> Iterator[Listening]:
        """Where to listen."""
        listen = settings.listen
        if self._qmtp is not None:
            yield from (Listening("qmtp", endpoint, self._qmtp.clear) for endpoint in listen.qmtp)
            yield from (Listening("qmtps", endpoint, self._qmtp.secure) for endpoint in listen.qmtps)
        if self._qmqp is not None:
            yield from (Listening("qmqp", endpoint, self._qmqp.clear) for endpoint in listen.qmqp)
            yield from (Listening("qmqps", endpoint, self._qmqp.secure) for endpoint in listen.qmqps)
        if self._ofmip is not None:
            yield from (Listening("ofmip", endpoint, self._ofmip) for endpoint in listen.ofmip)
        if self._leaving is not None:
            yield from (Listening("http", endpoint, self._leaving.clear) for endpoint in listen.http)
            yield from (Listening("https", endpoint, self._leaving.secure) for endpoint in listen.https)

    def before_connection(self, look: Callable[[], None]) -> None:
        """What is called before each connection is let in; it may call `configure`."""
        for service in (self._qmtp, self._qmqp, self._ofmip, self._leaving):
            if service is not None:
                service.before_connection = look

    def configure(self, settings: Settings) -> None:
        """A reload. A certificate that is no good leaves the one that was.

        :raises OSError, Malformed: the rules for clients cannot be used.
        """
        if self._has_tls:
            try:
                self._tls = _certificate(settings)
                if self._https is not None:
                    self._https = _certificate(settings, wants_key=False)
            except Unusable as trouble:
                self._log(f"alert: unable to reread our certificate: {trouble}".encode())
        self._apply(settings)

    def drain(self, patience_s: float) -> list[Deferred[Any]]:
        """End the sessions."""
        services = (self._qmtp, self._qmqp, self._ofmip, self._leaving)
        return [service.drain(patience_s) for service in services if service is not None]

    def _apply(self, settings: Settings) -> None:
        qmtp = settings.qmtp
        if self._qmtp is not None:
            self._qmtp.configure(_of(settings, qmtp.concurrency), settings.smtp, settings.access, self._tls)
        if self._qmqp is not None:
            local = settings.smtp.localiphost
            self._qmqp.configure(_of(settings, qmtp.concurrencyqmqp), local, settings.access, self._tls)
        if self._ofmip is not None:
            self._ofmip.use(settings.smtp, settings.ofmip, settings.access)
        if self._leaving is not None:
            per_ip = settings.smtp.concurrencyperip
            self._leaving.use(settings.web.concurrency, per_ip, settings.me, settings.access, self._https)


def _of(settings: Settings, concurrency: int) -> PackageSettings:
    qmtp = settings.qmtp
    return PackageSettings(qmtp.timeout_s, concurrency, settings.smtp.concurrencyperip, qmtp.tlsclients)


def _leaving(staff: Staff, secret: Callable[[], bytes]) -> LeavingService:
    from .leaving import LeavingService  # a web server takes time to load

    return LeavingService(staff, secret)


def _certificate(settings: Settings, wants_key: bool = True) -> IncomingTls:
    certificate, key = settings.remote.tlscert, settings.remote.tlskey
    if certificate is None:
        raise Unusable(NO_CERTIFICATE)
    return IncomingTls(certificate, key or certificate, wants_key)
